/**
 * The registry of live gateways, in Redis: who holds which number, under which incarnation, until when.
 *
 * A gateway acquires and renews; the engine opens, reads, prepares numbers, revokes and frees. Leases are for liveness:
 * who writes is for the log to say (log/log.ts). A lease is over for the gateway at its own monotonic deadline, counted from
 * before it asked; for the engine when it has seen no renewal for a lease and a margin for clock rates on its own
 * monotonic clock, and has made sure that none can come any more. So a gateway mostly stops before the engine fences it.
 */
import { GATEWAY_COUNT } from '../../record/stamp.ts';
import { arrayOf, type RedisClient, scriptFrom } from '../redis.ts';

export interface Lease {
  readonly gateway: number;
  readonly incarnation: number;
  /** Up to where the registry had been read when the number was given: every stamp of this incarnation is later. */
  readonly registeredUs: number;
  readonly expiresUs: number;
  readonly name: string;
  /** See WriterIdentity; '' of one that was given by a version without. */
  readonly token: string;
}

export interface Registry {
  /**
   * Redis' time of the read as far as it is vouched for, microseconds; a gateway that registers later has registeredUs at
   * or above it. Of a read that vouches for nothing, that of the last one which did.
   */
  readonly readAtUs: number;
  /** What Redis' clock showed, microseconds: whether it is right is not said. */
  readonly timeUs: number;
  /** How often engines have read that clock here, this time among them where it was one. */
  readonly readings: number;
  /** undefined while the registry is closed: Redis is new, was emptied, or was started again. */
  readonly epoch: number | undefined;
  /** How long leases hold; undefined while the registry was never opened. */
  readonly leaseMs: number | undefined;
  readonly leases: readonly Lease[];
  /** The free numbers that a gateway can be given. */
  readonly prepared: readonly PreparedNumber[];
}

/** A free number with what the log is to know its next holder by. */
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
      readonly clock: ClockWord;
    }
  | { readonly state: 'differs'; readonly leaseMs: number }
  | { readonly state: 'closed' | 'held' | 'full' | 'unprepared' };

/** What an engine has found of Redis' clock, and by which of the readings that engines make. */
export interface ClockFinding {
  /** The time that it showed when it was found right, microseconds. */
  readonly agreedUs: number;
  readonly reading: number;
}

/** What the keeper has said last of Redis' clock: that it contradicts others, or how it was last found right. */
export type ClockVerdict = 'held' | ClockFinding;

/** What a gateway hears of Redis' clock. */
export interface ClockWord {
  /** undefined where none has said anything. */
  readonly verdict: ClockVerdict | undefined;
  /** How often engines have read it. A finding by a later reading is none of before this was heard. */
  readonly readings: number;
}

export type Renewed =
  | { readonly state: 'ok'; readonly timeUs: number; readonly clock: ClockWord }
  | { readonly state: 'lost' };

/** What a reader of the registry, an engine, vouches for. */
export interface Vouching {
  /** The latest instant that may be the time now, microseconds. */
  readonly vouchedUs: number;
}

/** Clocks of a gateway's machine and of Redis' may differ in rate; a tenth is a thousand times what they do. */
const MARGIN_SHARE = 0.1;
const MIN_MARGIN_MS = 500;

/** How long after its end by somebody else's clock a lease is certain to be over for its holder too. */
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
 * Asks for a number and an incarnation. 'closed', 'held' and 'unprepared': ask again soon; 'full': all 1024 numbers are taken;
 * 'differs': leases hold for another time here.
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
  const [state, gateway, incarnation, epoch, registeredUs, token, timeUs, ...word] = answer;
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
    clock: clockWord(word),
  };
}

/** Renews; 'lost' is for good. */
export async function renewLease(
  redis: RedisClient,
  key: string,
  lease: { readonly gateway: number; readonly incarnation: number },
  leaseMs: number,
): Promise<Renewed> {
  const [state, timeUs, ...word] = arrayOf(
    'renew.lua',
    await scripts.renew(redis, [key], [lease.gateway, lease.incarnation, leaseMs * 1000]),
  );
  return state === 'ok' ? { state, timeUs: Number(timeUs), clock: clockWord(word) } : { state: 'lost' };
}

/**
 * Reads all leases, over or not, the numbers that are prepared, and Redis' time. Without a vouching, the registry stays as it
 * is.
 */
export async function readRegistry(redis: RedisClient, key: string, vouching?: Vouching): Promise<Registry> {
  const vouched = vouching === undefined ? '' : Math.floor(Math.max(0, vouching.vouchedUs));
  const [readAtUs, timeUs, readings, epoch, leaseUs, ...rest] = arrayOf(
    'read.lua',
    await scripts.read(redis, [key], [vouched]),
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

/** As the keeper, tells gateways what was found of Redis' clock. */
export async function tellClock(redis: RedisClient, key: string, verdict: ClockVerdict): Promise<void> {
  const said = verdict === 'held' ? [verdict] : [verdict.agreedUs, 'reading', verdict.reading];
  await redis.hset(key, 'clock', ...said);
}

/** What the keeper has said last. */
export async function readClockWord(redis: RedisClient, key: string): Promise<ClockWord> {
  return clockWord(await redis.hmget(key, 'clock', 'reading', 'readings'));
}

/** Notes, before the registry is opened, which nodes the Cluster had when what Redis holds was begun anew. */
export async function noteNodes(redis: RedisClient, key: string, nodes: string): Promise<void> {
  await redis.hset(key, 'nodes', nodes);
}

/** As was noted last. */
export async function readOpenedNodes(redis: RedisClient, key: string): Promise<string | undefined> {
  return (await redis.hget(key, 'nodes')) ?? undefined;
}

/** Makes sure that a lease that was not renewed since it was read never is; false when it was, or is gone. */
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
  /** A later epoch, or the same, was claimed before. */
  | { readonly state: 'stale'; readonly epoch: number };

/** Claims the closed registry for an epoch, which no other attempt at opening it has. */
export async function beginOpening(redis: RedisClient, key: string, epoch: number): Promise<Begun> {
  const [state, value] = arrayOf('begin.lua', await scripts.begin(redis, [key], [epoch]));
  if (state === 'begun') return { state, nowUs: Number(value) };
  if (state === 'stale') return { state, epoch: Number(value) };
  if (state === 'open') return { state };
  throw new Error(`begin.lua answered ${String(state)}`);
}

/** Opens it; false when it is not claimed for this epoch any more. */
export async function openRegistry(
  redis: RedisClient,
  key: string,
  terms: { readonly epoch: number; readonly floorUs: number; readonly leaseMs: number },
): Promise<boolean> {
  const { epoch, floorUs, leaseMs } = terms;
  return (await scripts.open(redis, [key], [epoch, floorUs, leaseMs * 1000])) === 1;
}

/** Puts numbers up to be taken; answers how many were, as others may hold them, or the registry is not of that epoch. */
export async function putUpNumbers(
  redis: RedisClient,
  key: string,
  epoch: number,
  numbers: readonly PreparedNumber[],
): Promise<number> {
  const pairs = numbers.flatMap(({ gateway, token }) => [gateway, token]);
  return Number(await scripts.prepare(redis, [key], [epoch, ...pairs]));
}

/** Sets how long leases hold; false when somebody has one. */
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

function clockWord([clock, reading, readings]: readonly unknown[]): ClockWord {
  const word = { readings: Number(readings ?? 0) };
  if (typeof clock !== 'string') return { ...word, verdict: undefined };
  if (clock === 'held') return { ...word, verdict: 'held' };
  return { ...word, verdict: { agreedUs: Number(clock), reading: Number(reading) } };
}
