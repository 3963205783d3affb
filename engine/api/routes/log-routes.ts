/** What operators did: by page, and as a file for the verifier. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import {
  type LoggedAct,
  listActs,
  listLogHeads,
  type SignedLogHead,
} from '../../../sql/statements/operators/operator-log.ts';
import { operations } from '../contract/operations.ts';
import { type ActJson, type LogHeadJson, NDJSON_MEDIA_TYPE } from '../contract/operator-log.ts';
import { PageQuery, pageLimit } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { readParameters } from '../http/input.ts';
import { addRoute } from '../http/routing.ts';

/** Of an export: with rows of any size, a line stays below the limit of the verifier, 4 MB. */
const ACTS_A_LINE = 100;

interface Page {
  readonly acts: readonly ActJson[];
  readonly heads: readonly LogHeadJson[];
  readonly next: number | null;
}

export function addLogRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.listActs, async request => {
    const query = readParameters(PageQuery, request.query);
    return await readPage(deps, query.after ?? 0, pageLimit(query));
  });

  addRoute(app, operations.exportActs, async (_request, reply) => {
    const first = await readPage(deps, 0, ACTS_A_LINE);
    reply.type(NDJSON_MEDIA_TYPE).header('content-disposition', 'attachment; filename="operator-log.ndjson"');
    return Readable.from(lines(deps, first));
  });
}

/** Rows never change, so the pages need not be read in one snapshot; the last one is that of the moment when it is read. */
async function* lines(deps: ApiDeps, first: Page): AsyncGenerator<string, void> {
  for (let page = first; ; page = await readPage(deps, page.next, ACTS_A_LINE)) {
    yield `${JSON.stringify(page)}\n`;
    if (page.next === null) return;
  }
}

async function readPage({ pool }: ApiDeps, after: number, limit: number): Promise<Page> {
  // Read before the acts, which then include what a head covers: a head behind the last row would say that rows are missing.
  const heads = await listLogHeads(pool, { after, limit });
  const found = await listActs(pool, { after, limit: limit + 1 });
  const acts = found.slice(0, limit);
  const next = found.length > limit ? (acts.at(-1)?.seq ?? null) : null;
  const shown = heads.filter(({ seq }) => next === null || seq <= next);
  return { acts: acts.map(actJson), heads: shown.map(headJson), next };
}

function actJson({ seq, at, operator, tokenId, role, action, target, reason, details, hash }: LoggedAct) {
  return {
    ...{ seq, at: at.toISOString(), operator, token: tokenId, role, action, target, reason },
    details: JSON.parse(details),
    hash: hash.toString('base64url'),
  };
}

function headJson({ seq, hash, at, keyId, signature }: SignedLogHead): LogHeadJson {
  return {
    ...{ seq, hash: hash.toString('base64url'), at: at.toISOString(), key: keyId },
    signature: signature.toString('base64url'),
  };
}
