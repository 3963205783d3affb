/** What a gateway uses up: gateway numbers while it cannot read the board, records while users look for missing entries. */
import { equal, ok } from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogProducer, LogWriter } from '../../engine/contract/log/log.ts';
import { beginBoard, openBoard } from '../../engine/contract/redis/board/board.ts';
import { type Keys, keysOf } from '../../engine/contract/redis/keys.ts';
import {
  beginOpening,
  openRegistry,
  putUpNumbers,
  readRegistry,
  tellClock,
} from '../../engine/contract/redis/lease/lease.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../engine/contract/redis/redis.ts';
import { quiet } from '../../engine/test/gateway.ts';
import { eventually, serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { monotonicUs, SharedClock } from '../clock/clock.ts';
import { sampleClock } from '../clock/clock-sample.ts';
import { Ranker } from '../entry/rank.ts';
import { SlicePipeline } from '../entry/slices.ts';
import { Hmac } from '../ticket/hmac.ts';
import { TicketVerifier } from '../ticket/ticket.ts';
import { TicketBatch } from '../ticket/ticket-batch.ts';
import { Board } from './board.ts';
import { Membership } from './membership.ts';

const SECRET = 'a secret of more than sixteen characters';
const LEASE_MS = 60_000;
const STOP_US = 50_000;
const EPOCH = 3;
const NUMBERS = 16;

const connect = (): RedisClient =>
  connectRedis(serversFromEnv().redisUrl, { commandTimeoutMs: 5_000, onError: () => undefined });

let redis: RedisClient;
let keys: Keys;
let clock: SharedClock;
let tickets: TicketBatch;
let appended: number;
const writer: LogWriter = {
  append: async () => {
    appended += 1;
    await sleep(1);
  },
  leave: async () => undefined,
};
before(async () => {
  redis = connect();
  await waitForRedis(redis, 10_000);
  tickets = new TicketBatch(new TicketVerifier(new Hmac(SECRET), 'fairline'), SECRET);
});
after(() => redis.disconnect());
beforeEach(() => {
  keys = keysOf(testNamespace());
  appended = 0;
  clock = new SharedClock(monotonicUs, STOP_US);
  const nowUs = monotonicUs();
  clock.sample({ askedUs: nowUs, answeredUs: nowUs, redisUs: Date.now() * 1_000 });
});

/** Everything there that a gateway needs to get a lease. */
async function openService(leaseMs = LEASE_MS): Promise<void> {
  equal((await beginOpening(redis, keys.leases, EPOCH)).state, 'begun');
  await openRegistry(redis, keys.leases, { epoch: EPOCH, floorUs: 1, leaseMs });
  const numbers = Array.from({ length: NUMBERS }, (_, gateway) => ({ gateway, token: `${gateway}` }));
  equal(await putUpNumbers(redis, keys.leases, EPOCH, numbers), NUMBERS);
  equal(await beginBoard(redis, keys, EPOCH), undefined);
  await openBoard(redis, keys, EPOCH);
}

function memberWith(board: Board, leaseMs = LEASE_MS): Membership {
  const producer: LogProducer = {
    kind: 'redis',
    writer: () => writer,
    warmUp: async () => undefined,
    close: async () => undefined,
  };
  const ranker = new Ranker(redis, keys);
  return new Membership({
    ...{ clock, ranker, tickets, producer, redis, keys, board, name: 'test', log: quiet },
    ...{ maxSliceEntries: 100, promiseBehindUs: 0, confirmMs: 250, partitions: 4, leaseMs },
    sliceAppended: () => undefined,
  });
}

test('a gateway that holds a lease but cannot read the board keeps its number and requests no other', async () => {
  await openService();
  const cutOff = connect();
  await waitForRedis(cutOff, 10_000);
  cutOff.disconnect();
  const board = new Board(cutOff, keys);
  let reads = 0;
  const refresh = board.refresh.bind(board);
  board.refresh = () => {
    reads += 1;
    return refresh();
  };
  const membership = memberWith(board);
  membership.start();
  try {
    await eventually(() => reads > 5);
    equal(membership.state, 'joining');
    await cutOff.connect();
    await eventually(() => membership.state === 'serving');
    equal((await readRegistry(redis, keys.leases)).leases.length, 1);
  } finally {
    await membership.stop();
    cutOff.disconnect();
  }
});

test('serves nothing while the board belongs to another server run than the lease', async () => {
  await openService();
  const run = (await redis.hget(keys.boardState, 'run')) ?? '';
  await redis.hset(keys.boardState, 'run', 'another');
  const board = new Board(redis, keys);
  const membership = memberWith(board);
  membership.start();
  try {
    await eventually(async () => (await readRegistry(redis, keys.leases)).leases.length === 1);
    await eventually(() => board.readAtUs > 0);
    equal(membership.state, 'joining');
    await redis.hset(keys.boardState, 'run', run);
    await eventually(() => membership.state === 'serving');
    equal((await readRegistry(redis, keys.leases)).leases.length, 1);
  } finally {
    await membership.stop();
  }
});

test('a new gateway that saw a wrong clock stamps nothing by it once the clock is corrected', async () => {
  await openService();
  clock = new SharedClock(monotonicUs, STOP_US);
  const nowUs = monotonicUs();
  const aheadUs = 1_000_000;
  clock.sample({ askedUs: nowUs, answeredUs: nowUs, redisUs: Date.now() * 1_000 + aheadUs });
  await tellClock(redis, keys.leases, 'held');
  const membership = memberWith(new Board(redis, keys));
  membership.start();
  try {
    await eventually(() => membership.isClockHeld);
    // Until the clock has reached the time that the new gateway has already seen.
    await sleep(1.2 * (aheadUs / 1_000));
    const find = async (): Promise<void> => {
      const { timeUs, readings } = await readRegistry(redis, keys.leases, {
        confirmedUs: Number.MAX_SAFE_INTEGER,
      });
      await tellClock(redis, keys.leases, { agreedUs: timeUs, reading: readings });
    };
    await find();
    await eventually(() => clock.isContradicted);
    equal(membership.state, 'joining');
    await eventually(async () => {
      await find();
      return membership.state === 'serving';
    });
    equal(clock.isContradicted, false);
    ok(Math.abs(clock.now() - Date.now() * 1_000) < STOP_US);
  } finally {
    await membership.stop();
  }
});

test('a gateway that followed a disputed clock by small steps detects it when the dispute ends', async () => {
  // Each renewal, four per lease, reports on clocks.
  const leaseMs = 4_000;
  await openService(leaseMs);
  clock = new SharedClock(monotonicUs, STOP_US);
  await sampleClock(redis, keys.leases, clock);
  const board = new Board(redis, keys);
  const membership = memberWith(board, leaseMs);
  membership.start();
  try {
    await eventually(() => membership.state === 'serving');
    await tellClock(redis, keys.leases, 'held');
    // A lease is valid only while the board is read; without one the gateway would join again, and ask for the time.
    await eventually(async () => {
      await board.refresh();
      return membership.isClockHeld;
    });
    // A gateway accepts each of these steps.
    for (const steps of [1, 2, 3]) {
      const nowUs = monotonicUs();
      clock.sample({
        askedUs: nowUs,
        answeredUs: nowUs,
        redisUs: Date.now() * 1_000 + steps * 0.8 * STOP_US,
      });
    }
    equal(clock.isContradicted, false);
    const { timeUs, readings } = await readRegistry(redis, keys.leases, {
      confirmedUs: Number.MAX_SAFE_INTEGER,
    });
    await tellClock(redis, keys.leases, { agreedUs: timeUs, reading: readings });
    await eventually(async () => {
      await board.refresh();
      return clock.isContradicted;
    });
  } finally {
    await membership.stop();
  }
});

describe('confirming that the log still accepts this gateway', () => {
  const pipeline = (): SlicePipeline =>
    new SlicePipeline(
      {
        ...{ gateway: 1, incarnation: 1, epoch: '3', clock, writer, tickets, maxSliceEntries: 100 },
        ...{ ranker: new Ranker(redis, keys), promiseBehindUs: 0, confirmMs: 250 },
        failed: () => undefined,
        sliceAppended: () => undefined,
      },
      1,
    );

  test('adds no record where one is due anyway, and includes requests made since', async () => {
    const busy = pipeline();
    busy.tellThrough();
    for (let tick = 1; tick <= 5; tick++) {
      await eventually(() => appended === tick);
      // Until the append under way has ended.
      await sleep(5);
      const asked = Promise.all(Array.from({ length: 50 }, () => busy.confirm()));
      busy.tellThrough();
      ok((await asked).every(isTaken => isTaken));
    }
    ok(appended <= 6 + 1, `${appended} records`);
  });

  test('costs an idle gateway a few records a second, however many requests ask', async () => {
    const idle = pipeline();
    const beganMs = performance.now();
    let answered = 0;
    while (performance.now() - beganMs < 1_200) {
      void idle.confirm().then(isTaken => {
        answered += isTaken ? 1 : 0;
      });
      await sleep(1);
    }
    const seconds = (performance.now() - beganMs) / 1_000;
    ok(appended <= 4 * seconds + 2, `${appended} records in ${seconds} s`);
    ok(appended > 0 && answered > appended, `${answered} answered by ${appended} records`);
    equal(await idle.confirm(), true);
    await idle.end();
    equal(await idle.confirm(), false);
  });
});
