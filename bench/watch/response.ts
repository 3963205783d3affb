const LF = 10;

/** A longer head is not from a server that this client was made for. */
const HEAD_BYTES_MAX = 16_384;
const CHUNK_LINE_BYTES_MAX = 1_024;

/** The parts of an answer's head that matter here. */
export interface ResponseHead {
  status: number;
  /** -1: there was no Retry-After in seconds. */
  retryAfterMs: number;
  mediaType: string;
}

/** Gets an answer piece by piece, in this order: head, body any number of times, done. */
export interface ResponseListener {
  head(head: Readonly<ResponseHead>): void;
  /** `bytes[start..end)` is valid within the call only. */
  body(bytes: Buffer, start: number, end: number): void;
  done(): void;
}

/** The server sent something that is not HTTP/1.1. */
export class ResponseError extends Error {}

type State =
  | 'status'
  | 'headers'
  | 'length'
  | 'chunk-size'
  | 'chunk'
  | 'chunk-end'
  | 'trailers'
  | 'to-the-end';

/**
 * Reads the answers of one connection (RFC 9112), however the network splits them: framed by Content-Length, chunked, or by
 * the end of the connection. One answer after another; a listener may stop the feeding at any time.
 */
export class ResponseReader {
  readonly #listener: ResponseListener;
  readonly #head: ResponseHead = { status: 0, retryAfterMs: -1, mediaType: '' };
  #state: State = 'status';
  /** The beginning of a line that is not complete yet. */
  #line = '';
  #headBytes = 0;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #length = -1;
  #chunked = false;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Takes the next bytes of the connection. Throws ResponseError. */
  feed(bytes: Buffer, count: number): void {
    let at = 0;
    while (at < count) {
      switch (this.#state) {
        case 'length':
        case 'chunk': {
          const end = Math.min(count, at + this.#left);
          this.#left -= end - at;
          this.#listener.body(bytes, at, end);
          at = end;
          if (this.#left === 0) this.#bodyOver();
          break;
        }
        case 'to-the-end':
          this.#listener.body(bytes, at, count);
          at = count;
          break;
        default:
          at = this.#readLine(bytes, at, count);
      }
    }
  }

  /** The connection has ended. True when that was the end of an answer, too. */
  end(): boolean {
    if (this.#state !== 'to-the-end') return false;
    this.#finish();
    return true;
  }

  #bodyOver(): void {
    if (this.#state === 'chunk') this.#state = 'chunk-end';
    else this.#finish();
  }

  #readLine(bytes: Buffer, at: number, count: number): number {
    const found = bytes.indexOf(LF, at);
    const end = found < 0 || found >= count ? count : found;
    this.#line += bytes.toString('latin1', at, end);
    const limit =
      this.#state === 'status' || this.#state === 'headers' ? HEAD_BYTES_MAX : CHUNK_LINE_BYTES_MAX;
    if (this.#line.length + this.#headBytes > limit)
      throw broken('a line or a head that is too long', this.#line);
    if (end === count) return count;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#take(line);
    return end + 1;
  }

  #take(line: string): void {
    switch (this.#state) {
      case 'status':
        this.#begin(line);
        break;
      case 'headers':
        if (line === '') this.#headOver();
        else this.#header(line);
        break;
      case 'chunk-size':
        this.#chunkSize(line);
        break;
      case 'chunk-end':
        if (line !== '') throw broken('a chunk that is longer than it says', line);
        this.#state = 'chunk-size';
        break;
      default:
        if (line === '') this.#finish();
    }
  }

  #begin(line: string): void {
    const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: |$)/.exec(line)?.[1];
    if (status === undefined) throw broken('no status line of HTTP/1.1', line);
    this.#head.status = Number(status);
    this.#head.retryAfterMs = -1;
    this.#head.mediaType = '';
    this.#length = -1;
    this.#chunked = false;
    this.#headBytes = line.length;
    this.#state = 'headers';
  }

  #header(line: string): void {
    this.#headBytes += line.length;
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).toLowerCase()) {
      case 'content-length':
        if (!/^\d{1,15}$/.test(value)) throw broken('a Content-Length that is no number', line);
        this.#length = Number(value);
        break;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') throw broken('an unknown Transfer-Encoding', line);
        this.#chunked = true;
        break;
      case 'retry-after':
        if (/^\d{1,9}$/.test(value)) this.#head.retryAfterMs = Number(value) * 1_000;
        break;
      case 'content-type':
        this.#head.mediaType = value.split(';', 1)[0]?.trim().toLowerCase() ?? '';
        break;
    }
  }

  #headOver(): void {
    const { status } = this.#head;
    this.#headBytes = 0;
    if (status < 200) {
      this.#state = 'status';
      return;
    }
    const hasBody = status !== 204 && status !== 304;
    if (!hasBody || (!this.#chunked && this.#length === 0)) this.#state = 'status';
    else if (this.#chunked) this.#state = 'chunk-size';
    else this.#state = this.#length > 0 ? 'length' : 'to-the-end';
    this.#left = Math.max(0, this.#length);
    this.#listener.head(this.#head);
    if (this.#state === 'status') this.#listener.done();
  }

  #chunkSize(line: string): void {
    const size = /^([0-9a-f]{1,8})(?:\s*;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw broken('a chunk without a size', line);
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
  }

  #finish(): void {
    this.#state = 'status';
    this.#listener.done();
  }
}

function broken(what: string, line: string): ResponseError {
  return new ResponseError(`the server sent ${what}: ${JSON.stringify(line.slice(0, 100))}`);
}
