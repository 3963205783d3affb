import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { hasCode, StackError } from '../errors.ts';

// Below the range from which Linux and macOS assign ports to outgoing connections (32768 and 49152 up): a recorded port from
// that range would sometimes be in use by a client at the next start.
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES = 100;

const LOOPBACK_LIMIT_MS = 2_000;

/** Throws StackError unless a process here can reach another one on 127.0.0.1. */
export async function checkLoopback(): Promise<void> {
  const server = createServer(socket => socket.destroy());
  try {
    const listening = once(server, 'listening');
    server.listen({ host: '127.0.0.1', port: 0, exclusive: true });
    await listening;
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = connect({ host: '127.0.0.1', port, timeout: LOOPBACK_LIMIT_MS });
    client.on('timeout', () => client.destroy(new Error('no connection was made')));
    await once(client, 'connect');
    client.destroy();
  } catch (error) {
    throw noLoopback('127.0.0.1', error);
  } finally {
    server.close();
  }
}

function noLoopback(address: string, cause: unknown): StackError {
  return new StackError(
    `cannot reach servers on ${address} (${cause instanceof Error ? cause.message : String(cause)})`,
    'check that the loopback interface is up (on Linux `ip link set lo up`) and that no sandbox forbids listening',
    { cause },
  );
}

/** Whether a server could listen on that loopback port now. Throws StackError if there is no loopback at all. */
export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    const listening = once(probe, 'listening');
    probe.listen({ host: '127.0.0.1', port, exclusive: true });
    await listening;
    return true;
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE')) return false;
    throw noLoopback(`127.0.0.1:${port}`, error);
  } finally {
    if (probe.listening) probe.close();
  }
}

/** `count` different loopback ports that are free; the wanted ones if possible. */
export async function choosePorts(count: number, wanted: readonly number[]): Promise<number[]> {
  const chosen: number[] = [];
  for (const port of wanted.slice(0, count)) {
    if (await isFree(port)) chosen.push(port);
  }
  for (let tries = 0; chosen.length < count; tries += 1) {
    if (tries === TRIES) {
      throw new StackError(
        `none of ${TRIES} loopback ports between ${FIRST_PORT} and ${LAST_PORT} was free`,
        'stop what listens there (`ss -ltnp`, on macOS `lsof -iTCP -sTCP:LISTEN`, names it), or set DATABASE_URL, REDIS_URL and KAFKA_BROKERS',
      );
    }
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (!chosen.includes(port) && (await isFree(port))) chosen.push(port);
  }
  return chosen;
}
