import uws, { type HttpResponse } from 'uWebSockets.js';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { Turns } from '../../gateway/stream/turns.ts';
import { Watcher } from '../../gateway/stream/watcher.ts';
import { TOLD_A_TURN } from '../../gateway/stream/watchers.ts';
import type { Bench } from '../bench.ts';
import { startScript } from '../peers/process.ts';
import { median, ratioOf } from '../report/figures.ts';
import { flag, whole } from '../report/options.ts';
import { table } from '../report/table.ts';
import { LostRun } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import { until } from '../system/waiting.ts';

const options = {
  rounds: whole(3, 1, 50, 'rounds; each ends all streams once in each way'),
  streams: whole(10_000, 10, 15_000, 'streams that end at once'),
  json: flag('a JSON object as the last line'),
};

const EVENT = 'id: 7:1234567890123:over\nevent: outcome\ndata: {"position":12345,"outcome":"sold_out"}\n\n';
const SETTLE_MS = 100;
const A_SCAN = 250;
const LIMIT = { everyMs: 20, limitMs: 120_000 };

/** How streams end: all in one turn of the loop, or spread over turns, as gateways do it. */
type Way = 'at once' | 'in turns';
/** What ends them: their last event, or a stop of the gateway. */
type End = 'told' | 'closed';

export const ends: Bench<typeof options> = {
  summary: 'how long the loop is held when many streams end at once, in one turn and in turns',
  options,
  kafka: 'no',
  run: async ({ options: { rounds, streams }, closing, say }) => {
    const server = await openServer(closing);
    const held: Record<End, Record<Way, Held[]>> = {
      told: { 'at once': [], 'in turns': [] },
      closed: { 'at once': [], 'in turns': [] },
    };
    for (let round = 0; round < rounds; round++) {
      for (const end of ['told', 'closed'] as const) {
        const ways: Way[] = round % 2 === 0 ? ['at once', 'in turns'] : ['in turns', 'at once'];
        for (const way of ways) {
          const one = await endAll(server, streams, way, end, closing);
          held[end][way].push(one);
          say(
            `round ${round + 1}: ${streams} ${end} ${way}: the loop was held for up to ${one.longestMs.toFixed(1)} ms, at most ${one.mostATurn} in a turn`,
          );
        }
      }
    }
    const row = (end: End): [string, ...number[]] => {
      const [once, turns] = [held[end]['at once'], held[end]['in turns']];
      const longest = (all: readonly Held[]): number[] => all.map(({ longestMs }) => longestMs);
      return [
        `${streams} streams ${end}`,
        median(longest(once)),
        median(longest(turns)),
        ratioOf(longest(turns), longest(once)).median,
        Math.max(...turns.map(({ mostATurn }) => mostATurn)),
      ];
    };
    const text = table(
      ['longest block of the loop, ms', 'in one turn', 'in turns', 'ratio', 'most in a turn'],
      [row('told'), row('closed')],
    );
    return { text, goals: [], json: { streams, held } };
  },
};

interface Held {
  /** Longest time from one turn of the loop to the next. */
  readonly longestMs: number;
  readonly mostATurn: number;
}

interface Server {
  readonly port: number;
  readonly watchers: Set<Watcher>;
}

async function openServer(closing: Closing): Promise<Server> {
  const watchers = new Set<Watcher>();
  const app = uws.App().get('/*', (res: HttpResponse) => {
    const ended = (): void => {
      watchers.delete(watcher);
      watcher.state = 'over';
    };
    res.onAborted(ended);
    res.cork(() => {
      res.writeHeader('content-type', 'text/event-stream').write('retry: 2000\n\n');
    });
    const who = { userId: 'u', campaignId: 7, shownAhead: 0, shownWaitlistPosition: 0 };
    const watcher = new Watcher(res, who, { commentDueUs: 0, bufferAtMost: 16_384, ended });
    watchers.add(watcher);
  });
  const port = await new Promise<number>((resolve, reject) => {
    app.listen('127.0.0.1', 0, socket => {
      if (socket === false) reject(new Error('cannot listen'));
      else resolve(uws.us_socket_local_port(socket));
    });
  });
  await closing.own(Promise.resolve({ stop: async () => void app.close() }));
  return { port, watchers };
}

/** Opens `streams` streams, ends all of them, and returns how long the loop was held meanwhile. */
async function endAll(
  { port, watchers }: Server,
  streams: number,
  way: Way,
  end: End,
  closing: Closing,
): Promise<Held> {
  const clients = await closing.own(
    startScript(new URL('./clients.ts', import.meta.url), {
      name: 'the clients',
      args: [String(port), String(streams)],
    }),
  );
  await until('all streams', LIMIT, async () => watchers.size === streams || undefined);
  let mostATurn = 0;
  const turns = new Turns(way === 'in turns' ? TOLD_A_TURN : Number.POSITIVE_INFINITY, taken => {
    mostATurn = Math.max(mostATurn, taken);
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await sleep(SETTLE_MS);
  delay.reset();
  // The delay monitor's first measurement after a reset begins with the next turn.
  await sleep(SETTLE_MS);
  const endOne = async (watcher: Watcher): Promise<void> => {
    await turns.take();
    if (watcher.state === 'over') return;
    if (end === 'told') watcher.end(EVENT);
    else watcher.drop();
  };
  const under: Promise<void>[] = [];
  for (const watcher of [...watchers]) {
    under.push(endOne(watcher));
    // The work before the ends is split as well (`#scan` of gateway/stream/watchers.ts).
    if (way === 'in turns' && under.length % A_SCAN === 0) await immediate();
  }
  await Promise.all(under);
  await until('the end of all', LIMIT, async () => watchers.size === 0 || undefined);
  // A turn is measured when the next one begins.
  await sleep(SETTLE_MS);
  delay.disable();
  await clients.exited;
  const { told } = JSON.parse(clients.lastLine());
  if (told !== (end === 'told' ? streams : 0)) throw new LostRun(`${told} of ${streams} were told`);
  return { longestMs: delay.max / 1e6, mostATurn };
}
