/**
 * The data of a Redis server, and the commands that fairline sends (redis.io/docs/latest/commands). It runs one command at a
 * time; replies are as on the wire. redis-state.test.ts compares it with Redis by sending the same random commands to both.
 *
 * ZADD with LT only lowers a member's score; with NX it leaves the score as it is; both add a missing member. Members with
 * equal scores are ordered by their bytes. A script runs as a whole (redis-scripts.ts). Keys expire by the server's wall clock.
 *
 * All changes are kept in order, as in an append-only file. A server that comes back without the last of them
 * (`appendfsync everysec`) starts with the part that it had written to disk.
 */
import { type RedisReply, RedisReplyError } from './redis-reply.ts';
import { runScript } from './redis-scripts.ts';

/** PTTL's answers for a missing key, and for a key that does not expire. */
const NO_KEY = -2;
const NEVER = -1;

type Change =
  | readonly ['hset' | 'zadd', string, string, string]
  | readonly ['hdel' | 'rpush' | 'zrem', string, string]
  | readonly ['xadd', string, string, string]
  | readonly ['xtrim' | 'set' | 'expire', string, string]
  | readonly ['del', string];

interface Written {
  readonly atUs: number;
  readonly change: Change;
}

export class RedisState {
  /** The server's wall clock, microseconds since the epoch. */
  readonly timeUs: () => number;
  #strings = new Map<string, string>();
  #hashes = new Map<string, Map<string, string>>();
  #sets = new Map<string, Map<string, number>>();
  #lists = new Map<string, string[]>();
  /** The entries of each stream: a position and one field each. */
  #streams = new Map<string, (readonly [position: string, value: string])[]>();
  /** Keyed by key: the wall-clock time of its expiry. */
  #expiresUs = new Map<string, number>();
  #file: Written[] = [];
  #nowUs = 0;
  /** The number of this start of the server. */
  #run = 1;

  constructor(timeUs: () => number) {
    this.timeUs = timeUs;
  }

  /** The current sorted set, for checks. */
  scores(key: string): ReadonlyMap<string, number> {
    return this.#sets.get(key) ?? new Map();
  }

  /** Restarts with the changes written up to `untilUs`, in order; 0 makes an empty server. */
  fallBack(untilUs: number): void {
    this.#run += 1;
    const kept = this.#file.filter(written => written.atUs <= untilUs);
    this.#strings = new Map();
    this.#hashes = new Map();
    this.#sets = new Map();
    this.#lists = new Map();
    this.#streams = new Map();
    this.#expiresUs = new Map();
    this.#file = kept;
    for (const { change } of kept) this.#apply(change);
  }

  /** Another server with the changes written here up to `untilUs`: a replica that has not received the rest. */
  replica(untilUs: number): RedisState {
    const copy = new RedisState(this.timeUs);
    copy.#file = [...this.#file];
    copy.#run = this.#run;
    copy.fallBack(untilUs);
    return copy;
  }

