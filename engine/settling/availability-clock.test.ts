import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { openPool, type Pool } from '../../sql/database.ts';
import { extendFreeDeadlines } from '../../sql/statements/claims/claims.ts';
import { type Heard, readHeard } from '../../sql/statements/progress/availability.ts';
import { readRegistry } from '../contract/redis/lease/lease.ts';
import { World } from '../test/gateway.ts';
import { TestLedger } from '../test/settling.ts';
import { availableLogs, eventually, type TestDatabase, testDatabase } from '../test/support.ts';
import {
  canHear,
  Hearing,
  type HearingLook,
  hearThrough,
  type Listening,
  LONGEST_STEP_MS,
  LONGEST_UNSHOWN_MS,
  listen,
} from './availability-clock.ts';

test('short steps count, a jump counts for nothing, and nothing is taken back', () => {
  const hear = (before: Heard, throughMs: number): Heard => hearThrough(before, throughMs, throughMs);
  let heard = hear({ heardMs: 0, throughMs: 0 }, 1_000_000);
  deepEqual(heard, { heardMs: 0, throughMs: 1_000_000 });
  heard = hear(heard, 1_000_600);
  deepEqual(heard, { heardMs: 600, throughMs: 1_000_600 });
  heard = hear(heard, 1_000_600 + LONGEST_STEP_MS + 1);
  deepEqual(heard, { heardMs: 600, throughMs: 1_002_601 });
  equal(hear(heard, 1_000_000), heard);
});

test('short steps that are looked at late count for nothing: the watermark follows a log that went on', () => {
  const before = { heardMs: 5_000, throughMs: 1_000_000 };
  deepEqual(hearThrough(before, 1_000_900, 1_003_000), { heardMs: 5_900, throughMs: 1_000_900 });
  deepEqual(hearThrough(before, 1_000_900, 1_003_001), { heardMs: 5_000, throughMs: 1_003_001 });
});

test('an outage whose backlog comes in over two looks counts for nothing up to the first of them', () => {
  const atFirst = hearThrough({ heardMs: 5_000, throughMs: 1_000_000 }, 1_001_640, 1_003_600);
  deepEqual(atFirst, { heardMs: 5_000, throughMs: 1_003_600 });
  equal(hearThrough(atFirst, 1_003_600, 1_003_760), atFirst);
  deepEqual(hearThrough(atFirst, 1_003_700, 1_003_760), { heardMs: 5_100, throughMs: 1_003_700 });
});

test('whatever the looks, it never grows by more than the time in which it could have been heard', () => {
  const steps = fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, deltas => {
      let heard = { heardMs: 0, throughMs: 50_000 };
      let atMs = 50_000;
      let mostMs = 0;
      for (const delta of deltas) {
        const before = heard;
        atMs += delta;
        const stepMs = atMs - before.throughMs;
        if (stepMs > 0 && stepMs <= LONGEST_STEP_MS) mostMs += stepMs;
        heard = hearThrough(before, atMs, atMs);
        if (heard.heardMs < before.heardMs || heard.throughMs < before.throughMs) return false;
      }
      return heard.heardMs === mostMs;
    }),
  );
});

test('nobody can be heard without a gateway whose lease holds', () => {
  const look = (...expiresUs: readonly number[]): Parameters<typeof canHear>[0] => ({
    readAtUs: 10,
    leases: expiresUs.map((each, index) => ({ incarnation: index + 1, expiresUs: each })),
    gateways: expiresUs.map((_, index) => ({ incarnation: index + 1, state: 'live' })),
  });
  equal(canHear(look()), false);
  equal(canHear(look(10, 0)), false);
  equal(canHear(look(0, 11)), true);
});

test('nobody can be heard by a gateway that the log has told nothing of, or that has ended', () => {
  const leases = [{ incarnation: 7, expiresUs: 11 }];
  equal(canHear({ readAtUs: 10, leases, gateways: [] }), false);
  equal(canHear({ readAtUs: 10, leases, gateways: [{ incarnation: 6, state: 'live' }] }), false);
  equal(canHear({ readAtUs: 10, leases, gateways: [{ incarnation: 7, state: 'ended' }] }), false);
  equal(canHear({ readAtUs: 10, leases, gateways: [{ incarnation: 7, state: 'live' }] }), true);
});

/** One gateway is live, and the watermark is at the instant of the reading. */
function look(ms: number): HearingLook {
  return {
    readAtUs: ms * 1000,
    leases: [{ incarnation: 1, expiresUs: ms * 1000 + 1 }],
    gateways: [{ incarnation: 1, state: 'live' }],
    watermarkUs: ms * 1000,
  };
}

