/** The last line of a book: its counts, the facts of a draw, and the signature. */
import { type DrawFacts, readDrawFacts } from '../draw/randomness.ts';
import type { Rules } from '../draw/rules.ts';
import { KEY_ID_BYTES } from '../receipts/keys.ts';
import { fromBase64Url, fromHex, toHex } from '../text/bytes.ts';
import { canonical, type Json, Members, parseCanonical } from '../text/json.ts';

export interface End {
  readonly count: number;
  readonly entries: number;
  readonly lines: number;
  readonly slices: number;
  readonly poolRoot: Uint8Array;
  /** Only in a campaign with claims. */
  readonly moves: number;
  readonly draw: DrawFacts | undefined;
  readonly canonical: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Throws Unreadable. */
export function readEnd(bytes: Uint8Array, number: number, rules: Rules, depth: number): End {
  const what = `line ${number}`;
  const line = parseCanonical(bytes, what, depth);
  const members = new Members(line, what);
  const own = members.object('end');
  const draw = rules.kind === 'raffle' ? own.object('draw') : undefined;
  const end = {
    count: own.whole('count', 0, Number.MAX_SAFE_INTEGER),
    entries: own.whole('entries', 0, Number.MAX_SAFE_INTEGER),
    lines: own.whole('lines', 0, Number.MAX_SAFE_INTEGER),
    moves: rules.claims === undefined ? 0 : own.whole('moves', 0, Number.MAX_SAFE_INTEGER),
    slices: own.whole('slices', 0, Number.MAX_SAFE_INTEGER),
    poolRoot: own.read('pool_root', text => fromBase64Url(text, 32), '32 bytes in base64url'),
    draw: draw !== undefined && rules.kind === 'raffle' ? readDrawFacts(draw, rules) : undefined,
    canonical: canonical(line.end as Json, what),
    keyId: toHex(members.read('key', text => fromHex(text, KEY_ID_BYTES), '8 bytes in lower-case hex')),
    signature: members.read('signature', text => fromBase64Url(text, 64), '64 bytes in base64url'),
  };
  draw?.end();
  own.end();
  members.end();
  return end;
}
