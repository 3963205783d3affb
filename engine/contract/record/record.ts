/**
 * The format of the log: one record per slice, little-endian, fixed 48-byte head.
 *
 * | at | type | field |
 * |----|------|-------|
 * | 0  | u8   | magic 0xFA |
 * | 1  | u8   | format version: 2 for a slice with a signed head, 1 for every other record |
 * | 2  | u8   | kind: 1 slice, 2 through, 3 leave, 4 fence |
 * | 3  | u8   | 0 |
 * | 4  | u16  | gateway number |
 * | 6  | u16  | 0 |
 * | 8  | f64  | incarnation of the gateway |
 * | 16 | f64  | slice number: 1, 2, 3 ... within the incarnation; 0 in a fence |
 * | 24 | f64  | through: every request this incarnation stamped up to this instant is in the log (us since epoch) |
 * | 32 | f64  | ranked: every such request up to this instant is ranked in Redis too (us since epoch) |
 * | 40 | u32  | number of items |
 * | 44 | u32  | CRC-32 of the whole record with this field 0 |
 *
 * then, in version 2, the slice's signed head, 192 bytes (see slice-head.ts); and then the items, each: u8 kind (1 entry,
 * 2 withdrawal, 3 claim; in version 2, plus 0x80 if the instant is the X-Request-Start of a trusted proxy instead of the
 * gateway's own), u8 length of the user id, u32 campaign, f64 stamp, the user id in UTF-8.
 *
 * Kinds: a `slice` carries entries, withdrawals and claims. A `through` carries none: an idle gateway moves the watermark with
 * it. A `leave` is the last record of an incarnation that ends itself (a stop, or a lost lease). The engine writes a
 * `fence` for an incarnation whose lease has expired; later records of that incarnation are dropped, because they were
 * never acknowledged.
 */
import { crc32 } from 'node:zlib';
import { SIGNED_HEAD_BYTES } from './slice-head.ts';
import { GATEWAY_COUNT } from './stamp.ts';

export const RECORD_HEAD_BYTES = 48;
export const ITEM_HEAD_BYTES = 14;
/** One length byte would allow 255; 128 is the API's limit, and keeps the largest slice below 1 MB. */
export const MAX_USER_ID_BYTES = 128;

const MAGIC = 0xfa;
const PLAIN_VERSION = 1;
const SIGNED_VERSION = 2;

export type RecordKind = 'slice' | 'through' | 'leave' | 'fence';
const KIND_CODES: Readonly<Record<RecordKind, number>> = { slice: 1, through: 2, leave: 3, fence: 4 };
const KINDS: readonly (RecordKind | undefined)[] = [undefined, 'slice', 'through', 'leave', 'fence'];

export const ITEM_ENTRY = 1;
export const ITEM_WITHDRAWAL = 2;
/** A claim of a grant or win. */
export const ITEM_CLAIM = 3;
/** A bit of an item's first byte, in version 2. */
export const SOURCE_BIT = 0x80;
export const KIND_BITS = 0x7f;

/** The source of an instant: the gateway's clock on arrival, or the X-Request-Start of a trusted proxy. */
export const SOURCE_ARRIVAL = 0;
export const SOURCE_PROXY = 1;
export type ItemSource = typeof SOURCE_ARRIVAL | typeof SOURCE_PROXY;

export interface RecordHead {
  readonly kind: RecordKind;
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
  readonly throughUs: number;
  readonly rankedUs: number;
}

export interface LogItem {
  readonly kind: typeof ITEM_ENTRY | typeof ITEM_WITHDRAWAL | typeof ITEM_CLAIM;
  readonly campaignId: number;
  readonly stamp: number;
  readonly userId: string;
  /** Absent: SOURCE_ARRIVAL. Only signed slices carry another source, because it is there to be proved. */
  readonly source?: typeof SOURCE_PROXY;
}

export interface LogRecord extends RecordHead {
  readonly items: readonly LogItem[];
  /** For a signed slice: the signed head, and the encoded items; views of the record's bytes. */
  readonly signed?: { readonly head: Buffer; readonly items: Buffer };
}

