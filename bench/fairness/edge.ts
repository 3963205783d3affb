/**
 * A proxy at the edge with a slow link behind it: it passes each request on LINK_MS after its arrival, and each answer
 * LINK_MS after its arrival. With NOTES=1 it adds `X-Request-Start` in microseconds, as a trusted proxy would. It reads
 * only requests without bodies, which are all that its bench sends.
 *
 * `TARGET_PORT` is the gateway's on this machine; `PORT` is its own, a free one unless given.
 */
import { connect, createServer, type Socket } from 'node:net';
import { announce } from '../peers/lifecycle.ts';
import { noteRequests } from './note-requests.ts';

const { TARGET_PORT, LINK_MS = '0', NOTES = '0', PORT = '0' } = process.env;
const linkMs = Number(LINK_MS);
const originUs = performance.timeOrigin * 1e3;

/** Timers of equal length fire in the order in which they were set, so nothing overtakes. */
function later(work: () => void): void {
  setTimeout(work, linkMs);
}

function send(to: Socket, bytes: Buffer): void {
  if (to.writable) to.write(bytes);
}

const server = createServer({ noDelay: true }, client => {
  const gateway = connect({ port: Number(TARGET_PORT), host: '127.0.0.1', noDelay: true });
  const note = NOTES === '1' ? noteRequests(() => Math.floor(originUs + performance.now() * 1e3)) : undefined;
  client.on('data', (bytes: Buffer) => {
    const noted = note?.(bytes) ?? bytes;
    later(() => send(gateway, noted));
  });
  gateway.on('data', (bytes: Buffer) => later(() => send(client, bytes)));
  for (const [one, other] of [
    [client, gateway],
    [gateway, client],
  ] as const) {
    one.on('error', () => one.destroy());
    one.once('close', () => later(() => other.destroy()));
  }
});

server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address();
  announce(typeof address === 'object' && address !== null ? address.port : 0, () => {
    server.close();
  });
});
