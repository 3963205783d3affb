/** What operators did: by page, and as a file for the verifier. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import {
  type LoggedAct,
  listActs,
  listLogHeads,
  type SignedLogHead,
} from '../../../../sql/statements/operators/operator-log.ts';
import { operations } from '../../contract/operations.ts';
import { type ActJson, type LogHeadJson, NDJSON_MEDIA_TYPE } from '../../contract/operator-log.ts';
import { PageQuery, pageLimit } from '../../contract/schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';

/** Of an export: with rows of any size, a line stays below the limit of the verifier, 4 MB. */
const ACTS_A_LINE = 100;

interface Page {
  readonly acts: readonly ActJson[];
  readonly heads: readonly LogHeadJson[];
  readonly next: number | null;
}

export function addLogRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.listActs, request => pageOfLog(deps, readParameters(PageQuery, request.query)));

  addRoute(app, operations.exportActs, async (_request, reply) => {
    const first = await pageOfLog(deps, { limit: ACTS_A_LINE });
    reply.type(NDJSON_MEDIA_TYPE).header('content-disposition', 'attachment; filename="operator-log.ndjson"');
    return Readable.from(lines(deps, first));
  });
}

/** Rows never change, so the pages need not be read in one snapshot; the last one is that of the moment when it is read. */
async function* lines(deps: ApiDeps, first: Page): AsyncGenerator<string, void> {
  for (let page = first; ; page = await pageOfLog(deps, { after: page.next, limit: ACTS_A_LINE })) {
    yield `${JSON.stringify(page)}\n`;
    if (page.next === null) return;
  }
}

async function pageOfLog({ pool }: ApiDeps, query: Static<typeof PageQuery>): Promise<Page> {
  const { after = 0 } = query;
  // Read before the acts, which then include what a head covers: a head behind the last row would say that rows are missing.
  const heads = await listLogHeads(pool, { after, limit: pageLimit(query) });
  const { rows, next } = await readPage(
    query,
    limit => listActs(pool, { after, limit }),
    ({ seq }) => seq,
  );
  const shown = heads.filter(({ seq }) => next === null || seq <= next);
  return { acts: rows.map(actJson), heads: shown.map(headJson), next };
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
