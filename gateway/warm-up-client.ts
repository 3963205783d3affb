/** A client of a gateway within its own process, as small as can be: it is there for what it makes the gateway do. */
import { connect } from 'node:net';

const ACCEPTED = 'HTTP/1.1 202 ';
const END_OF_HEAD = '\r\n\r\n';
const CONTENT_LENGTH = /^content-length: *(\d+)\r$/im;
/** Of an answer that is told in an error. */
const SHOWN_CHARS = 300;

/**
 * Sends a request, waits for its answer, and sends the next, over one connection, until there is none or `signal` is aborted.
 * Rejects when it is answered with anything but 202, or the connection is lost.
 */
export function askAgainAndAgain(
  server: { readonly host: string; readonly port: number },
  nextRequest: () => string | undefined,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...server, noDelay: true }).setEncoding('latin1');
    let answer = '';
    let isDone = false;
    const finish = (): void => {
      isDone = true;
      socket.destroy();
    };
    const askNext = (): void => {
      answer = '';
      const request = nextRequest();
      if (request === undefined || signal.aborted) finish();
      else socket.write(request, 'latin1');
    };
    socket.on('connect', askNext);
    socket.on('data', (text: string) => {
      answer += text;
      if (!isWhole(answer)) return;
      if (answer.startsWith(ACCEPTED)) askNext();
      else socket.destroy(new Error(`an entry was answered with ${answer.slice(0, SHOWN_CHARS)}`));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (isDone) resolve();
      else reject(new Error('the connection was closed'));
    });
    signal.addEventListener('abort', finish, { once: true });
  });
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf(END_OF_HEAD);
  if (headEnd < 0) return false;
  const length = Number(CONTENT_LENGTH.exec(answer.slice(0, headEnd + 1))?.[1] ?? 0);
  return answer.length >= headEnd + END_OF_HEAD.length + length;
}
