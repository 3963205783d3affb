/**
 * A room with a crowd before it: how long the loop of a gateway is held while thousands watch, people are let in all the
 * time so that each watcher is shown a new position, and the rest of the crowd is skipped at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runFleet } from '../load/fleet.ts';
import { LostRun, requireAllAccepted } from '../system/books.ts';
import type { Closing } from '../system/closing.ts';
import { clearCore, SHARED } from '../system/cores.ts';
import { readMetrics, sumOf } from '../system/metrics.ts';
import type { Servers } from '../system/servers.ts';
import { until } from '../system/waiting.ts';
import { startWatchers } from '../watch/fleet.ts';
import { askProbe } from '../watchers/ask-probe.ts';
import type { ProbeAnswer } from '../watchers/probe.ts';
import { loadFor, openQueue, QUEUED, type Queue, withNewGateway } from '../watchers/queue.ts';

export interface CrowdFigures
  extends Pick<ProbeAnswer, 'longestBlockMs' | 'longestOwnBlockMs' | 'over10Ms' | 'over20Ms'> {
  readonly waiting: number;
  readonly watching: number;
  readonly skippedMeanwhile: number;
  readonly admittedMeanwhile: number;
}

export interface CrowdOptions {
  readonly waiting: number;
  readonly watching: number;
  readonly seconds: number;
}

const PER_SECOND = 100;
const CONNECTIONS = 400;
const WATCHERS_A_PROCESS = 5_000;
const ARRIVALS_A_SECOND = 2_000;
const LIMIT_SECONDS = 900;
const LIMIT_MS = 120_000;
/** Long enough that the code is compiled. */
const WARM_MS = 5_000;
/** Extra seconds for a slow machine. */
const SPARE_SECONDS = 10;

export async function measureCrowd(
  servers: Servers,
  options: CrowdOptions,
  closing: Closing,
  say: (line: string) => void,
): Promise<CrowdFigures> {
  const { waiting, watching, seconds } = options;
  // Once the others are skipped, watchers are let in. This many more watch, so that the requested number is left at the
  // end.
  const streams = watching + PER_SECOND * (Math.ceil(seconds / 2) + SPARE_SECONDS);
  // Counted from the first watcher on: the others must be skipped during the measurement, when all watchers have come.
  const comingSeconds = streams / ARRIVALS_A_SECOND;
  const grace_seconds = Math.ceil(2 * comingSeconds + WARM_MS / 1000 + seconds / 2);
  const rules = { kind: 'room', per_second: PER_SECOND, grace_seconds } as const;
  const putOnCore = await clearCore(Object.values(servers.pids));
  if (putOnCore === undefined) say(SHARED);
  const filled = await openQueue(servers, 'redis', closing, rules);
  await filled.fairline.operator.setRoom(filled.campaign, { per_second: PER_SECOND, paused: true });
  const users = { ...QUEUED, from: 0, to: waiting };
  const result = await runFleet({ ...loadFor(filled, CONNECTIONS), users });
  await filled.account.untilTakenIn(filled.fairline, requireAllAccepted(result));
  const queue = await withNewGateway(filled, closing);
  await putOnCore?.(queue.gateway.pid);
  await untilInLine(queue, waiting);
  await letThemWatch(queue, { waiting, watching: streams }, closing);
  say(`${waiting} wait and ${streams} watch`);
  await queue.fairline.operator.setRoom(queue.campaign, { per_second: PER_SECOND });
  await sleep(WARM_MS);
  const before = await people(queue);
  await askProbe(queue.gateway, { collect: false });
  await sleep(seconds * 1_000);
  await untilSkipped(queue);
  const { longestBlockMs, longestOwnBlockMs, over10Ms, over20Ms } = await askProbe(queue.gateway, {
    collect: false,
  });
  const after = await people(queue);
  const left = sumOf(await readMetrics(queue.gateway.base), 'fairline_watchers');
  if (left < watching)
    throw new LostRun(`of ${streams} who watched ${left} were left, ${watching} are wanted`);
  return {
    longestBlockMs,
    longestOwnBlockMs,
    over10Ms,
    over20Ms,
    waiting,
    watching,
    skippedMeanwhile: after.skipped - before.skipped,
    admittedMeanwhile: after.admitted - before.admitted,
  };
}

interface People {
  readonly inLine: number;
  readonly skipped: number;
  readonly admitted: number;
  /** Waiting people who are absent. */
  readonly absent: number;
}

async function people({ books, campaign }: Queue): Promise<People> {
  const { rows } = await books.pool.query<People>(
    `select count(*) filter (where stamp is not null) as "inLine", count(*) filter (where state = 'skipped') as skipped,
            count(*) filter (where serial is not null) as admitted,
            count(*) filter (where state = 'waiting' and absent_since_ms is not null) as absent
       from room_people where campaign_id = $1`,
    [campaign],
  );
  const [counted] = rows;
  if (counted === undefined) throw new Error('a count gave no row');
  return counted;
}

async function untilInLine(queue: Queue, waiting: number): Promise<void> {
  await until(`${waiting} in the line`, { everyMs: 200, limitMs: LIMIT_MS }, async () => {
    return (await people(queue)).inLine === waiting || undefined;
  });
}

async function untilSkipped(queue: Queue): Promise<void> {
  await until('the absent to be skipped', { everyMs: 500, limitMs: LIMIT_MS }, async () => {
    return (await people(queue)).absent === 0 || undefined;
  });
}

/** The last ones in the line watch, so that all of the others are skipped before them. */
async function letThemWatch(
  queue: Queue,
  { waiting, watching }: Pick<CrowdOptions, 'waiting' | 'watching'>,
  closing: Closing,
): Promise<void> {
  const { fairline, gateway, campaign } = queue;
  for (let from = waiting - watching; from < waiting; from += WATCHERS_A_PROCESS) {
    const to = Math.min(from + WATCHERS_A_PROCESS, waiting);
    const process = await closing.own(
      startWatchers({
        bases: [gateway.base],
        groups: [
          {
            campaign,
            users: { ...QUEUED, from, to },
            enter: 'wait',
            spreadMs: ((to - from) / ARRIVALS_A_SECOND) * 1_000,
          },
        ],
        ticket: fairline.site.ticket,
        limitSeconds: LIMIT_SECONDS,
      }),
    );
    process.go().catch(() => undefined);
  }
  await until(`${watching} streams`, { everyMs: 100, limitMs: LIMIT_MS }, async () => {
    return sumOf(await readMetrics(gateway.base), 'fairline_watchers') === watching || undefined;
  });
}
