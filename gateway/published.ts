/**
 * What a gateway shows of its signing: GET /v1/keys, and GET /v1/heads, the signed heads of all gateways as they are made.
 * Whoever keeps a copy of the heads binds us to them: none can be taken back or slipped in later.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { KeyRing } from '../engine/contract/key-ring.ts';
import { fieldFault } from '../engine/contract/problem.ts';
import { GATEWAY_COUNT } from '../engine/contract/stamp.ts';
import { type HeadPlace, readHeads } from '../sql/slices.ts';
import type { HeadList, KeyList } from './contract.ts';
import { SOON } from './entries.ts';
import { type Ledger, LedgerUnavailable } from './ledger.ts';
import type { Reply } from './reply.ts';
import type { RequestParts } from './requests.ts';

export interface PublishedParts extends RequestParts {
  readonly keys: KeyRing;
  readonly ledger: Ledger;
}

/** A page is some 130 KB. */
const HEADS_A_PAGE = 500;

/** GET /v1/keys. */
export function listKeys(parts: PublishedParts, reply: Reply): void {
  const answer: KeyList = { keys: [...parts.keys.publicKeys()] };
  reply.json(200, JSON.stringify(answer));
}

/** GET /v1/heads?after=<next of the page before>. */
export async function listHeads(parts: PublishedParts, reply: Reply, req: HttpRequest): Promise<void> {
  const text = req.getQuery('after') ?? '';
  const after = readPlace(text);
  if (after === undefined) {
    parts.metrics.refuse('invalid');
    const fault = fieldFault('after', text, 'what a page before gave as next, or nothing');
    reply.problem('invalid-request', 'after cannot be read.', { members: { errors: [fault] } });
    return;
  }
  try {
    const heads = await parts.ledger.ask(db => readHeads(db, after, HEADS_A_PAGE));
    const { lastUs, gateway } = heads.at(-1) ?? after;
    const answer: HeadList = {
      heads: heads.map(({ signedHead }) => signedHead.toString('base64url')),
      next: `${lastUs}.${gateway}`,
    };
    reply.json(200, JSON.stringify(answer));
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    parts.metrics.refuse('ledger');
    reply.problem('unavailable', 'The signed heads cannot be read at the moment.', { headers: SOON });
  }
}

/** `<last instant>.<gateway>`; undefined when it is something else. */
function readPlace(text: string): HeadPlace | undefined {
  if (text === '') return { lastUs: 0, gateway: 0 };
  const [, lastUs = 'none', gateway] = /^(\d{1,16})\.(\d{1,4})$/.exec(text) ?? [];
  const place = { lastUs: Number(lastUs), gateway: Number(gateway) };
  return Number.isSafeInteger(place.lastUs) && place.gateway < GATEWAY_COUNT ? place : undefined;
}