/**
 * The record cannot be read; `message` says where and why. Whole records become dead letters and are never skipped silently.
 */
export class UnreadableRecord extends Error {}

/**
 * Encodes records into reused memory. Begin a record, add its items, sign it if it was begun as signed, finish it; `finish`
 * returns a view that is valid until the next `begin`.
 */
export class RecordEncoder {
  /** Grows with the largest record: most encoders encode only one head. */
  #buffer = Buffer.alloc(4 * 1024);
  #start = RECORD_HEAD_BYTES;
  #end = RECORD_HEAD_BYTES;
  #count = 0;

  /** `isSigned`: a slice that `sign` will give its signed head. */
  begin(isSigned = false): void {
    this.#start = RECORD_HEAD_BYTES + (isSigned ? SIGNED_HEAD_BYTES : 0);
    this.#end = this.#start;
    this.#count = 0;
  }

  /** The items so far, as encoded in the record: a view that is valid until the next item. */
  get items(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  sign(signedHead: Buffer): void {
    if (signedHead.length !== this.#start - RECORD_HEAD_BYTES) {
      throw new RangeError(`a signed head of ${signedHead.length} bytes does not fit its record`);
    }
    this.#buffer.set(signedHead, RECORD_HEAD_BYTES);
  }

  /**
   * Adds an item. `userId` is at most MAX_USER_ID_BYTES long in UTF-8, which the caller has checked; a record that was not
   * begun as signed accepts no other source than the arrival.
   */
  add(
    kind: LogItem['kind'],
    campaignId: number,
    stamp: number,
    userId: string,
    source: ItemSource = SOURCE_ARRIVAL,
  ): void {
    let buffer = this.#buffer;
    let at = this.#end;
    if (at + ITEM_HEAD_BYTES + MAX_USER_ID_BYTES > buffer.length) {
      const larger = Buffer.alloc(buffer.length * 2);
      buffer.copy(larger, 0, 0, at);
      buffer = larger;
      this.#buffer = larger;
    }
    const length = buffer.write(userId, at + ITEM_HEAD_BYTES, MAX_USER_ID_BYTES, 'utf8');
    buffer[at] = source === SOURCE_ARRIVAL ? kind : kind | SOURCE_BIT;
    buffer[at + 1] = length;
    buffer.writeUInt32LE(campaignId, at + 2);
    buffer.writeDoubleLE(stamp, at + 6);
    at += ITEM_HEAD_BYTES + length;
    this.#end = at;
    this.#count += 1;
  }

  finish(head: RecordHead): Buffer {
    const buffer = this.#buffer;
    buffer[0] = MAGIC;
    buffer[1] = this.#start === RECORD_HEAD_BYTES ? PLAIN_VERSION : SIGNED_VERSION;
    buffer[2] = KIND_CODES[head.kind];
    buffer[3] = 0;
    buffer.writeUInt16LE(head.gateway, 4);
    buffer.writeUInt16LE(0, 6);
    buffer.writeDoubleLE(head.incarnation, 8);
    buffer.writeDoubleLE(head.sliceNumber, 16);
    buffer.writeDoubleLE(head.throughUs, 24);
    buffer.writeDoubleLE(head.rankedUs, 32);
    buffer.writeUInt32LE(this.#count, 40);
    buffer.writeUInt32LE(0, 44);
    const record = buffer.subarray(0, this.#end);
    buffer.writeUInt32LE(crc32(record), 44);
    return record;
  }
}

/** A record without items, in its own buffer. */
export function encodeHead(head: RecordHead): Buffer {
  return new RecordEncoder().finish(head);
}

/** Decodes one record. Throws UnreadableRecord for any byte that does not match the table above. */
export function decodeRecord(bytes: Buffer): LogRecord {
  const head = decodeHead(bytes);
  const isSigned = bytes[1] === SIGNED_VERSION;
  const start = RECORD_HEAD_BYTES + (isSigned ? SIGNED_HEAD_BYTES : 0);
  if (start > bytes.length || (isSigned && head.kind !== 'slice')) {
    throw new UnreadableRecord(`a ${head.kind} of ${bytes.length} bytes has no room for a signed head`);
  }
  const items = decodeItems(bytes, start, bytes.readUInt32LE(40), isSigned ? SOURCE_BIT : 0);
  if (!isSigned) return { ...head, items };
  const signed = { head: bytes.subarray(RECORD_HEAD_BYTES, start), items: bytes.subarray(start) };
  return { ...head, items, signed };
}

/**
 * Decodes `count` items in the format of a record, from `start` to the end of `bytes`; `flags` are the bits allowed beside the
 * kind. Throws UnreadableRecord.
 */
export function decodeItems(bytes: Buffer, start: number, count: number, flags: number): LogItem[] {
  const items: LogItem[] = [];
  let at = start;
  for (let index = 0; index < count; index++) {
    if (at + ITEM_HEAD_BYTES > bytes.length)
      throw new UnreadableRecord(`item ${index} of ${count} is truncated`);
    const first = bytes[at] ?? 0;
    const kind = first & ~flags;
    const length = bytes[at + 1] ?? 0;
    const campaignId = bytes.readUInt32LE(at + 2);
    const stamp = bytes.readDoubleLE(at + 6);
    const end = at + ITEM_HEAD_BYTES + length;
    if (kind !== ITEM_ENTRY && kind !== ITEM_WITHDRAWAL && kind !== ITEM_CLAIM) {
      throw new UnreadableRecord(
        `item ${index} has kind ${first}; expected 1 (entry), 2 (withdrawal) or 3 (claim)`,
      );
    }
    if (end > bytes.length || length === 0 || length > MAX_USER_ID_BYTES) {
      throw new UnreadableRecord(`item ${index} has a user id of ${length} bytes, which does not fit`);
    }
    if (!Number.isSafeInteger(stamp) || stamp < 0) {
      throw new UnreadableRecord(`item ${index} has the stamp ${stamp}, not an integer from 0 to 2^53 - 1`);
    }
    const userId = bytes.toString('utf8', at + ITEM_HEAD_BYTES, end);
    const item = { kind, campaignId, stamp, userId } as const;
    items.push(first === kind ? item : { ...item, source: SOURCE_PROXY });
    at = end;
  }
  if (at !== bytes.length) throw new UnreadableRecord(`${bytes.length - at} bytes follow the last item`);
  return items;
}

function decodeHead(bytes: Buffer): RecordHead {
  if (bytes.length < RECORD_HEAD_BYTES) {
    throw new UnreadableRecord(`${bytes.length} bytes are shorter than a head of ${RECORD_HEAD_BYTES}`);
  }
  if (bytes[0] !== MAGIC || (bytes[1] !== PLAIN_VERSION && bytes[1] !== SIGNED_VERSION)) {
    throw new UnreadableRecord(`starts with ${bytes.toString('hex', 0, 2)}; expected fa01 or fa02`);
  }
  const crc = bytes.readUInt32LE(44);
  const zeroed = Buffer.from(bytes);
  zeroed.writeUInt32LE(0, 44);
  if (crc32(zeroed) !== crc) throw new UnreadableRecord('the CRC-32 does not match');
  const kind = KINDS[bytes[2] ?? 0];
  if (kind === undefined) throw new UnreadableRecord(`has kind ${bytes[2]}; expected 1 to 4`);
  const head: RecordHead = {
    kind,
    gateway: bytes.readUInt16LE(4),
    incarnation: bytes.readDoubleLE(8),
    sliceNumber: bytes.readDoubleLE(16),
    throughUs: bytes.readDoubleLE(24),
    rankedUs: bytes.readDoubleLE(32),
  };
  if (head.gateway >= GATEWAY_COUNT) throw new UnreadableRecord(`has gateway ${head.gateway}; at most 1023`);
  for (const field of ['incarnation', 'sliceNumber', 'throughUs', 'rankedUs'] as const) {
    if (!Number.isSafeInteger(head[field]) || head[field] < 0) {
      throw new UnreadableRecord(`${field} is ${head[field]}, not an integer from 0 to 2^53 - 1`);
    }
  }
  return head;
}
