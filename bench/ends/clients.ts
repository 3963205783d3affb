/**
 * The watchers, in a process of their own: opens `count` streams at `port`, and reports when all are open. It counts the
 * streams whose last event came before the end, and prints that count as the last line, once all have ended.
 * Arguments: port, count.
 */
import { loopback } from '../load/job.ts';
import { Link, type LinkListener } from '../load/link.ts';

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
/** Connections being made at once; more than the server's backlog would wait for a second. */
const AT_ONCE = 200;
/**
 * Closes are spread: real clients are not one process. All at once they would close in one turn of the server's loop, 7 us
 * each.
 */
const CLOSED_WITHIN_MS = 2_000;
const base = loopback(`http://127.0.0.1:${port}`);

let begun = 0;
let open = 0;
let ended = 0;
let told = 0;

class Stream implements LinkListener {
  readonly #link = new Link(this);
  #text = '';
  #closing: NodeJS.Timeout | undefined;

  begin(): void {
    this.#link.send(base, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  }

  heard(): void {}

  head(): void {
    open += 1;
    if (open === count) process.stdout.write(`${JSON.stringify({ open })}\n`);
    openNext();
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.#text += bytes.toString('latin1', start, end);
  }

  done(): void {
    this.#closing = setTimeout(() => {
      this.#link.drop();
      this.#over();
    }, Math.random() * CLOSED_WITHIN_MS);
  }

  down(): void {
    clearTimeout(this.#closing);
    this.#over();
  }

  garbled(message: string): void {
    throw new Error(message);
  }

  #over(): void {
    ended += 1;
    if (this.#text.includes('event: outcome')) told += 1;
    if (ended === count) process.stdout.write(`${JSON.stringify({ ended, told })}\n`);
  }
}

function openNext(): void {
  if (begun === count) return;
  begun += 1;
  new Stream().begin();
}

for (let number = 0; number < AT_ONCE; number++) openNext();
