/**
 * How soon a service works again after a part of it was killed: kill -9, an immediate start of the same part, and a new
 * user who asks until they are accepted, and then until their entry is decided. And the same after Redis was emptied twice in a
 * row, the second time while it is being rebuilt, with two engines; that no answer meanwhile is wrong is the business of
 * gateway/shared/reopen.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import type { LogKind } from '../../engine/contract/log/log.ts';
import { type Closing, closingAfter } from '../system/closing.ts';
import {
  type Fairline,
  makeSite,
  type Process,
  startEngine,
  startFairline,
  startGateway,
  untilKnown,
} from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import type { Servers } from '../system/servers.ts';
import { type HistoryTerms, makeHistory } from './history.ts';

const KILLED = ['redis', 'gateway', 'engine', 'postgres'] as const;
type Killed = (typeof KILLED)[number] | 'kafka';
export type Part = Killed | 'redis, emptied twice';

/** Seconds since the part was back: a server answers, a process listens; or since Redis was emptied for the second time. */
export interface Recovery {
  readonly part: Part;
  /** Seconds since the kill, or since Redis was emptied first. */
  readonly backAfter: number;
  readonly accepted: number;
  readonly settled: number;
}

const OPEN_MS = 3_600_000;
const ASK_EVERY_MS = 20;
/** Pause between two parts, so that each finds the service at rest. */
const REST_MS = 5_000;
const LIMIT_MS = 300_000;
/** The time between the two: by then markers are under way, or entries have just been accepted again. */
const APART_MS = 700;
const UNLINKED_AT_ONCE = 1_000;

export async function measureRestarts(
  servers: Servers,
  log: LogKind,
  history: HistoryTerms,
  say: (line: string) => void,
): Promise<readonly Recovery[]> {
  return await closingAfter(async closing => {
    const site = await closing.own(makeSite(servers, log));
    const fairline = await closing.own(startFairline(site));
    await makeHistory(fairline, history, say);
    const { id } = await fairline.operator.create({
      kind: 'coupon',
      title: 'Open',
      stock: 1_000_000,
      closes_at: inMs(OPEN_MS),
    });
    await untilKnown(fairline, id);
    const work = { servers, closing, fairline, gateway: fairline.gateways[0], engine: fairline.engine };
    const recoveries: Recovery[] = [];
    const killed: readonly Killed[] = log === 'kafka' ? [...KILLED, 'kafka'] : KILLED;
    for (const part of killed) {
      await sleep(REST_MS);
      say(`${part} is killed`);
      recoveries.push(await measureRecovery(work, part, id, () => killAndStart(work, part)));
    }
    await closing.own(startEngine(site));
    await sleep(REST_MS);
    say('redis is emptied twice');
    recoveries.push(await measureRecovery(work, 'redis, emptied twice', id, () => emptyTwice(work)));
    return recoveries;
  });
}

interface Work {
  readonly servers: Servers;
  readonly closing: Closing;
  readonly fairline: Fairline;
  gateway: Process | undefined;
  engine: Process;
}

/** `lose` resolves when the part is back. */
async function measureRecovery(
  work: Work,
  part: Part,
  campaign: number,
  lose: () => Promise<void>,
): Promise<Recovery> {
  const lostMs = performance.now();
  await lose();
  const backMs = performance.now();
  const { ticket } = work.fairline.site;
  const userId = `after-${part.replaceAll(/[^a-z]+/g, '-')}`;
  const authorization = `Bearer ${await signTicket(userId, { ...ticket, lifetimeSeconds: 3_600 })}`;
  const path = `${work.gateway?.base}/v1/campaigns/${campaign}/entries`;
  await untilAnswer(path, { method: 'POST', headers: { authorization } }, ({ status }) => status === 202);
  const acceptedMs = performance.now();
  await untilAnswer(`${path}/me`, { headers: { authorization } }, ({ outcome }) => outcome === 'granted');
  return {
    part,
    backAfter: (backMs - lostMs) / 1_000,
    accepted: (acceptedMs - backMs) / 1_000,
    settled: (performance.now() - backMs) / 1_000,
  };
}

/** Resolves when the part is back: it listens, or answers. */
async function killAndStart(work: Work, part: Killed): Promise<void> {
  const { servers, closing, fairline } = work;
  if (part === 'redis' || part === 'postgres' || part === 'kafka') {
    const pid = servers.pids[part];
    if (pid === undefined) throw new Error(`${part} has no process that could be killed`);
    process.kill(pid, 'SIGKILL');
    await servers.startAgain();
    return;
  }
  const old = work[part];
  if (old !== undefined) process.kill(old.pid, 'SIGKILL');
  await old?.exited;
  if (part === 'engine') work.engine = await closing.own(startEngine(fairline.site));
  else work.gateway = await closing.own(startGateway(fairline.site));
}

/** Empties Redis of everything but the log, if it is the log as well. */
async function emptyTwice({ servers, fairline: { site } }: Work): Promise<void> {
  const redis = new Redis(servers.env.REDIS_URL);
  const empty = async (): Promise<void> => {
    if (site.log === 'kafka') {
      await redis.flushdb();
      return;
    }
    const keys = await redis.keys(site.keys.projectionPattern);
    for (let at = 0; at < keys.length; at += UNLINKED_AT_ONCE)
      await redis.unlink(...keys.slice(at, at + UNLINKED_AT_ONCE));
  };
  try {
    await empty();
    await sleep(APART_MS);
    await empty();
  } finally {
    redis.disconnect();
  }
}

interface Seen {
  readonly status: number;
  readonly outcome: unknown;
}

async function untilAnswer(url: string, init: RequestInit, isWanted: (seen: Seen) => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  for (let last = ''; ; ) {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(2_000) });
      last = await response.text();
      const body: Record<string, unknown> = last.startsWith('{') ? JSON.parse(last) : {};
      if (isWanted({ status: response.status, outcome: body.outcome })) return;
    } catch (error) {
      last = String(error);
    }
    if (performance.now() > endMs) throw new Error(`${url}: not within ${LIMIT_MS / 1_000} s; last: ${last}`);
    await sleep(ASK_EVERY_MS);
  }
}
