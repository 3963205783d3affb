import { fieldOf, Head, INCOMPLETE, readHead } from './answer.ts';
import { LoadError } from './job.ts';

const LF = 10;
const CHUNK_LINE_BYTES_MAX = 1_024;

/** The head of an answer, with its media type: lower case, '' when there is none. */
export class ResponseHead extends Head {
  mediaType = '';
}

/** Gets an answer piece by piece, in this order: head, body any number of times, done. */
export interface ResponseListener {
  head(head: Readonly<ResponseHead>): void;
  /** `bytes[start..end)` is valid within the call only. */
  body(bytes: Buffer, start: number, end: number): void;
  done(): void;
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'to-the-end';

/**
 * Reads the answers of one connection (RFC 9112), however the network splits them: framed by Content-Length, chunked, or by
 * the end of the connection. One answer after another; a listener may stop the feeding at any time. The heads are read as
 * those of whole answers are (answer.ts); bodies are passed on as they come, for streams that last.
 */
export class ResponseReader {
  readonly #listener: ResponseListener;
  readonly #head = new ResponseHead();
  #state: State = 'head';
  /** The beginning of a head that is not complete yet. */
  #carry: Buffer | undefined;
  /** The beginning of a line that is not complete yet. */
  #line = '';
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Takes the next bytes of the connection. Throws `LoadError` `protocol`. */
  feed(chunk: Buffer, count: number): void {
    let bytes = chunk;
    let end = count;
    if (this.#carry !== undefined) {
      bytes = Buffer.concat([this.#carry, chunk.subarray(0, count)]);
      end = bytes.length;
      this.#carry = undefined;
    }
    let at = 0;
    while (at < end) {
      switch (this.#state) {
        case 'head':
          at = this.#readHead(bytes, at, end);
          break;
        case 'length':
        case 'chunk': {
          const over = Math.min(end, at + this.#left);
          this.#left -= over - at;
          this.#listener.body(bytes, at, over);
          at = over;
          if (this.#left === 0) this.#bodyOver();
          break;
        }
        case 'to-the-end':
          this.#listener.body(bytes, at, end);
          at = end;
          break;
        default:
          at = this.#readLine(bytes, at, end);
      }
    }
  }

  /** The connection has ended. True when that was the end of an answer, too. */
  end(): boolean {
    if (this.#state !== 'to-the-end') return false;
    this.#finish();
    return true;
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const head = this.#head;
    const at = readHead(bytes, start, end, head);
    if (at === INCOMPLETE) {
      this.#carry = Buffer.from(bytes.subarray(start, end));
      return end;
    }
    if (head.status < 200) return at;
    head.mediaType = fieldOf(bytes, start, at, 'content-type').split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (head.chunked) this.#state = 'chunk-size';
    else if (head.length > 0) this.#state = 'length';
    else if (head.length < 0) this.#state = 'to-the-end';
    this.#left = head.length;
    this.#listener.head(head);
    if (!head.chunked && head.length === 0) this.#finish();
    return at;
  }

  #bodyOver(): void {
    if (this.#state === 'chunk') this.#state = 'chunk-end';
    else this.#finish();
  }

  #readLine(bytes: Buffer, at: number, count: number): number {
    const found = bytes.indexOf(LF, at);
    const end = found < 0 || found >= count ? count : found;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > CHUNK_LINE_BYTES_MAX) throw broken('a line that is too long', this.#line);
    if (end === count) return count;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#take(line);
    return end + 1;
  }

  #take(line: string): void {
    switch (this.#state) {
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

  #chunkSize(line: string): void {
    const size = /^([0-9a-f]{1,8})(?:\s*;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw broken('a chunk without a size', line);
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
  }

  #finish(): void {
    this.#state = 'head';
    this.#listener.done();
  }
}

function broken(what: string, line: string): LoadError {
  return new LoadError('protocol', `the server sent ${what}: ${JSON.stringify(line.slice(0, 100))}`);
}
