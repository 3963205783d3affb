/**
 * Compares the simulated Redis with Redis: both receive the same random commands and scripts, and every reply and the final
 * state must agree. Times in replies are compared to ten minutes. Times in commands lie an hour away, so they decide the same
 * on both.
 */
import { deepEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { scriptText } from '../../../../engine/contract/redis/redis.ts';
import { serversFromEnv, testNamespace } from '../../../../engine/test/support.ts';
import { Random } from '../../kernel/random.ts';
import { RedisState } from './redis-state.ts';

const ROUNDS = 12;
const COMMANDS_A_ROUND = 150;
const HOUR_US = 3_600_000_000;
const TEN_MINUTES_US = 600_000_000;
const ENGINE = new URL('../../../../engine/', import.meta.url);

let redis: Redis;
before(() => {
  redis = new Redis(serversFromEnv().redisUrl);
});
after(async () => {
  await redis.quit();
});

/** Replaces the end of the lease in the hash, which differs by microseconds between the two. */
const HELD = 'held';
/** Replaces the server's run id. */
const RUN = 'this run';
/** The run id in the simulated server's reply to INFO. */
const SIMULATED_RUN = '1';

type Command = readonly [string, ...string[]];

/** Draws commands over a few keys, so that they meet. */
class Commands {
  readonly #random: Random;
  readonly #key: (name: string) => string;
  readonly #nowUs: number;

  constructor(random: Random, key: (name: string) => string, nowUs: number) {
    this.#random = random;
    this.#key = key;
    this.#nowUs = nowUs;
  }

  next(): Command {
    return this.#random.chance(0.5) ? this.#plain() : this.#script();
  }

  #plain(): Command {
    const random = this.#random;
    const [hash, set, list] = [this.#key('hash'), this.#key('set'), this.#key('list')];
    const field = random.pick(['a', 'b', 'ä', 'epoch']);
    const number = String(random.between(0, 9));
    const flags = random.pick([[], ['LT'], ['NX'], ['XX'], ['GT'], ['LT', 'CH']]);
    const commands: readonly Command[] = [
      ['hget', hash, field],
      ['hexists', hash, field],
      ['hmget', hash, field, 'b'],
      ['hlen', hash],
      ['hset', hash, field, number, 'c', number],
      ['hsetnx', hash, field, number],
      ['hincrby', hash, 'count', number],
      ['hdel', hash, field, 'c'],
      ['exists', hash, set],
      ['zadd', set, ...flags, number, field, String(random.between(0, 9)), 'b'],
      ['zcard', set],
      ['zcount', set, '-inf', number],
      ['zmscore', set, field, 'nobody'],
      ['zrank', set, field],
      ['zscore', set, field],
      ['zrem', set, field],
      ['zremrangebyscore', set, '-inf', number],
      ['hkeys', this.#key('single')],
      ['hset', this.#key('single'), 'a', number],
      ['zrangebyscore', set, `(${number}`, '+inf'],
      ['zrangebyscore', set, '-inf', number],
      ['rpush', list, number, field],
      ['llen', list],
      ['lrange', list, number, '-1'],
      ['unlink', random.pick([hash, set, list])],
      ['get', this.#key('text')],
      ['set', this.#key('text'), number],
      ['pttl', random.pick([set, this.#key('text')])],
    ];
    return random.pick(commands);
  }

  #script(): Command {
    const random = this.#random;
    const leases = this.#key('leases');
    const board = ['state', 'campaigns', 'changes'].map(this.#key);
    const state = board[0] ?? '';
    const [blocks, confirmed] = [this.#key('blocks'), this.#key('confirmed')];
    const gone = this.#key('gone');
    const slots = 3;
    const gateway = String(random.between(0, slots - 1));
    const incarnation = String(random.between(1, 3) * 4_294_967_296 + random.between(1, 6));
    const leaseUs = String(random.pick([-HOUR_US, HOUR_US]));
    const token = String(random.between(0, 9));
    const id = String(random.between(1, 3));
    // Few values, so that two calls often belong to the same attempt.
    const [epoch, by] = [String(random.between(1, 3)), random.pick(['x', 'y'])];
    const revision = random.between(1, 5);
    const us = String(this.#nowUs + random.pick([-2, -1, 1, 2]) * HOUR_US);
    const ranks = Array.from({ length: random.between(0, 4) }, () => String(random.between(0, 20)));
    const calls: readonly Command[] = [
      call('contract/redis/lease/begin.lua', [leases], [epoch]),
      call('contract/redis/lease/open.lua', [leases], [epoch, us, leaseUs]),
      call('contract/redis/lease/open.lua', [leases], [epoch, us, leaseUs]),
      call('contract/redis/lease/close.lua', [leases], [epoch]),
      call('contract/redis/lease/prepare.lua', [leases], [epoch, gateway, token, '0', token]),
      call('contract/redis/lease/prepare.lua', [leases], [epoch, '1', token, '2', token]),
      call('contract/redis/lease/set-length.lua', [leases], [leaseUs]),
      call('contract/redis/lease/acquire.lua', [leases], [leaseUs, 'test', String(slots)]),
      call('contract/redis/lease/acquire.lua', [leases], [leaseUs, 'test', String(slots)]),
      call('contract/redis/lease/renew.lua', [leases], [gateway, incarnation, leaseUs]),
      call('contract/redis/lease/read.lua', [leases], [random.pick(['', us, '0'])]),
      ['hset', leases, 'clock', random.pick(['held', us, us]), 'reading', '1'],
      call('contract/redis/lease/revoke.lua', [leases], [gateway, incarnation, random.pick([HELD, '5'])]),
      call('contract/redis/lease/free.lua', [leases], [gateway, incarnation]),
      call('contract/redis/board/begin.lua', [...board, blocks, confirmed], [epoch]),
      call('contract/redis/board/open.lua', [state], [epoch]),
      call('contract/redis/board/epoch.lua', [state], []),
      call('contract/redis/board/publish.lua', board, [
        epoch,
        us,
        '',
        random.pick(['', '0', '1', '2']),
        id,
        String(revision),
        JSON.stringify({ revision }),
      ]),
      call('contract/redis/board/publish.lua', board, [epoch, '', us, '']),
      call('contract/redis/board/shelve.lua', board, [epoch, id]),
      call('contract/redis/board/shelve.lua', board, [epoch, '2', id]),
      call(
        'contract/redis/board/read.lua',
        [...board, blocks, confirmed],
        [
          random.pick(['', '1', '2']),
          String(random.between(0, 4)),
          gateway,
          incarnation,
          random.pick(['', '7.4', '7.4,9.2', '7.4,blocks.2']),
          random.pick(['0', '1', '2']),
        ],
      ),
      call(
        'contract/redis/board/publish-blocks.lua',
        [state, blocks],
        [epoch, String(revision), `list ${revision}`],
      ),
      ...this.#ofProjections(epoch, by),
      ...this.#ofPresence(epoch),
      ...this.#ofCoupons(id),
      call(
        'projections/append-gone.lua',
        [gone, this.#key('mark')],
        [String(random.between(0, 6)), ...ranks],
      ),
      ['hdel', random.pick([leases, state]), 'epoch'],
      ['hdel', leases, 'leaseUs'],
      // As after a restart of the server.
      ['hset', random.pick([leases, state]), 'run', 'another'],
    ];
    return random.pick(calls);
  }

  #ofPresence(epoch: string): readonly Command[] {
    const [stream, mark] = [this.#key('presence'), this.#key('presence-mark')];
    return [
      call('contract/redis/presence/begin.lua', [mark], [epoch]),
      call('contract/redis/presence/read.lua', [stream, mark], [epoch, '0-0', '2']),
      call('contract/redis/presence/read.lua', [stream, mark], [epoch, '5-0', '9']),
      ['hset', mark, 'run', 'another'],
    ];
  }

  /** Copies expire after an hour, or at the next command. */
  #ofCoupons(id: string): readonly Command[] {
    const [version, changes, copy] = [
      this.#key('coupon-version'),
      this.#key('coupon-changes'),
      this.#key('copy'),
    ];
    const folder = 'contract/redis/coupons';
    const keepMs = this.#random.pick(['3600000', '3600000', '0']);
    const since = String(this.#random.pick([0, this.#nowUs - HOUR_US, this.#nowUs + HOUR_US]));
    // None is kept, or all are.
    const keptUs = String(this.#random.pick([-HOUR_US, 0, 2 * HOUR_US]));
    return [
      call(`${folder}/changed.lua`, [version, changes], [keptUs, id, '2']),
      call(`${folder}/news.lua`, [version, changes], [since]),
      call(`${folder}/copy-get.lua`, [copy, version, changes], [keptUs]),
      call(`${folder}/copy-put.lua`, [copy, version, changes], [id, since, RUN, '', 'body', keepMs, keptUs]),
      call(
        `${folder}/copy-put.lua`,
        [copy, version, changes],
        [id, since, 'another', 'cycles', 'body', keepMs, keptUs],
      ),
      ['hset', copy, 'run', 'another'],
    ];
  }

  #ofProjections(epoch: string, by: string): readonly Command[] {
    const random = this.#random;
    const keys = ['mark', 'set', 'hash', 'withdrawn', 'list', 'claimants', 'moves'].map(this.#key);
    const [mark = '', set = '', hash = '', withdrawn = ''] = keys;
    const ranking = random.pick(['0', '1']);
    const patienceUs = String(random.pick([0, HOUR_US]));
    const joined = String(random.between(0, 1));
    const folder = 'contract/redis/projection';
    return [
      call(`${folder}/begin.lua`, keys, [epoch, ranking]),
      call(`${folder}/take.lua`, [mark], [epoch, random.pick(['m', 'n']), by, patienceUs]),
      call(`${folder}/take.lua`, [mark], [epoch, 'm', by, patienceUs]),
      call(`${folder}/advance.lua`, [mark], [by, random.pick(['', String(random.between(0, 9))])]),
      call(`${folder}/sweep.lua`, keys, [epoch]),
      call(`${folder}/join.lua`, [mark], [epoch]),
      call(`${folder}/finish.lua`, [mark], [by, joined]),
      call(`${folder}/look.lua`, [mark, set, withdrawn, hash], [epoch, 'a', 'ä', 'nobody']),
      ['hset', mark, 'run', 'another'],
    ];
  }
}

function call(file: string, keys: readonly string[], args: readonly string[]): Command {
  const source = scriptText(new URL(file, ENGINE));
  const sha = createHash('sha1').update(source).digest('hex');
  return ['evalsha', sha, String(keys.length), ...keys, ...args];
}

function withHeld(args: readonly string[], lease: unknown, run: string): string[] {
  const held = typeof lease === 'string' ? String(JSON.parse(lease).expiresUs) : '';
  return args.map(arg => (arg === HELD ? held : arg === RUN ? run : arg));
}

/** A reply of a script on coupons; its second element is the run. */
function withoutRun(reply: unknown, run: string): unknown {
  if (!Array.isArray(reply) || reply[1] !== run) return reply;
  return reply.with(1, RUN);
}

/** Compares a reply that lists leases and prepared numbers field by field, because a hash has no order; others as they are. */
function inOrder(reply: unknown): unknown {
  if (!Array.isArray(reply) || !/^[gp]:/.test(String(reply[4]))) return reply;
  const [readAtUs, timeUs, epoch, leaseUs, ...leases] = reply;
  const pairs = leases.flatMap((number, at) => (at % 2 === 0 ? [[number, leases[at + 1]]] : []));
  return [
    readAtUs,
    timeUs,
    epoch,
    leaseUs,
    ...pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)).flat(),
  ];
}

/** A reply without what may differ: times to ten minutes from the test's beginning, hours, and the order of JSON's members. */
function comparable(reply: unknown, nowUs: number): unknown {
  if (Array.isArray(reply)) return reply.map(each => comparable(each, nowUs));
  if (typeof reply === 'string' && reply.startsWith('{')) {
    const members: [string, unknown][] = Object.entries(JSON.parse(reply));
    return Object.fromEntries(members.map(([name, value]) => [name, comparable(value, nowUs)]));
  }
  const number = Number(reply);
  if (Math.abs(number - HOUR_US / 1_000) < TEN_MINUTES_US / 1_000) return 'an hour';
  return number > nowUs / 2 ? `${Math.round((number - nowUs) / TEN_MINUTES_US)} x 10 min` : reply;
}

test('every command and script has the same effect on the simulated Redis as on Redis', async () => {
  for (const file of [
    ...['acquire', 'renew', 'read', 'revoke', 'free', 'begin', 'close', 'open', 'prepare', 'set-length'].map(
      each => `contract/redis/lease/${each}`,
    ),
    ...['begin', 'open', 'epoch', 'publish', 'publish-blocks', 'read', 'shelve'].map(
      each => `contract/redis/board/${each}`,
    ),
    ...['begin', 'read'].map(each => `contract/redis/presence/${each}`),
    ...['begin', 'take', 'advance', 'finish', 'join', 'look', 'sweep'].map(
      each => `contract/redis/projection/${each}`,
    ),
    ...['changed', 'news', 'copy-get', 'copy-put'].map(each => `contract/redis/coupons/${each}`),
    'projections/append-gone',
  ]) {
    await redis.script('LOAD', scriptText(new URL(`${file}.lua`, ENGINE)));
  }
  const run = /run_id:(\w+)/.exec(await redis.info('server'))?.[1] ?? '';
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const [seconds, micros] = await redis.time();
    const nowUs = Number(seconds) * 1_000_000 + Number(micros);
    const model = new RedisState(() => nowUs);
    const namespace = testNamespace();
    const key = (name: string): string => `${namespace}:${name}`;
    const commands = new Commands(new Random(seed), key, nowUs);
    for (let count = 0; count < COMMANDS_A_ROUND; count++) {
      const [name, ...args] = commands.next();
      const field = [key('leases'), `g:${args[3]}`];
      const real = await redis.call(name, ...withHeld(args, await redis.call('hget', ...field), run));
      const held = model.call('hget', field, 0);
      const simulated = model.call(name, withHeld(args, held, SIMULATED_RUN), 0);
      const areOfCoupons = args.includes(key('coupon-version'));
      deepEqual(
        comparable(areOfCoupons ? withoutRun(simulated, SIMULATED_RUN) : inOrder(simulated), nowUs),
        comparable(areOfCoupons ? withoutRun(real, run) : inOrder(real), nowUs),
        `seed ${seed}: ${name} ${args.join(' ')}`,
      );
    }
    for (const name of ['hash', 'leases', 'state', 'campaigns', 'confirmed', 'mark']) {
      const real = { ...(await redis.hgetall(key(name))), run: undefined, buildRun: undefined };
      const flat = model.call('hgetall', [key(name)], 0);
      if (!Array.isArray(flat)) throw new TypeError('hgetall answers an array');
      const fields = flat.flatMap((field, at) => (at % 2 === 0 ? [[String(field), flat[at + 1]]] : []));
      const held = { ...Object.fromEntries(fields), run: undefined, buildRun: undefined };
      deepEqual(
        Object.fromEntries(Object.entries(held).map(([field, value]) => [field, comparable(value, nowUs)])),
        Object.fromEntries(Object.entries(real).map(([field, value]) => [field, comparable(value, nowUs)])),
        `seed ${seed}: ${name}`,
      );
    }
    await redis.unlink(
      ...['hash', 'set', 'list', 'leases', 'state', 'campaigns', 'changes', 'confirmed', 'gone', 'mark'].map(
        key,
      ),
      ...['text', 'copy', 'coupon-version', 'coupon-changes'].map(key),
    );
  }
});
