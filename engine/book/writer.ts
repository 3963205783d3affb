/**
 * Writes the book of a campaign: NDJSON, every line canonical JSON, in constant memory however long it is, and signed over all
 * of its bytes. It refuses input that would not verify, as far as that can be detected without keeping earlier input.
 */
import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { LEAF_BYTES } from '../contract/record/leaf.ts';
import type { PoolLeaf } from '../draw/terms.ts';
import {
  type BookDraw,
  type BookEntry,
  type BookInput,
  type BookLogHead,
  type BookMove,
  type BookOutcome,
  type BookRaise,
  BookRefused,
  type BookSlice,
} from './book.ts';
import { canonicalJson } from './canonical.ts';
import { RunningPoolRoot } from './pool.ts';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIGNED_HEAD_BYTES = 192;
/** Where the head has the count of its items and the members that determine its order. */
const HEAD_AT = { gateway: 16, count: 20, incarnation: 24, sliceNumber: 32 } as const;
const VERSION = 2;
const SIGNED_LABEL = `fairline book ${VERSION}`;
/** Lines are passed on in pieces of about this size: a piece per line would cost more than the line. */
const PIECE_CHARACTERS = 1 << 16;

/** A book's bytes as gzip. An error while writing them destroys the stream. */
export function gzipped(book: AsyncIterable<Buffer>): Readable {
  const zipped = createGzip();
  pipeline(Readable.from(book, { objectMode: false }), zipped, () => undefined);
  return zipped;
}

/**
 * The bytes of the book, uncompressed. Throws BookRefused for input that cannot be in a book; what was written by then has no
 * signature and is invalid.
 */
export async function* bookBytes(input: BookInput): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const totals = { slices: 0, entries: 0, shown: 0, moves: 0 };
  const pool = new RunningPoolRoot(input.campaign);
  let lines = '';
  for await (const line of bodyLines(input, totals, pool)) {
    lines += `${line}\n`;
    if (lines.length < PIECE_CHARACTERS) continue;
    const piece = Buffer.from(lines);
    hash.update(piece);
    yield piece;
    lines = '';
  }
  const piece = Buffer.from(lines);
  hash.update(piece);
  yield piece;
  yield Buffer.from(`${lastLine(input, totals, pool, hash.digest())}\n`);
}

interface Totals {
  slices: number;
  entries: number;
  /** Items of slices that must be matched by an entry. */
  shown: number;
  moves: number;
}

async function* bodyLines(input: BookInput, totals: Totals, pool: RunningPoolRoot): AsyncGenerator<string> {
  yield headerLine(input);
  let before: Uint8Array | undefined;
  for await (const slice of input.slices) {
    yield sliceLine(slice, before, totals);
    before = slice.signedHead;
    totals.slices += 1;
  }
  let lastStamp = -1;
  for await (const entry of input.entries) {
    checkEntry(entry, lastStamp, totals);
    lastStamp = entry.stamp;
    if (entry.decided.outcome !== 'withdrawn') pool.add(entry, termsOf(entry, input));
    totals.entries += 1;
    yield entryLine(entry);
  }
  for await (const move of input.moves ?? []) {
    totals.moves += 1;
    yield moveLine(move);
  }
}

function moveLine({ move, stamp, atUs, serial, offeredUs, deadlineUs, early }: BookMove): string {
  const isEnd = move !== 'offered' && move !== 'left';
  return canonicalJson({
    at_us: atUs,
    ...(isEnd ? { deadline_us: deadlineUs, offered_us: offeredUs } : {}),
    ...(isEnd && early !== null ? { early } : {}),
    move,
    ...(move === 'left' ? {} : { serial }),
    stamp,
  });
}

/** What the pool binds besides an entry. Coupons have none of it. */
function termsOf(entry: BookEntry, { draw }: BookInput): PoolLeaf | undefined {
  if (draw === undefined) return undefined;
  const { decided, group, tickets = 1 } = entry;
  return { tickets, group, reason: decided.outcome === 'excluded' ? decided.reason : undefined };
}

