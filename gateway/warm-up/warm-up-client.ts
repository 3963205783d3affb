/** A minimal HTTP client in the gateway's own process: it only has to make the gateway work during the warm-up. */
import { connect } from 'node:net';

const ACCEPTED = 'HTTP/1.1 202 ';
const END_OF_HEAD = '\r\n\r\n';
const CONTENT_LENGTH = /^content-length: *(\d+)\r$/im;
/** How much of an unexpected answer an error shows. */
const SHOWN_CHARS = 300;

export interface WarmUpClient {
  /** Resolves when there is no next request or after `stop`. Rejects if an answer is not 202 or the connection is lost. */
  readonly done: Promise<void>;
  stop(): void;
}

/** Sends a request, waits for its answer, and sends the next, over one connection. */
export function askAgainAndAgain(
  server: { readonly host: string; readonly port: number },
  nextRequest: () => string | undefined,
): WarmUpClient {
  const socket = connect({ ...server, noDelay: true }).setEncoding('latin1');
  let answer = '';
  let isDone = false;
  const stop = (): void => {
    isDone = true;
    socket.destroy();
  };
  const askNext = (): void => {
    answer = '';
    const request = nextRequest();
    if (request === undefined) stop();
    else socket.write(request, 'latin1');
  };
  const done = new Promise<void>((resolve, reject) => {
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
  });
  return { done, stop };
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf(END_OF_HEAD);
  if (headEnd < 0) return false;
  const length = Number(CONTENT_LENGTH.exec(answer.slice(0, headEnd + 1))?.[1] ?? 0);
  return answer.length >= headEnd + END_OF_HEAD.length + length;
}
