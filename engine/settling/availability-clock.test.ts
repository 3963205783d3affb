import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { openPool, type Pool } from '../../sql/database.ts';
import { extendFreeDeadlines } from '../../sql/statements/claims/claims.ts';
import { type Availability, readAvailability } from '../../sql/statements/progress/availability.ts';
import { readRegistry } from '../contract/redis/lease/lease.ts';
import { World } from '../test/gateway.ts';
import { TestLedger } from '../test/settling.ts';
import { availableLogs, eventually, type TestDatabase, testDatabase } from '../test/support.ts';
import {
  AvailabilityClock,
  type AvailabilityLook,
  type AvailabilityParts,
  availableThrough,
  checkAvailability,
  isReachable,
  LONGEST_STEP_MS,
  LONGEST_UNSHOWN_MS,
} from './availability-clock.ts';

/** As of a watermark that is as far as the row. */
function known(availableMs: number, throughMs: number, watermarkMs: number = throughMs): Availability {
  return { availableMs, throughMs, watermarkMs };
}

test('counts short steps, counts no jump, and never goes back', () => {
  const advance = (before: Availability, throughMs: number): Availability =>
    availableThrough(before, throughMs, throughMs);
  let availability = advance(known(0, 0), 1_000_000);
  deepEqual(availability, known(0, 1_000_000));
  availability = advance(availability, 1_000_600);
  deepEqual(availability, known(600, 1_000_600));
  availability = advance(availability, 1_000_600 + LONGEST_STEP_MS + 1);
  deepEqual(availability, known(600, 1_002_601));
  equal(advance(availability, 1_000_000), availability);
});

test('counts no short steps seen late: the watermark follows a log that continued', () => {
  const before = known(5_000, 1_000_000);
  deepEqual(availableThrough(before, 1_000_900, 1_003_000), known(5_900, 1_000_900));
  deepEqual(availableThrough(before, 1_000_900, 1_003_001), known(5_000, 1_003_001, 1_000_900));
});

test('an outage whose backlog arrives over two looks counts nothing up to the first one', () => {
  const atFirst = availableThrough(known(5_000, 1_000_000), 1_001_640, 1_003_600);
  deepEqual(atFirst, known(5_000, 1_003_600, 1_001_640));
  const caughtUp = availableThrough(atFirst, 1_003_600, 1_003_760);
  deepEqual(caughtUp, known(5_000, 1_003_600));
  equal(availableThrough(caughtUp, 1_003_600, 1_003_800), caughtUp);
  deepEqual(availableThrough(caughtUp, 1_003_700, 1_003_860), known(5_100, 1_003_700));
});

test('an outage in which an engine starts and looks counts nothing up to its end', () => {
  for (const before of [known(0, 0), known(5_000, 999_000)]) {
    const inIt = availableThrough(before, 1_000_000, 1_002_100);
    deepEqual(inIt, known(before.availableMs, 1_002_100, 1_000_000));
    equal(availableThrough(inIt, 1_000_000, 1_003_000), inIt);
    deepEqual(availableThrough(inIt, 1_003_500, 1_003_520), known(before.availableMs, 1_003_520, 1_003_500));
  }
});

test('never grows by more than the time in which the service was available', () => {
  const steps = fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, deltas => {
      let availability = known(0, 50_000);
      let atMs = 50_000;
      let mostMs = 0;
      for (const delta of deltas) {
        const before = availability;
        atMs += delta;
        const stepMs = atMs - before.throughMs;
        if (stepMs > 0 && stepMs <= LONGEST_STEP_MS) mostMs += stepMs;
        availability = availableThrough(before, atMs, atMs);
        if (availability.availableMs < before.availableMs || availability.throughMs < before.throughMs)
          return false;
      }
      return availability.availableMs === mostMs;
    }),
  );
});

test('the service is unreachable without a gateway with a valid lease', () => {
  const look = (...expiresUs: readonly number[]): Parameters<typeof isReachable>[0] => ({
    readAtUs: 10,
    leases: expiresUs.map((each, index) => ({ incarnation: index + 1, expiresUs: each })),
    gateways: expiresUs.map((_, index) => ({ incarnation: index + 1, state: 'live' })),
  });
  equal(isReachable(look()), false);
  equal(isReachable(look(10, 0)), false);
  equal(isReachable(look(0, 11)), true);
});