function headerLine(input: BookInput): string {
  const { campaign, closedAtUs, untilUs, epochs, keys, rules, rulesHash, operatorLog, raises } = input;
  const hash = createHash('sha256').update(canonicalJson(rules)).digest();
  if (!hash.equals(rulesHash)) throw new BookRefused('the hash of the rules does not match the rules');
  return canonicalJson({
    book: VERSION,
    campaign,
    closed_at_us: closedAtUs,
    epochs: epochs.map(({ epoch, beganUs, last, quiet, ends }) => ({
      began_us: beganUs,
      ends,
      epoch,
      last,
      quiet,
    })),
    keys,
    ...(operatorLog === undefined ? {} : { operator_log: logHeadJson(operatorLog) }),
    ...(raises === undefined || raises.length === 0 ? {} : { raises: raises.map(raiseJson) }),
    rules,
    rules_hash: base64url(rulesHash, HASH_BYTES, 'the hash of the rules'),
    until_us: untilUs,
  });
}

function raiseJson({ version, atUs, stockBefore, stock, closesAtUs, rulesHashBefore, rulesHash }: BookRaise) {
  return {
    at_us: atUs,
    closes_at_us: closesAtUs,
    rules_hash: base64url(rulesHash, HASH_BYTES, 'the hash of raised rules'),
    rules_hash_before: base64url(rulesHashBefore, HASH_BYTES, 'the hash of the rules before a raise'),
    stock,
    stock_before: stockBefore,
    version,
  };
}

function logHeadJson({ seq, hash, at, keyId, signature }: BookLogHead) {
  return {
    at,
    hash: base64url(hash, HASH_BYTES, 'the hash of the operator log'),
    key: keyId,
    seq,
    signature: base64url(signature, SIGNATURE_BYTES, 'the signature of the operator log'),
  };
}

function sliceLine({ signedHead, items }: BookSlice, before: Uint8Array | undefined, totals: Totals): string {
  const what = `slice ${totals.slices}`;
  const head = base64url(signedHead, SIGNED_HEAD_BYTES, `the signed head of ${what}`);
  if (before !== undefined && Buffer.compare(orderOf(before), orderOf(signedHead)) >= 0) {
    throw new BookRefused(
      `${what} does not follow the previous one by gateway, incarnation and slice number`,
    );
  }
  if (items === undefined) return `{"head":"${head}"}`;
  const count = Buffer.from(signedHead).readUInt32BE(HEAD_AT.count);
  if (items.length !== count) {
    throw new BookRefused(`${what} has ${items.length} items, but its signed head counts ${count}`);
  }
  const others = items.flatMap((item, leaf) => {
    if (item === 'entry') totals.shown += 1;
    return item === 'entry' ? [] : [`[${leaf},"${base64url(item, LEAF_BYTES, `leaf ${leaf} of ${what}`)}"]`];
  });
  return `{"head":"${head}","others":[${others.join(',')}]}`;
}

/** Gateway, incarnation and slice number as bytes: big-endian, so that they compare like the numbers. */
function orderOf(head: Uint8Array): Buffer {
  return Buffer.concat([
    head.subarray(HEAD_AT.gateway, HEAD_AT.gateway + 2),
    head.subarray(HEAD_AT.incarnation, HEAD_AT.sliceNumber + 8),
  ]);
}

function checkEntry({ stamp, slice, leaf, tickets = 1 }: BookEntry, lastStamp: number, totals: Totals): void {
  const what = `entry ${totals.entries}`;
  if (!Number.isSafeInteger(stamp) || stamp <= lastStamp) {
    throw new BookRefused(`${what} has stamp ${stamp}, but the previous one has ${lastStamp}`);
  }
  if (!(slice >= 0 && slice < totals.slices)) {
    throw new BookRefused(`${what} is in slice ${slice}, but there are ${totals.slices}`);
  }
  if (!Number.isSafeInteger(leaf) || leaf < 0) throw new BookRefused(`${what} has the leaf ${leaf}`);
  if (!Number.isSafeInteger(tickets) || tickets < 1 || tickets > 1000) {
    throw new BookRefused(`${what} has ${tickets} tickets; expected 1 to 1000`);
  }
}

