/**
 * Warms up a new gateway process. Its code is slow at first: a function that runs once per slice is optimised only after some
 * thousand slices. So before it is reachable, the gateway sends entries to itself, over HTTP on an unpublished loopback port,
 * through the handlers used in service, with parts that serve nothing else (warm-up-parts.ts).
 *
 * The entries go through sockets because V8 compiles the calls between JavaScript and uWebSockets.js for the objects it has
 * seen: fake requests and responses would make these calls slower for good instead of faster at first.
 *
 * The warm-up runs before the gateway joins, and so before it has a shared clock, a board, a lease or a writer. So it cannot
 * change any of them, no time samples are taken while the event loop is busy, and nobody waits for promises of a gateway that
 * does not serve yet. It costs Redis as much as a gateway in service: some 2,000 slices within two seconds.
 *
 * Measured on two cores shared with ten other processes, including the clients, which are half of the cost: the first 2,000
 * slices took 1.8 s of CPU, the next 2,000 took 0.95 s. `npm run bench -- first` measures what the first users gain.
 */
import { askAgainAndAgain, type WarmUpClient } from './warm-up-client.ts';
import { assembleWarmUp, type WarmUpServers } from './warm-up-parts.ts';

/** More would gain less than another tenth. */
export const WARM_UP_SLICES = 2_000;
/** Also the number of entries per slice, as all are answered at once. Fewer: receipts share nothing (SHARING). More: slower. */
const CLIENTS = 8;
const LOOPBACK = '127.0.0.1';
/** The board of the warm-up returns the same campaign for any number. */
const PATH = '/v1/campaigns/1/entries';

/** How far a warm-up came; with fewer slices than WARM_UP_SLICES it was cut off. */
export interface WarmedUp {
  readonly slices: number;
  readonly entries: number;
  readonly ms: number;
}

/** A warm-up is impossible, as without Redis. */
export class WarmUpFailed extends Error {
  /** How many slices it ran before. */
  readonly slices: number;

  constructor(why: string, slices: number, cause: unknown) {
    super(why, { cause });
    this.slices = slices;
  }
}

/**
 * Runs slices for at most `limitMs`. Rejects with WarmUpFailed if that is impossible. Loads uWebSockets.js: the environment
 * variables that it reads must be set before.
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
    if (isOver || slices() >= WARM_UP_SLICES) return undefined;
    users += 1;
    return requestOf(ticketOf(`nobody-${users}`), hasProxies);
  };
  try {
    const port = await listen(app, { host: LOOPBACK, port: 0, prefix: 'GATEWAY' });
    for (let count = 0; count < CLIENTS; count++)
      clients.push(askAgainAndAgain({ host: LOOPBACK, port }, nextRequest));
    await Promise.all(clients.map(({ done }) => done));
  } catch (error) {
    throw new WarmUpFailed(failure() ?? 'no entry is accepted', slices(), error);
  } finally {
    clearTimeout(limit);
    // If one client has failed, the others still run.
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

/** A request with the usual headers. */
function requestOf(ticket: string, hasProxies: boolean): string {
  const noted = hasProxies ? `x-request-start: t=${Date.now()}\r\n` : '';
  return (
    `POST ${PATH} HTTP/1.1\r\nhost: ${LOOPBACK}\r\nuser-agent: warm-up\r\naccept: */*\r\n` +
    `authorization: Bearer ${ticket}\r\n${noted}content-length: 0\r\n\r\n`
  );
}
