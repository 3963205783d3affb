/**
 * GET /v1/keys, and GET /v1/heads: the signed heads of all gateways as they are made. A copy of the heads kept elsewhere
 * binds us to them: it shows if one is removed or inserted later. engine/monitor keeps such a copy.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { KeyRing } from '../../engine/contract/keys/key-ring.ts';
import { GATEWAY_COUNT } from '../../engine/contract/record/stamp.ts';
import { type HeadPosition, readHeads } from '../../sql/statements/books/slices.ts';
import type { HeadList, KeyList } from '../http/contract/published.ts';
import type { Reply } from '../http/reply.ts';
import { type RefusalParts, refuseInvalid } from '../http/requests.ts';
import type { Ledger } from './ledger.ts';
import { refuseUnavailable } from './unavailable.ts';

export interface KeyListParts {
  readonly keys: Pick<KeyRing, 'publicKeys'>;
}

export interface HeadListParts extends RefusalParts {
  readonly ledger: Pick<Ledger, 'ask'>;
}

/** A page is some 130 KB. */
const HEADS_A_PAGE = 500;

/** GET /v1/keys. */
export function listKeys(parts: KeyListParts, reply: Reply): void {
  const answer: KeyList = { keys: [...parts.keys.publicKeys()] };
  reply.json(200, JSON.stringify(answer));
}

/** GET /v1/heads?after=<next of the page before>. */
export async function listHeads(parts: HeadListParts, reply: Reply, req: HttpRequest): Promise<void> {
  const text = req.getQuery('after') ?? '';
  const after = readHeadPosition(text);
  if (after === undefined) {
    refuseInvalid(parts, reply, [fieldFault('after', text, 'the next of an earlier page, or nothing')]);
    return;
  }
  try {
    const { heads, throughUs } = await parts.ledger.ask(db => readHeads(db, after, HEADS_A_PAGE));
    const answer: HeadList = {
      heads: heads.map(({ signedHead }) => signedHead.toString('base64url')),
      next: headPositionText(heads.at(-1) ?? after),
      ...(heads.length < HEADS_A_PAGE ? { through_us: throughUs } : {}),
    };
    reply.json(200, JSON.stringify(answer));
  } catch (error) {
    refuseUnavailable(parts, reply, error, 'The signed heads cannot be read right now.');
  }
}

const BEFORE_ALL: HeadPosition = { firstUs: 0, gateway: 0, incarnation: 0, sliceNumber: 0 };

/** `<first instant>.<gateway>.<incarnation>.<slice number>`. */
function headPositionText({ firstUs, gateway, incarnation, sliceNumber }: HeadPosition): string {
  return `${firstUs}.${gateway}.${incarnation}.${sliceNumber}`;
}

/** The position that the text names; undefined if the text is invalid. */
function readHeadPosition(text: string): HeadPosition | undefined {
  if (text === '') return BEFORE_ALL;
  const match = /^(\d{1,16})\.(\d{1,4})\.(\d{1,16})\.(\d{1,16})$/.exec(text);
  const [firstUs = Number.NaN, gateway = 0, incarnation = 0, sliceNumber = 0] =
    match?.slice(1).map(Number) ?? [];
  const isPosition =
    [firstUs, incarnation, sliceNumber].every(Number.isSafeInteger) && gateway < GATEWAY_COUNT;
  return isPosition ? { firstUs, gateway, incarnation, sliceNumber } : undefined;
}
