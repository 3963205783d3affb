/**
 * The registry of live gateways, in Redis: which gateway holds which number, under which incarnation, until when.
 *
 * A gateway acquires and renews; the engine opens, reads, prepares numbers, revokes and frees. Leases are for liveness: the log
 * decides who may write (log/log.ts). For the gateway, a lease ends at its own monotonic deadline, counted from before the
 * request; for the engine, once it has seen no renewal for a lease and a margin for clock rates on its own monotonic clock, and
 * has made sure that none can come any more. So a gateway mostly stops before the engine fences it.
 */
import { GATEWAY_COUNT } from '../../record/stamp.ts';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';

export interface Lease {
  readonly gateway: number;
  readonly incarnation: number;
  /** How far the registry had been read when the number was granted: every stamp of this incarnation is later. */
  readonly registeredUs: number;
  readonly expiresUs: number;
  readonly name: string;
  /** See WriterIdentity; '' if it was granted by a version without tokens. */
  readonly token: string;
}

export interface Registry {
  /**
   * Redis' time of the read, as far as an engine confirms it, microseconds; a gateway that registers later has a registeredUs
   * at or above it. If this read confirms nothing, the value of the last one that did.
   */
  readonly readAtUs: number;
  /** What Redis' clock showed, microseconds, whether right or not. */
  readonly timeUs: number;
  /** How often engines have read that clock here, including this read if an engine makes it. */
  readonly readings: number;
  /** undefined while the registry is closed: Redis is new, was emptied, or was restarted. */
  readonly epoch: number | undefined;
  /** The length of leases; undefined if the registry was never opened. */
  readonly leaseMs: number | undefined;
  readonly leases: readonly Lease[];
  /** The free numbers that can be granted to a gateway. */
  readonly prepared: readonly PreparedNumber[];
}

/** A free number with the token of its next holder's writer. */
export interface PreparedNumber {
  readonly gateway: number;
  readonly token: string;
}

export type Acquired =
  | {
      readonly state: 'ok';
      readonly gateway: number;
      readonly incarnation: number;
      readonly epoch: number;
      readonly registeredUs: number;
      /** See WriterIdentity. */
      readonly token: string;
      /** What Redis' clock showed, microseconds. */
      readonly timeUs: number;
      readonly clock: ClockReport;
    }
  | { readonly state: 'differs'; readonly leaseMs: number }
  | { readonly state: 'closed' | 'held' | 'full' | 'unprepared' };

/** A finding of an engine about Redis' clock, and the number of the reading that it is based on. */
export interface ClockFinding {
  /** The time that the clock showed when it was found right, microseconds. */
  readonly agreedUs: number;
  readonly reading: number;
}

/** The lease reaper's latest verdict on Redis' clock: it contradicts others, or how it was last found right. */
export type ClockVerdict = 'held' | ClockFinding;

/** What engines report to gateways about Redis' clock. */
export interface ClockReport {
  /** undefined if there is no verdict yet. */
  readonly verdict: ClockVerdict | undefined;
  /** How often engines have read it. A finding by a later reading was made after this was read. */
  readonly readings: number;
}

export type Renewed =
  | { readonly state: 'ok'; readonly timeUs: number; readonly clock: ClockReport }
  | { readonly state: 'lost' };

/** How far the engine that reads the registry confirms Redis' clock. */
export interface ConfirmedTime {
  /** The latest instant that may be the current time, microseconds. */
  readonly confirmedUs: number;
}

/** The clocks of a gateway's machine and of Redis' may differ in rate; a tenth is a thousand times what they do. */
const MARGIN_SHARE = 0.1;
const MIN_MARGIN_MS = 500;

/** How long after the end of a lease by another clock it has certainly ended for its holder too. */
export function leaseMarginMs(leaseMs: number): number {
  return Math.max(MIN_MARGIN_MS, leaseMs * MARGIN_SHARE);
}