describe('in the ledger', () => {
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

  test('several engines that look at once count each stretch of time once', async () => {
    const engines = [1, 2, 3].map(() => new Hearing(pool));
    for (let ms = 1_000_000; ms <= 1_006_000; ms += 600) {
      await Promise.all(engines.map(engine => engine.note(look(ms))));
    }
    deepEqual(await readHeard(pool), { heardMs: 6_000, throughMs: 1_006_000 });
    await new Hearing(pool).note({ ...look(1_007_000), leases: [] });
    deepEqual(await readHeard(pool), { heardMs: 6_000, throughMs: 1_006_000 });
  });

  test('a look tells nothing where nothing was shown for long, the clocks are apart, or the registry is another', async () => {
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
    const looks: HearingLook[] = [];
    const hearing = { note: async (look: HearingLook) => void looks.push(look) };
    const look = async (changed: Partial<Listening> = {}, isAgreed = true, epoch = 0): Promise<number> => {
      const clocks = { isAgreed, readRegistry: async () => ({ ...registry, epoch }) };
      await listen({ pool, clocks, sinceShownMs: () => LONGEST_UNSHOWN_MS, ...changed }, hearing);
      return looks.length;
    };
    equal(await look({ sinceShownMs: () => LONGEST_UNSHOWN_MS + 1 }), 0);
    equal(await look({}, false), 0);
    equal(await look({}, true, 1), 0);
    equal(await look(), 1);
    // A gateway that is registered but not yet known from the log bounds heard time as it bounds the watermark.
    equal(looks[0]?.watermarkUs, lease.registeredUs);
  });
});

test('two engines that begin at once count from the same instant, and extend nothing', async t => {
  const ledger = await TestLedger.make();
  const pools = [1, 2].map(() => openPool(ledger.url, { max: 2, applicationName: 'test', onError: fail }));
  t.after(async () => {
    await Promise.all(pools.map(pool => pool.end()));
    await ledger.close();
  });
  const campaign = await ledger.claimed(1, { withinS: 5, waitlist: 0 });
  const engines = pools.map(pool => new Hearing(pool));
  // Both read the fresh row, and neither can write it before both have tried.
  const holder = await ledger.pool.connect();
  await holder.query('begin');
  await holder.query('select from hearing for update');
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
  for (const [index, { heard }] of engines.entries()) {
    ok(heard !== undefined && heard.throughMs - heard.heardMs >= 1_900_000_000_000, `engine ${index}`);
    await extendFreeDeadlines(pools[index] ?? fail(), (heard.throughMs - heard.heardMs) * 1_000);
  }
  const { unheardUs } = await ledger.read(campaign);
  equal(unheardUs, 0);
});

function fail(): never {
  throw new Error('a pool lost its connection');
}

for (const log of availableLogs()) {
  test(`what gateways log while no engine is there does not count when it is taken in (${log})`, async t => {
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
    const { heardMs } = await readHeard(world.pool);
    await goOn(first, 4 * LONGEST_STEP_MS);
    await world.startEngine();
    // On a busy machine the lease of the first gateway has ended by then.
    const second = await world.join();
    const counted = await eventually(async () => {
      for (const gateway of [first, second]) await gateway.renew();
      for (const gateway of [first, second]) await gateway.through();
      const moreMs = (await readHeard(world.pool)).heardMs - heardMs;
      return moreMs > 0 && moreMs;
    });
    ok(counted < 2 * LONGEST_STEP_MS, `${counted} ms without an engine were counted`);
  });

  test(`it goes on while a pass takes longer than a step that could count (${log})`, async t => {
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
      // Passes read campaigns, so they wait for this lock; time counted before they wait must not be measured.
      await eventually(
        async () => {
          await holder.query('begin; lock table campaigns in access exclusive mode');
          await goOn(700);
          const { heardMs } = await readHeard(world.pool);
          await goOn(LONGEST_STEP_MS);
          const heardMeanwhileMs = (await readHeard(world.pool)).heardMs - heardMs;
          await holder.query('rollback');
          await goOn(500);
          return heardMeanwhileMs >= LONGEST_STEP_MS / 2;
        },
        { timeoutMs: 60_000 },
      );
    } finally {
      holder.release(true);
    }
  });

  test(`it stands still while there is no gateway, and goes on with the next one (${log})`, async t => {
    const world = await World.make(log);
    t.after(() => world.close());
    await world.startEngine();
    const heardMs = async (): Promise<number> => (await readHeard(world.pool)).heardMs;
    const hearMore = async (gateway: Awaited<ReturnType<World['join']>>): Promise<number> => {
      const beganAtMs = await heardMs();
      return eventually(async () => {
        await gateway.renew();
        await gateway.through();
        const nowMs = await heardMs();
        return nowMs > beganAtMs + 500 && nowMs;
      });
    };
    const first = await world.join();
    const beforeMs = await hearMore(first);
    await first.leave();
    const away = await eventually(async () => {
      const { leases } = await readRegistry(world.redis, world.keys.leases);
      return leases.length === 0 && heardMs();
    });
    ok(away >= beforeMs);
    // Longer than a step that can count, so the next reading finds a jump.
    const untilMs = performance.now() + 2 * LONGEST_STEP_MS;
    await eventually(() => performance.now() > untilMs);
    equal(await heardMs(), away);
    const second = await world.join();
    const afterMs = await hearMore(second);
    ok(afterMs < away + 2 * LONGEST_STEP_MS, `${afterMs} of ${away}: the time without a gateway was counted`);
  });
}