  /** Runs one command, its name in lower case. Throws RedisReplyError if the server would answer with an error. */
  call(name: string, args: readonly string[], nowUs: number): RedisReply {
    const [key = '', first = '', second = ''] = args;
    this.#nowUs = nowUs;
    if (this.#expiresUs.size > 0) this.#dropExpired();
    switch (name) {
      case 'time': {
        const us = this.timeUs();
        return [String(Math.floor(us / 1_000_000)), String(us % 1_000_000)];
      }
      case 'info':
        return `run_id:${this.#run.toString(16)}`;
      case 'exists':
        return args.filter(each => this.has(each)).length;
      case 'get':
        return this.#strings.get(key) ?? null;
      case 'set':
        this.#write(['set', key, first]);
        return 'OK';
      case 'pexpire':
        if (!this.has(key)) return 0;
        this.#write(['expire', key, String(this.timeUs() + Number(first) * 1_000)]);
        return 1;
      case 'pttl': {
        const expiresUs = this.#expiresUs.get(key);
        if (!this.has(key)) return NO_KEY;
        return expiresUs === undefined ? NEVER : Math.ceil((expiresUs - this.timeUs()) / 1_000);
      }
      case 'hget':
        return this.#hashes.get(key)?.get(first) ?? null;
      case 'hexists':
        return this.#hashes.get(key)?.has(first) ? 1 : 0;
      case 'hmget':
        return args.slice(1).map(field => this.#hashes.get(key)?.get(field) ?? null);
      case 'hlen':
        return this.#hashes.get(key)?.size ?? 0;
      case 'hkeys':
        return [...(this.#hashes.get(key)?.keys() ?? [])];
      case 'hgetall':
        return [...(this.#hashes.get(key) ?? [])].flat();
      case 'hscan':
        return ['0', [...(this.#hashes.get(key) ?? [])].flat()];
      case 'hset': {
        let added = 0;
        for (let at = 1; at + 1 < args.length; at += 2) {
          const field = args[at] ?? '';
          if (!this.#hashes.get(key)?.has(field)) added += 1;
          this.#write(['hset', key, field, args[at + 1] ?? '']);
        }
        return added;
      }
      case 'hsetnx':
        if (this.#hashes.get(key)?.has(first)) return 0;
        this.#write(['hset', key, first, second]);
        return 1;
      case 'hincrby': {
        const value = Number(this.#hashes.get(key)?.get(first) ?? '0') + Number(second);
        this.#write(['hset', key, first, String(value)]);
        return value;
      }
      case 'hdel': {
        let removed = 0;
        for (const field of args.slice(1)) {
          if (!this.#hashes.get(key)?.has(field)) continue;
          removed += 1;
          this.#write(['hdel', key, field]);
        }
        return removed;
      }
      case 'zadd':
        return this.#zadd(key, args.slice(1));
      case 'zcard':
        return this.#sets.get(key)?.size ?? 0;
      case 'zcount': {
        const [from, to] = [boundOf(first), boundOf(second)];
        return this.#inOrder(key).filter(([, score]) => score >= from && score <= to).length;
      }
      case 'zmscore': {
        const set = this.#sets.get(key);
        return args.slice(1).map(member => {
          const score = set?.get(member);
          return score === undefined ? null : String(score);
        });
      }
      case 'zscore': {
        const score = this.#sets.get(key)?.get(first);
        return score === undefined ? null : String(score);
      }
      case 'zrem': {
        if (this.#sets.get(key)?.has(first) !== true) return 0;
        this.#write(['zrem', key, first]);
        return 1;
      }
      case 'zremrangebyscore': {
        const [from, to] = [boundOf(first), boundOf(second)];
        const removed = this.#inOrder(key).filter(([, score]) => score >= from && score <= to);
        for (const [member] of removed) this.#write(['zrem', key, member]);
        return removed.length;
      }
      case 'zrank': {
        const rank = this.#inOrder(key).findIndex(([member]) => member === first);
        return rank < 0 ? null : rank;
      }
      case 'zrangebyscore': {
        const isAbove = first.startsWith('(')
          ? (score: number) => score > Number(first.slice(1))
          : (score: number) => score >= boundOf(first);
        const to = boundOf(second);
        return this.#inOrder(key)
          .filter(([, score]) => isAbove(score) && score <= to)
          .flatMap(([member, score]) => (args[3] === 'WITHSCORES' ? [member, String(score)] : [member]));
      }
      case 'llen':
        return this.#lists.get(key)?.length ?? 0;
      case 'lrange': {
        const list = this.#lists.get(key) ?? [];
        return list.slice(Number(first), second === '-1' ? list.length : Number(second) + 1);
      }
      case 'rpush':
        for (const value of args.slice(1)) this.#write(['rpush', key, value]);
        return this.#lists.get(key)?.length ?? 0;
      case 'xadd': {
        const [field = '', value = ''] = args.slice(2);
        const position = this.#nextPosition(key);
        this.#write(['xadd', key, position, JSON.stringify([field, value])]);
        return position;
      }
      case 'xrange': {
        const after = first.slice(1);
        const entries = (this.#streams.get(key) ?? []).filter(([position]) => isBehind(position, after));
        return entries
          .slice(0, Number(args[4]))
          .map(([position, value]): RedisReply => [position, JSON.parse(value)]);
      }
      case 'xtrim': {
        const before = this.#streams.get(key)?.length ?? 0;
        if (before > 0) this.#write(['xtrim', key, second]);
        return before - (this.#streams.get(key)?.length ?? 0);
      }
      case 'unlink': {
        let removed = 0;
        for (const each of args) {
          if (!this.has(each)) continue;
          removed += 1;
          this.#write(['del', each]);
        }
        return removed;
      }
      case 'scan':
        return ['0', this.#keysLike(args[2] ?? '*')];
      case 'evalsha': {
        const keys = Number(first);
        const scriptKeys = args.slice(2, 2 + keys);
        return runScript(key, scriptKeys, args.slice(2 + keys), (command, ...rest) =>
          this.call(command, rest.map(String), nowUs),
        );
      }
      default:
        throw new RedisReplyError(`ERR the simulated Redis does not know the command ${name}`);
    }
  }

  #dropExpired(): void {
    const timeUs = this.timeUs();
    for (const [key, expiresUs] of this.#expiresUs) if (expiresUs <= timeUs) this.#write(['del', key]);
  }

  #write(change: Change): void {
    this.#file.push({ atUs: this.#nowUs, change });
    this.#apply(change);
  }

  #zadd(key: string, args: readonly string[]): number {
    const flags = new Set<string>();
    let at = 0;
    for (; /^(NX|XX|LT|GT|CH)$/i.test(args[at] ?? ''); at++) flags.add((args[at] ?? '').toUpperCase());
    let added = 0;
    let changed = 0;
    for (; at + 1 < args.length; at += 2) {
      const score = Number(args[at]);
      const member = args[at + 1] ?? '';
      const held = this.#sets.get(key)?.get(member);
      if (held === undefined) {
        if (flags.has('XX')) continue;
        added += 1;
      } else if (
        flags.has('NX') ||
        (flags.has('LT') && score >= held) ||
        (flags.has('GT') && score <= held)
      ) {
        continue;
      } else if (score !== held) changed += 1;
      this.#write(['zadd', key, member, String(score)]);
    }
    return flags.has('CH') ? added + changed : added;
  }

  #apply(change: Change): void {
    switch (change[0]) {
      case 'set':
        this.#strings.set(change[1], change[2]);
        this.#expiresUs.delete(change[1]);
        break;
      case 'expire':
        this.#expiresUs.set(change[1], Number(change[2]));
        break;
      case 'hset':
        held(this.#hashes, change[1], () => new Map<string, string>()).set(change[2], change[3]);
        break;
      case 'zadd':
        held(this.#sets, change[1], () => new Map<string, number>()).set(change[2], Number(change[3]));
        break;
      case 'rpush':
        held(this.#lists, change[1], () => []).push(change[2]);
        break;
      case 'xadd':
        held(this.#streams, change[1], () => []).push([change[2], change[3]]);
        break;
      case 'xtrim': {
        const [, key, from] = change;
        const kept = (this.#streams.get(key) ?? []).filter(([position]) => !isBehind(from, position));
        this.#streams.set(key, kept);
        break;
      }
      case 'hdel': {
        const hash = this.#hashes.get(change[1]);
        hash?.delete(change[2]);
        if (hash?.size === 0) this.#forget(change[1]);
        break;
      }
      case 'zrem': {
        const set = this.#sets.get(change[1]);
        set?.delete(change[2]);
        if (set?.size === 0) this.#forget(change[1]);
        break;
      }
      case 'del':
        this.#forget(change[1]);
        break;
    }
  }

  #forget(key: string): void {
    for (const all of this.#all) all.delete(key);
    this.#expiresUs.delete(key);
  }

  get #all(): readonly Map<string, unknown>[] {
    return [this.#strings, this.#hashes, this.#sets, this.#lists, this.#streams];
  }

  /** By the wall clock, and always after the last one. */
  #nextPosition(key: string): string {
    const ms = Math.floor(this.timeUs() / 1000);
    const last = this.#streams.get(key)?.at(-1)?.[0];
    if (last === undefined || isBehind(`${ms}-0`, last)) return `${ms}-0`;
    const [lastMs, sequence] = last.split('-').map(Number);
    return `${lastMs}-${(sequence ?? 0) + 1}`;
  }

  has(key: string): boolean {
    return this.#all.some(all => all.has(key));
  }

  #keysLike(pattern: string): string[] {
    const keys = this.#all.flatMap(each => [...each.keys()]);
    const prefix = pattern.slice(0, -1);
    if (!pattern.endsWith('*') || prefix.includes('*')) throw new RedisReplyError(`ERR pattern ${pattern}`);
    return keys.filter(key => key.startsWith(prefix));
  }

  #inOrder(key: string): [string, number][] {
    return [...(this.#sets.get(key) ?? [])].sort(
      ([a, scoreA], [b, scoreB]) => scoreA - scoreB || (a < b ? -1 : 1),
    );
  }
}

function held<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Compares two positions in a stream. */
function isBehind(position: string, other: string): boolean {
  const [ms = 0, sequence = 0] = position.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}

function boundOf(text: string): number {
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return text === '+inf' ? Number.POSITIVE_INFINITY : Number(text);
}