const scripts = {
  acquire: scriptFrom(new URL('./acquire.lua', import.meta.url)),
  renew: scriptFrom(new URL('./renew.lua', import.meta.url)),
  read: scriptFrom(new URL('./read.lua', import.meta.url)),
  revoke: scriptFrom(new URL('./revoke.lua', import.meta.url)),
  free: scriptFrom(new URL('./free.lua', import.meta.url)),
  begin: scriptFrom(new URL('./begin.lua', import.meta.url)),
  close: scriptFrom(new URL('./close.lua', import.meta.url)),
  open: scriptFrom(new URL('./open.lua', import.meta.url)),
  prepare: scriptFrom(new URL('./prepare.lua', import.meta.url)),
  setLength: scriptFrom(new URL('./set-length.lua', import.meta.url)),
};

/**
 * Requests a number and an incarnation. 'closed', 'held' and 'unprepared': ask again soon; 'full': all 1024 numbers are taken;
 * 'differs': the registry has another lease length.
 */
export async function acquireLease(
  redis: RedisClient,
  key: string,
  leaseMs: number,
  name: string,
): Promise<Acquired> {
  const answer = arrayOf(
    'acquire.lua',
    await scripts.acquire(redis, [key], [leaseMs * 1000, name, GATEWAY_COUNT]),
  );
  const [state, gateway, incarnation, epoch, registeredUs, token, timeUs, ...report] = answer;
  if (state === 'closed' || state === 'held' || state === 'full' || state === 'unprepared') return { state };
  if (state === 'differs') return { state, leaseMs: Number(gateway) / 1000 };
  if (state !== 'ok') throw new Error(`acquire.lua answered ${String(state)}`);
  return {
    state,
    gateway: Number(gateway),
    incarnation: Number(incarnation),
    epoch: Number(epoch),
    registeredUs: Number(registeredUs),
    token: String(token),
    timeUs: Number(timeUs),
    clock: clockReport(report),
  };
}

/** Renews a lease; 'lost' is final. */
export async function renewLease(
  redis: RedisClient,
  key: string,
  lease: { readonly gateway: number; readonly incarnation: number },
  leaseMs: number,
): Promise<Renewed> {
  const [state, timeUs, ...report] = arrayOf(
    'renew.lua',
    await scripts.renew(redis, [key], [lease.gateway, lease.incarnation, leaseMs * 1000]),
  );
  return state === 'ok' ? { state, timeUs: Number(timeUs), clock: clockReport(report) } : { state: 'lost' };
}

/**
 * Reads all leases, expired or not, the prepared numbers, and Redis' time. Without `confirmed`, the registry stays unchanged.
 */
export async function readRegistry(
  redis: RedisClient,
  key: string,
  confirmed?: ConfirmedTime,
): Promise<Registry> {
  const confirmedUs = confirmed === undefined ? '' : Math.floor(Math.max(0, confirmed.confirmedUs));
  const [readAtUs, timeUs, readings, epoch, leaseUs, ...rest] = arrayOf(
    'read.lua',
    await scripts.read(redis, [key], [confirmedUs]),
  );
  const leases: Lease[] = [];
  const prepared: PreparedNumber[] = [];
  for (let index = 0; index + 1 < rest.length; index += 2) {
    const [kind, number] = String(rest[index]).split(':');
    const [gateway, value] = [Number(number), String(rest[index + 1])];
    if (kind === 'p') prepared.push({ gateway, token: value });
    else leases.push(parseLease(gateway, value));
  }
  return {
    readAtUs: Number(readAtUs),
    timeUs: Number(timeUs),
    readings: Number(readings),
    epoch: epoch === '' ? undefined : Number(epoch),
    leaseMs: leaseUs === '' ? undefined : Number(leaseUs) / 1000,
    leases,
    prepared,
  };
}

/** For the lease reaper: tells gateways the verdict on Redis' clock. */
export async function tellClock(redis: RedisClient, key: string, verdict: ClockVerdict): Promise<void> {
  const said = verdict === 'held' ? [verdict] : [verdict.agreedUs, 'reading', verdict.reading];
  await redis.hset(key, 'clock', ...said);
}

/** The lease reaper's latest verdict. */
export async function readClockReport(redis: RedisClient, key: string): Promise<ClockReport> {
  return clockReport(await redis.hmget(key, 'clock', 'reading', 'readings'));
}

