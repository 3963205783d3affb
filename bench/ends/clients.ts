/**
 * The watchers, in a process of their own: opens `count` streams at `port`, and reports when all are open. It counts the
 * streams whose last event came before the end, and prints that count as the last line, once all have ended.
 * Arguments: port, count.
 */
import { connect } from 'node:net';

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
/** Connections being made at once; more than the server's backlog would wait for a second. */
const AT_ONCE = 200;
/**
 * Closes are spread: real clients are not one process. All at once they would close in one turn of the server's loop, 7 us
 * each.
 */
const CLOSED_WITHIN_MS = 2_000;

let begun = 0;
let open = 0;
let ended = 0;
let told = 0;

function openNext(): void {
  if (begun === count) return;
  begun += 1;
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    if (text === '') {
      open += 1;
      if (open === count) process.stdout.write(`${JSON.stringify({ open })}\n`);
      openNext();
    }
    text += chunk;
    // The end of a chunked body (RFC 9112, section 7.1).
    if (text.endsWith('0\r\n\r\n')) setTimeout(() => socket.end(), Math.random() * CLOSED_WITHIN_MS);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended += 1;
    if (text.includes('event: outcome')) told += 1;
    if (ended === count) process.stdout.write(`${JSON.stringify({ ended, told })}\n`);
  });
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
}

for (let number = 0; number < AT_ONCE; number++) openNext();