test('the service is unreachable through a gateway that is unknown to the log or has ended', () => {
  const leases = [{ incarnation: 7, expiresUs: 11 }];
  equal(isReachable({ readAtUs: 10, leases, gateways: [] }), false);
  equal(isReachable({ readAtUs: 10, leases, gateways: [{ incarnation: 6, state: 'live' }] }), false);
  equal(isReachable({ readAtUs: 10, leases, gateways: [{ incarnation: 7, state: 'ended' }] }), false);
  equal(isReachable({ readAtUs: 10, leases, gateways: [{ incarnation: 7, state: 'live' }] }), true);
});

/** One gateway is live, and the watermark is at the instant of the reading. */
function look(ms: number): AvailabilityLook {
  return {
    readAtUs: ms * 1000,
    leases: [{ incarnation: 1, expiresUs: ms * 1000 + 1 }],
    gateways: [{ incarnation: 1, state: 'live' }],
    watermarkUs: ms * 1000,
  };
}

describe('available time in the ledger', () => {
  let database: TestDatabase;
  let pool: Pool;
  before(async () => {
    database = await testDatabase();
    pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
  });
  after(async () => {
    await pool.end();
    await database.drop();
  });

  test('several engines that look at once count each interval once', async () => {
    const engines = [1, 2, 3].map(() => new AvailabilityClock(pool));
    for (let ms = 1_000_000; ms <= 1_006_000; ms += 600) {
      await Promise.all(engines.map(engine => engine.note(look(ms))));
    }
    deepEqual(await readAvailability(pool), known(6_000, 1_006_000));
    await new AvailabilityClock(pool).note({ ...look(1_007_000), leases: [] });
    deepEqual(await readAvailability(pool), known(6_000, 1_006_000));
  });

  test('a look counts nothing after a long gap, with disagreeing clocks, or with another registry', async () => {
    const nowUs = 1_900_000_000_000_000;
    const lease = {
      gateway: 1,
      incarnation: 7,
      registeredUs: nowUs - 1_000_000,
      expiresUs: nowUs + 1_000_000,
      ...{ name: 'one', token: '' },
    };
    const registry = {
      epoch: 0,
      leaseMs: 500,
      leases: [lease],
      readAtUs: nowUs,
      timeUs: nowUs,
      readings: 1,
      prepared: [],
    };
    const looks: AvailabilityLook[] = [];
    const availability = { note: async (look: AvailabilityLook) => void looks.push(look) };
    const look = async (
      changed: Partial<AvailabilityParts> = {},
      isAgreed = true,
      epoch = 0,
    ): Promise<number> => {
      const clocks = { isAgreed, readRegistry: async () => ({ ...registry, epoch }) };
      await checkAvailability(
        { pool, clocks, sinceShownMs: () => LONGEST_UNSHOWN_MS, ...changed },
        availability,
      );
      return looks.length;
    };
    equal(await look({ sinceShownMs: () => LONGEST_UNSHOWN_MS + 1 }), 0);
    equal(await look({}, false), 0);
    equal(await look({}, true, 1), 0);
    equal(await look(), 1);
    // A gateway that is registered but not yet known from the log bounds available time as it bounds the watermark.
    equal(looks[0]?.watermarkUs, lease.registeredUs);
  });
});

test('two engines that start at once count from the same instant, and extend nothing', async t => {
  const ledger = await TestLedger.make();
  const pools = [1, 2].map(() => openPool(ledger.url, { max: 2, applicationName: 'test', onError: fail }));
  t.after(async () => {
    await Promise.all(pools.map(pool => pool.end()));
    await ledger.close();
  });
  const campaign = await ledger.claimed(1, { withinS: 5, waitlist: 0 });
  const engines = pools.map(pool => new AvailabilityClock(pool));
  // Both read the fresh row, and neither can write it before both have tried.
  const holder = await ledger.pool.connect();
  await holder.query('begin');
  await holder.query('select from availability for update');
  const noted = engines.map((engine, index) => engine.note(look(1_900_000_000_000 + 10 * index)));
  await eventually(async () => {
    const { rows } = await ledger.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length === 2;
  });
  await holder.query('rollback');
  holder.release();
  await Promise.all(noted);
  for (const [index, { current: availability }] of engines.entries()) {
    ok(
      availability !== undefined && availability.throughMs - availability.availableMs >= 1_900_000_000_000,
      `engine ${index}`,
    );
    await extendFreeDeadlines(
      pools[index] ?? fail(),
      (availability.throughMs - availability.availableMs) * 1_000,
    );
  }
  const { outageUs } = await ledger.read(campaign);
  equal(outageUs, 0);
});