/** Members in canonical order, written by hand: there are a million of these lines. */
function entryLine(entry: BookEntry): string {
  const { alternate, reason, serial, tier } = membersOf(entry.decided);
  const group = entry.group && `"group":"${base64url(entry.group, HASH_BYTES, 'a group')}",`;
  const tickets = entry.tickets === undefined || entry.tickets === 1 ? '' : `"tickets":${entry.tickets},`;
  return `{${alternate}${group ?? ''}"leaf":${entry.leaf},"outcome":"${entry.decided.outcome}",${reason}${serial}"slice":${entry.slice},"source":${entry.source},"stamp":${entry.stamp},${tickets}${tier}"who":"${base64url(entry.who, HASH_BYTES, 'a who')}"}`;
}

function membersOf(decided: BookOutcome) {
  const none = { alternate: '', reason: '', serial: '', tier: '' };
  switch (decided.outcome) {
    case 'granted':
      return { ...none, serial: `"serial":${whole(decided.serial)},` };
    case 'won':
      return {
        ...none,
        serial: `"serial":${whole(decided.serial)},`,
        tier: `"tier":${whole(decided.tier)},`,
      };
    case 'alternate':
    case 'waitlisted':
      return { ...none, alternate: `"alternate":${whole(decided.alternate)},` };
    case 'excluded':
      return { ...none, reason: `"reason":${canonicalJson(decided.reason)},` };
    case 'sold_out':
    case 'not_drawn':
    case 'withdrawn':
      return none;
  }
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new BookRefused(`${value} is not a serial, tier or position`);
}

function lastLine(
  input: BookInput,
  { slices, entries, shown, moves }: Totals,
  pool: RunningPoolRoot,
  hash: Buffer,
): string {
  if (shown !== entries) {
    throw new BookRefused(
      `${entries} entries were written, but the slices show ${shown} entries of the book`,
    );
  }
  const poolRoot = pool.root();
  const { frozen, draw } = input;
  if (frozen !== undefined && (frozen.poolCount !== pool.count || !poolRoot.equals(frozen.poolRoot))) {
    throw new BookRefused(`the pool has ${pool.count} entries, but ${frozen.poolCount} were frozen`);
  }
  const end = canonicalJson({
    count: pool.count,
    ...(draw === undefined ? {} : { draw: drawJson(draw) }),
    entries,
    lines: 1 + slices + entries + moves,
    ...(input.moves === undefined ? {} : { moves }),
    pool_root: base64url(poolRoot, HASH_BYTES, 'the root of the pool'),
    slices,
  });
  const { keyId, signature } = input.sign(Buffer.concat([Buffer.from(SIGNED_LABEL), hash, Buffer.from(end)]));
  return `{"end":${end},"key":${canonicalJson(keyId)},"signature":"${base64url(signature, SIGNATURE_BYTES, 'the signature')}"}`;
}

function drawJson({ randomness, seed, source }: BookDraw) {
  return {
    randomness: base64url(randomness, HASH_BYTES, 'the randomness'),
    seed: base64url(seed, HASH_BYTES, 'the seed'),
    source:
      'secret' in source
        ? { secret: base64url(source.secret, HASH_BYTES, 'the secret') }
        : {
            ...(source.frozenAtUs === undefined ? {} : { frozen_at_us: source.frozenAtUs }),
            round: source.round,
            signature: Buffer.from(source.signature).toString('hex'),
          },
  };
}

function base64url(bytes: Uint8Array, length: number, what: string): string {
  if (bytes.length !== length) throw new BookRefused(`${what} has ${bytes.length} bytes, not ${length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}
