const LF = 10;
const CR = 13;

/** A longer line is not from a server that this client was made for. */
const LINE_BYTES_MAX = 65_536;

export interface EventListener {
  event(type: string, data: string): void;
  comment(): void;
  retry(ms: number): void;
}

/**
 * Server-sent events, as the HTML standard (9.2.6) parses them: lines end with LF, CR or CRLF, an event with an empty line,
 * and the bytes may be split anywhere, also within a character. An unfinished event is dropped with its stream: each stream
 * gets a new parser, with the last id of the one before.
 */
export class EventStreamParser {
  readonly #listener: EventListener;
  #carry: Buffer | undefined;
  /** The last byte was a CR: an LF that follows belongs to it. */
  #afterCr = false;
  #isFirstLine = true;
  #type = '';
  #data: string | undefined;
  #id: string;
  #lastEventId: string;

  constructor(listener: EventListener, lastEventId: string) {
    this.#listener = listener;
    this.#id = lastEventId;
    this.#lastEventId = lastEventId;
  }

  /** The Last-Event-ID to send on a reconnect; '' for none. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** Takes `bytes[start..end)`, and keeps no reference to them. */
  feed(bytes: Buffer, start: number, end: number): void {
    let at = start;
    if (this.#afterCr && at < end) {
      if (bytes[at] === LF) at++;
      this.#afterCr = false;
    }
    while (at < end) {
      const lineEnd = endOfLine(bytes, at, end);
      if (lineEnd === end) {
        this.#keep(bytes, at, end);
        return;
      }
      this.#takeLine(bytes, at, lineEnd);
      at = lineEnd + 1;
      if (bytes[lineEnd] !== CR) continue;
      if (at === end) this.#afterCr = true;
      else if (bytes[at] === LF) at++;
    }
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const piece = bytes.subarray(start, end);
    this.#carry = this.#carry === undefined ? Buffer.from(piece) : Buffer.concat([this.#carry, piece]);
    if (this.#carry.length > LINE_BYTES_MAX) throw new RangeError('a line of an event stream is too long');
  }

  #takeLine(bytes: Buffer, start: number, end: number): void {
    if (this.#carry === undefined) {
      this.#line(bytes.toString('utf8', start, end));
    } else {
      this.#keep(bytes, start, end);
      const whole = this.#carry;
      this.#carry = undefined;
      this.#line(whole.toString('utf8'));
    }
  }

  #line(text: string): void {
    const line = this.#isFirstLine && text.startsWith('\ufeff') ? text.slice(1) : text;
    this.#isFirstLine = false;
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.#listener.comment();
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.#listener.retry(Number(value));
  }

  #dispatch(): void {
    const type = this.#type === '' ? 'message' : this.#type;
    const data = this.#data;
    this.#type = '';
    this.#data = undefined;
    this.#lastEventId = this.#id;
    if (data !== undefined) this.#listener.event(type, data);
  }
}

function endOfLine(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== LF && bytes[at] !== CR) at++;
  return at;
}