/** Stores, before the registry is opened, which nodes the Cluster had when the rebuild of Redis began. */
export async function noteNodes(redis: RedisClient, key: string, nodes: string): Promise<void> {
  await redis.hset(key, 'nodes', nodes);
}

/** The nodes stored last. */
export async function readOpenedNodes(redis: RedisClient, key: string): Promise<string | undefined> {
  return (await redis.hget(key, 'nodes')) ?? undefined;
}

/** Ensures that a lease that was not renewed since it was read never is; false if it was renewed, or is gone. */
export async function revokeLease(redis: RedisClient, key: string, lease: Lease): Promise<boolean> {
  const { gateway, incarnation, expiresUs } = lease;
  return (await scripts.revoke(redis, [key], [gateway, incarnation, expiresUs])) === 1;
}

export async function freeLease(
  redis: RedisClient,
  key: string,
  lease: { readonly gateway: number; readonly incarnation: number },
): Promise<boolean> {
  return (await scripts.free(redis, [key], [lease.gateway, lease.incarnation])) === 1;
}

export type Begun =
  /** Redis' time, at or above that of every read of the registry. */
  | { readonly state: 'begun'; readonly nowUs: number }
  | { readonly state: 'open' }
  /** The same or a later epoch was claimed before. */
  | { readonly state: 'stale'; readonly epoch: number };

/** Claims the closed registry for an epoch, which no other attempt at opening it has. */
export async function beginOpening(redis: RedisClient, key: string, epoch: number): Promise<Begun> {
  const [state, value] = arrayOf('begin.lua', await scripts.begin(redis, [key], [epoch]));
  if (state === 'begun') return { state, nowUs: Number(value) };
  if (state === 'stale') return { state, epoch: Number(value) };
  if (state === 'open') return { state };
  throw new Error(`begin.lua answered ${String(state)}`);
}

/** Opens the registry; false if it is no longer claimed for this epoch. */
export async function openRegistry(
  redis: RedisClient,
  key: string,
  terms: { readonly epoch: number; readonly floorUs: number; readonly leaseMs: number },
): Promise<boolean> {
  const { epoch, floorUs, leaseMs } = terms;
  return (await scripts.open(redis, [key], [epoch, floorUs, leaseMs * 1000])) === 1;
}

/** Offers numbers to gateways; resolves with how many, because others may be held, or the registry may have another epoch. */
export async function putUpNumbers(
  redis: RedisClient,
  key: string,
  epoch: number,
  numbers: readonly PreparedNumber[],
): Promise<number> {
  const pairs = numbers.flatMap(({ gateway, token }) => [gateway, token]);
  return Number(await scripts.prepare(redis, [key], [epoch, ...pairs]));
}

/** Sets the length of leases; false if there is a lease. */
export async function setLeaseLength(redis: RedisClient, key: string, leaseMs: number): Promise<boolean> {
  return (await scripts.setLength(redis, [key], [leaseMs * 1000])) === 1;
}

/** Closes the registry of an epoch, unless another one was opened meanwhile. */
export async function closeRegistry(redis: RedisClient, key: string, epoch: number): Promise<void> {
  await scripts.close(redis, [key], [epoch]);
}

function parseLease(gateway: number, json: string): Lease {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) throw new Error(`lease of gateway ${gateway} is ${json}`);
  const field = (name: string): unknown => Reflect.get(value, name);
  return {
    gateway,
    incarnation: Number(field('incarnation')),
    registeredUs: Number(field('registeredUs')),
    expiresUs: Number(field('expiresUs')),
    name: String(field('name')),
    token: String(field('token') ?? ''),
  };
}

function clockReport([clock, reading, readings]: readonly unknown[]): ClockReport {
  const report = { readings: Number(readings ?? 0) };
  if (typeof clock !== 'string') return { ...report, verdict: undefined };
  if (clock === 'held') return { ...report, verdict: 'held' };
  return { ...report, verdict: { agreedUs: Number(clock), reading: Number(reading) } };
}
