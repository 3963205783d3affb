import { LoadError } from './job.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** An answer with a larger head is not from a server that this generator was made for. */
const HEAD_BYTES_MAX = 16_384;
const BODY_BYTES_MAX = 1_048_576;

/** Returned by `readAnswer` when the answer is not complete yet. No answer is this short. */
export const INCOMPLETE = 0;

/** One HTTP/1.1 answer, as offsets into the bytes it was read from. Reused for every answer. */
export class Answer {
  status = 0;
  bodyStart = 0;
  bodyEnd = 0;
  /** -1: there was no Retry-After. */
  retryAfterMs = -1;
  /** The server closes the connection behind this answer. */
  close = false;
}

/**
 * Reads one answer (RFC 9112) from `bytes[start..end)` and returns the offset behind it, or `INCOMPLETE`. It understands
 * only answers framed by Content-Length, or without a body. A chunked answer, one that ends with the connection, and
 * anything that is not HTTP/1.1 throw `LoadError` `protocol`: figures taken from them would be wrong.
 */
export function readAnswer(bytes: Buffer, start: number, end: number, answer: Answer): number {
  if (end - start < 13) return INCOMPLETE;
  answer.status = statusOf(bytes, start, end);
  answer.retryAfterMs = -1;
  answer.close = false;
  let length = -1;
  let lineEnd = nextLf(bytes, start + 12, end);
  while (true) {
    const line = lineEnd + 1;
    lineEnd = nextLf(bytes, line, end);
    if (lineEnd >= end) return incompleteHead(bytes, start, end);
    if (lineEnd - line <= 1) break;
    // The first letter, in lower case, tells the few headers that matter from the many that do not.
    switch ((bytes[line] ?? 0) | 0x20) {
      case 0x63:
        if (isHeader(bytes, line, 'content-length')) {
          const value = lengthOf(bytes, start, line + 'content-length:'.length, lineEnd);
          if (length >= 0 && value !== length)
            throw broken('two different Content-Lengths', bytes, start, end);
          length = value;
        } else if (isHeader(bytes, line, 'connection')) {
          answer.close = headerValue(bytes, line, lineEnd).toLowerCase().includes('close');
        }
        break;
      case 0x74:
        if (isHeader(bytes, line, 'transfer-encoding')) {
          throw broken('a chunked answer, which this generator does not read', bytes, start, end);
        }
        break;
      case 0x72:
        if (isHeader(bytes, line, 'retry-after')) {
          answer.retryAfterMs = retryAfterMs(headerValue(bytes, line, lineEnd));
        }
        break;
    }
  }
  const at = lineEnd + 1;
  if (answer.status < 200 || answer.status === 204 || answer.status === 304) length = 0;
  if (length < 0) throw broken('an answer without Content-Length', bytes, start, end);
  if (at + length > end) return INCOMPLETE;
  answer.bodyStart = at;
  answer.bodyEnd = at + length;
  return at + length;
}

function statusOf(bytes: Buffer, start: number, end: number): number {
  const first = (bytes[start + 9] ?? 0) - 48;
  const second = (bytes[start + 10] ?? 0) - 48;
  const third = (bytes[start + 11] ?? 0) - 48;
  const isHttp =
    bytes[start] === 72 &&
    bytes[start + 1] === 84 &&
    bytes[start + 2] === 84 &&
    bytes[start + 3] === 80 &&
    bytes[start + 4] === 47 &&
    bytes[start + 5] === 49 &&
    bytes[start + 6] === 46 &&
    bytes[start + 7] === 49 &&
    bytes[start + 8] === SPACE &&
    (bytes[start + 12] === SPACE || bytes[start + 12] === CR);
  const isStatus = first >= 1 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
  if (!isHttp || !isStatus) throw broken('not an HTTP/1.1 status line', bytes, start, end);
  return first * 100 + second * 10 + third;
}

function incompleteHead(bytes: Buffer, start: number, end: number): number {
  if (end - start > HEAD_BYTES_MAX) throw broken(`a head over ${HEAD_BYTES_MAX} bytes`, bytes, start, end);
  return INCOMPLETE;
}

function isHeader(bytes: Buffer, at: number, name: string): boolean {
  if (bytes[at + name.length] !== COLON) return false;
  for (let index = 0; index < name.length; index++) {
    if (((bytes[at + index] ?? 0) | 0x20) !== name.charCodeAt(index)) return false;
  }
  return true;
}

function nextLf(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== LF) at++;
  return at;
}

function lengthOf(bytes: Buffer, start: number, from: number, lineEnd: number): number {
  let at = from;
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  const firstDigit = at;
  let value = 0;
  for (; at < lineEnd; at++) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    if (value > BODY_BYTES_MAX) throw broken(`a body over ${BODY_BYTES_MAX} bytes`, bytes, start, lineEnd);
  }
  const isNumber = at > firstDigit;
  while (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === CR) at++;
  if (!isNumber || at !== lineEnd) throw broken('a Content-Length that is no number', bytes, start, lineEnd);
  return value;
}

function headerValue(bytes: Buffer, line: number, lineEnd: number): string {
  return bytes.toString('latin1', bytes.indexOf(COLON, line) + 1, lineEnd).trim();
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), in milliseconds from now; -1 when it is neither. */
function retryAfterMs(value: string): number {
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? -1 : Math.max(0, at - Date.now());
}

function broken(what: string, bytes: Buffer, start: number, end: number): LoadError {
  const shown = JSON.stringify(bytes.toString('latin1', start, Math.min(end, start + 200)));
  return new LoadError('protocol', `the server sent ${what}: ${shown}`);
}
