import { LoadError } from './job.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const NO_BYTES = Buffer.alloc(0);

/** An answer with a larger head is not from a server that this generator was made for. */
const HEAD_BYTES_MAX = 16_384;
const BODY_BYTES_MAX = 1_048_576;
const VERSION = 'HTTP/1.1 ';
/** The version, the status, and the space or CR behind it. */
const STATUS_BYTES = VERSION.length + 4;

/** Returned when a head or an answer is not complete yet. Neither is this short. */
export const INCOMPLETE = 0;

/** The head of an HTTP/1.1 answer. Reused for every answer. */
export class Head {
  status = 0;
  /** -1: there was no Retry-After. */
  retryAfterMs = -1;
  /** The server closes the connection behind this answer. */
  close = false;
  /** Bytes of the body: Content-Length, or 0 where the status allows no body; -1: not known. */
  length = -1;
  chunked = false;
}

/** One HTTP/1.1 answer, as offsets into the bytes it was read from. Reused for every answer. */
export class Answer extends Head {
  bodyStart = 0;
  bodyEnd = 0;
}

/** Puts together the answers of one connection that come in pieces. */
export class AnswerReader {
  /** What the offsets of the last answer refer to; valid until the memory of its read is filled again. */
  bytes: Buffer = NO_BYTES;
  /** The end of what was read; beyond the answer's end when the server sent more than the answer. */
  end = 0;
  /** The beginning of an answer that is not complete. */
  #carry: Buffer | undefined = undefined;

  /** A new connection: forgets the beginning of an answer. */
  reset(): void {
    this.#carry = undefined;
  }

  /** Takes `chunk[0..count)`; returns the offset behind the answer, interim answers skipped, or `INCOMPLETE`. Throws as `readAnswer`. */
  read(chunk: Buffer, count: number, answer: Answer): number {
    let bytes = chunk;
    let end = count;
    if (this.#carry !== undefined) {
      bytes = Buffer.concat([this.#carry, chunk.subarray(0, count)]);
      end = bytes.length;
      this.#carry = undefined;
    }
    let at = 0;
    do {
      const next = readAnswer(bytes, at, end, answer);
      if (next === INCOMPLETE) {
        this.#carry = Buffer.from(bytes.subarray(at, end));
        return INCOMPLETE;
      }
      at = next;
    } while (answer.status < 200);
    this.bytes = bytes;
    this.end = end;
    return at;
  }
}

/**
 * Reads one answer from `bytes[start..end)` and returns the offset behind it, or `INCOMPLETE`. It understands only answers
 * framed by Content-Length, or without a body. A chunked answer, one that ends with the connection, and anything that is
 * not HTTP/1.1 throw `LoadError` `protocol`: figures taken from them would be wrong. response.ts reads every framing.
 */
export function readAnswer(bytes: Buffer, start: number, end: number, answer: Answer): number {
  const at = readHead(bytes, start, end, answer);
  if (at === INCOMPLETE) return INCOMPLETE;
  if (answer.chunked) throw broken('a chunked answer, which this generator does not read', bytes, start, end);
  const { length } = answer;
  if (length < 0) throw broken('an answer without Content-Length', bytes, start, end);
  if (length > BODY_BYTES_MAX) throw broken(`a body over ${BODY_BYTES_MAX} bytes`, bytes, start, end);
  if (at + length > end) return INCOMPLETE;
  answer.bodyStart = at;
  answer.bodyEnd = at + length;
  return at + length;
}

/**
 * Reads the head of an answer (RFC 9112) from `bytes[start..end)` and returns the offset behind it, or `INCOMPLETE`. Throws
 * `LoadError` `protocol`. It makes no strings of the fields that matter for every answer.
 */
export function readHead(bytes: Buffer, start: number, end: number, head: Head): number {
  if (end - start < STATUS_BYTES) return incompleteStatus(bytes, start, end);
  head.status = statusOf(bytes, start, end);
  head.retryAfterMs = -1;
  head.close = false;
  head.chunked = false;
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
          head.close = headerValue(bytes, line, lineEnd).toLowerCase().includes('close');
        }
        break;
      case 0x74:
        if (isHeader(bytes, line, 'transfer-encoding')) {
          if (headerValue(bytes, line, lineEnd).toLowerCase() !== 'chunked')
            throw broken('an unknown Transfer-Encoding', bytes, start, end);
          head.chunked = true;
        }
        break;
      case 0x72:
        if (isHeader(bytes, line, 'retry-after')) {
          head.retryAfterMs = retryAfterMs(headerValue(bytes, line, lineEnd));
        }
        break;
    }
  }
  if (head.status < 200 || head.status === 204 || head.status === 304) {
    length = 0;
    head.chunked = false;
  }
  head.length = length;
  return lineEnd + 1;
}

/** The value of the first field with this lower-case name in a whole head; '' when there is none. For heads that are not many. */
export function fieldOf(bytes: Buffer, start: number, end: number, name: string): string {
  let line = nextLf(bytes, start, end) + 1;
  while (line < end) {
    const lineEnd = nextLf(bytes, line, end);
    if (isHeader(bytes, line, name)) return headerValue(bytes, line, lineEnd);
    line = lineEnd + 1;
  }
  return '';
}

function incompleteStatus(bytes: Buffer, start: number, end: number): number {
  const isVersion = VERSION.startsWith(
    bytes.toString('latin1', start, Math.min(end, start + VERSION.length)),
  );
  if (!isVersion) throw broken('not an HTTP/1.1 status line', bytes, start, end);
  return INCOMPLETE;
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
  }
  const isNumber = at > firstDigit && value <= Number.MAX_SAFE_INTEGER;
  while (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === CR) at++;
  if (!isNumber || at !== lineEnd) throw broken('a Content-Length that is no number', bytes, start, lineEnd);
  return value;
}

function headerValue(bytes: Buffer, line: number, lineEnd: number): string {
  return bytes.toString('latin1', bytes.indexOf(COLON, line) + 1, lineEnd).trim();
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3), in milliseconds from now; -1 when it is neither. */
function retryAfterMs(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? -1 : Math.max(0, at - Date.now());
}

function broken(what: string, bytes: Buffer, start: number, end: number): LoadError {
  const shown = JSON.stringify(bytes.toString('latin1', start, Math.min(end, start + 200)));
  return new LoadError('protocol', `the server sent ${what}: ${shown}`);
}