function fail(): never {
  throw new Error('a pool lost its connection');
}

for (const log of availableLogs()) {
  test(`counts nothing for entries logged while no engine was running (${log})`, async t => {
    const world = await World.make(log);
    t.after(() => world.close());
    const engine = await world.startEngine();
    const goOn = async (gateway: Awaited<ReturnType<World['join']>>, ms: number): Promise<void> => {
      const untilMs = performance.now() + ms;
      await eventually(async () => {
        await gateway.renew();
        await gateway.through();
        return performance.now() > untilMs;
      });
    };
    const first = await world.join();
    await goOn(first, 1_500);
    await engine.stop('SIGKILL');
    const { availableMs } = await readAvailability(world.pool);
    await goOn(first, 4 * LONGEST_STEP_MS);
    await world.startEngine();
    // On a busy machine the lease of the first gateway has ended by then.
    const second = await world.join();
    const counted = await eventually(async () => {
      for (const gateway of [first, second]) await gateway.renew();
      for (const gateway of [first, second]) await gateway.through();
      const moreMs = (await readAvailability(world.pool)).availableMs - availableMs;
      return moreMs > 0 && moreMs;
    });
    ok(counted < 2 * LONGEST_STEP_MS, `${counted} ms without an engine were counted`);
  });

  test(`advances while a cycle takes longer than the longest countable step (${log})`, async t => {
    const world = await World.make(log);
    t.after(() => world.close());
    await world.startEngine();
    const gateway = await world.join();
    const goOn = async (ms: number): Promise<void> => {
      const untilMs = performance.now() + ms;
      await eventually(async () => {
        await gateway.renew();
        await gateway.through();
        return performance.now() > untilMs;
      });
    };
    await goOn(500);
    const holder = await world.pool.connect();
    try {
      // Cycles read campaigns, so they wait for this lock; time counted before they wait must not be measured.
      await eventually(
        async () => {
          await holder.query('begin; lock table campaigns in access exclusive mode');
          await goOn(700);
          const { availableMs } = await readAvailability(world.pool);
          await goOn(LONGEST_STEP_MS);
          const availableMeanwhileMs = (await readAvailability(world.pool)).availableMs - availableMs;
          await holder.query('rollback');
          await goOn(500);
          return availableMeanwhileMs >= LONGEST_STEP_MS / 2;
        },
        { timeoutMs: 60_000 },
      );
    } finally {
      holder.release(true);
    }
  });

  test(`stops while there is no gateway, and continues with the next one (${log})`, async t => {
    const world = await World.make(log);
    t.after(() => world.close());
    await world.startEngine();
    const availableMs = async (): Promise<number> => (await readAvailability(world.pool)).availableMs;
    const advanceAvailable = async (gateway: Awaited<ReturnType<World['join']>>): Promise<number> => {
      const beganAtMs = await availableMs();
      return eventually(async () => {
        await gateway.renew();
        await gateway.through();
        const nowMs = await availableMs();
        return nowMs > beganAtMs + 500 && nowMs;
      });
    };
    const first = await world.join();
    const beforeMs = await advanceAvailable(first);
    await first.leave();
    const pausedMs = await eventually(async () => {
      const { leases } = await readRegistry(world.redis, world.keys.leases);
      return leases.length === 0 && availableMs();
    });
    ok(pausedMs >= beforeMs);
    // Longer than a step that can count, so the next reading finds a jump.
    const untilMs = performance.now() + 2 * LONGEST_STEP_MS;
    await eventually(() => performance.now() > untilMs);
    equal(await availableMs(), pausedMs);
    const second = await world.join();
    const afterMs = await advanceAvailable(second);
    ok(
      afterMs < pausedMs + 2 * LONGEST_STEP_MS,
      `${afterMs} of ${pausedMs}: the time without a gateway was counted`,
    );
  });
}
