/**
 * A process that has just begun runs its code slowly: what runs once a slice is compiled well after some thousand slices only. So
 * a gateway takes entries from itself before anybody else can come: over HTTP, on a port of the loopback that nobody is told,
 * through the handlers of service, with parts that are good for nothing else (warm-up-parts.ts).
 *
 * Through sockets, since the calls between JavaScript and uWebSockets.js are compiled for the objects that they have met: with
 * others in place of requests and responses they would be slower for good, and not faster at first.
 *
 * It comes before the gateway joins, and so before there is a clock, a board, a lease or a writer that counts: there is nothing
 * that it could leave a mark on, no samples of the time are taken on a loop that is busy, and nobody waits for the promises of a
 * gateway that has nothing to do yet. It costs Redis what a gateway in service does: some 2,000 slices within two seconds.
 *
 * Measured on two cores that ten other processes wanted, with the clients, which are half of it: 2,000 slices took 1.8 s of CPU, and
 * 2,000 more behind them 0.95 s. What that saves the first who come: `npm run bench -- first`.
 */
import { askAgainAndAgain, type WarmUpClient } from './warm-up-client.ts';
import { assembleWarmUp, type WarmUpServers } from './warm-up-parts.ts';

/** Behind these less than a tenth is left to be gained. */
const SLICES = 2_000;
/** As many entries has a slice, as all are answered at once. Receipts of fewer share nothing (SHARING); more take more time. */
const CLIENTS = 8;
const LOOPBACK = '127.0.0.1';
/** Which one there is, is for the board to say: here always the same. */
const PATH = '/v1/campaigns/1/entries';

export interface WarmedUp {
  readonly slices: number;
  readonly entries: number;
  readonly ms: number;
}

/**
 * Takes slices for `limitMs` at the most. Rejects where that cannot be done, as without Redis. uWebSockets.js is loaded here: what
 * it reads from the environment has to be there before.
 */
export async function warmUp(servers: WarmUpServers, limitMs: number): Promise<WarmedUp> {
  const { parts, slices, failure, ticketOf, end } = assembleWarmUp(servers);
  const { buildEntriesApp } = await import('../http/app.ts');
  const { listen } = await import('../http/listen.ts');
  const app = buildEntriesApp(parts);
  const clients: WarmUpClient[] = [];
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    for (const client of clients) client.stop();
  };
  const beganMs = performance.now();
  const limit = setTimeout(stop, limitMs);
  const hasProxies = servers.config.TRUSTED_PROXIES.length > 0;
  let users = 0;
  const nextRequest = (): string | undefined => {
    if (isOver || slices() >= SLICES) return undefined;
    users += 1;
    return requestOf(ticketOf(`nobody-${users}`), hasProxies);
  };
  try {
    const port = await listen(app, LOOPBACK, 0);
    for (let count = 0; count < CLIENTS; count++)
      clients.push(askAgainAndAgain({ host: LOOPBACK, port }, nextRequest));
    await Promise.all(clients.map(({ done }) => done));
  } catch (error) {
    throw new Error(failure() ?? 'no entry is accepted', { cause: error });
  } finally {
    clearTimeout(limit);
    // Also the other clients, where one has failed.
    stop();
    end();
    app.close();
  }
  return {
    slices: slices(),
    entries: parts.entering.metrics.acceptedEntries,
    ms: performance.now() - beganMs,
  };
}

/** With the headers that a request mostly has. */
function requestOf(ticket: string, hasProxies: boolean): string {
  const noted = hasProxies ? `x-request-start: t=${Date.now()}\r\n` : '';
  return (
    `POST ${PATH} HTTP/1.1\r\nhost: ${LOOPBACK}\r\nuser-agent: warm-up\r\naccept: */*\r\n` +
    `authorization: Bearer ${ticket}\r\n${noted}content-length: 0\r\n\r\n`
  );
}
