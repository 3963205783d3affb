/**
 * Compares the simulated ledger with PostgreSQL: every function of sql/ that gateway, engine and simulator use is called on
 * both with the same random arguments, and both must give the same answer or break the same constraint. The calls are in
 * testing/.
 */
import { deepEqual } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../../../engine/test/support.ts';
import { openPool, type Pool, type Queryable } from '../../../../sql/database.ts';
import { createCampaign } from '../../../../sql/statements/campaigns/campaigns.ts';
import { readClaimants, readMoves } from '../../../../sql/statements/claims/claims.ts';
import { createCoupon } from '../../../../sql/statements/coupons/coupons.ts';
import { readFinalOutcomes } from '../../../../sql/statements/entries/outcomes.ts';
import { type Act, insertAct, listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { createRoom } from '../../../../sql/statements/rooms/rooms.ts';
import { Random } from '../../kernel/random.ts';
import { drawTrust } from './testing/clock-calls.ts';
import { TERMS } from './testing/coupon-calls.ts';
import { drawCall } from './testing/draw-call.ts';
import { shelve } from './testing/shelf.ts';
import {
  CAMPAIGNS,
  type Call,
  comparable,
  LENGTH_MS,
  modelOf,
  OPENS_MS,
  outcomeOf,
  ROOM,
  USERS,
} from './testing/sides.ts';

const ROUNDS = 4;
const CALLS_A_ROUND = 400;
const ACTS = 12;

let databases: TestDatabase[];

before(async () => {
  databases = [];
  for (let round = 0; round < ROUNDS; round++) databases.push(await testDatabase());
});

after(async () => {
  for (const database of databases) await database.drop();
});

/** Draws separately for each side from the same seed, because a call draws some of its arguments while it runs. */
function bothDraw(seed: number, number: number): readonly [Call, Call] {
  const draw = (): Call => drawCall(new Random(seed * 100_003 + number), number);
  return [draw(), draw()];
}

/** What gateways see of the campaign with claims. */
async function shown(db: Queryable): Promise<unknown> {
  const all = [{ campaignId: CAMPAIGNS, after: 0 }];
  return [await readClaimants(db, all, 99), await readMoves(db, all, 99)];
}

async function round(seed: number, pool: Pool): Promise<void> {
  const model = modelOf();
  const opensAt = new Date(OPENS_MS);
  const closesAt = new Date(OPENS_MS + LENGTH_MS);
  for (const kind of ['coupon', 'raffle', 'coupon', 'coupon'] as const) {
    const campaign = { kind, title: 'test', stock: 3, opensAt, closesAt };
    const announce = (id: number) =>
      id === CAMPAIGNS
        ? { rules: '{"claim_within_s":1,"closes_at_us":1,"waitlist":2}', nonce: null }
        : undefined;
    const [real, simulated] = [
      await createCampaign(pool, campaign, announce),
      await createCampaign(model, campaign, announce),
    ];
    deepEqual(comparable(simulated), comparable(real));
  }
  for (const db of [pool, model]) {
    const terms = { perSecond: 2, capacity: null, paused: false, graceMs: 1_000, passMs: 1_000 };
    await createCampaign(db, { kind: 'room', title: 'test', stock: 9, opensAt, closesAt });
    await createRoom(db, ROOM, { ...terms, visitMs: null, singleUse: false });
  }
  for (const of of [{ code: 'SALE-1' }, { campaignId: 1 }]) {
    const [real, simulated] = [await createCoupon(pool, of, TERMS), await createCoupon(model, of, TERMS)];
    deepEqual(comparable(simulated), comparable(real));
  }
  for (let number = 0; number < CALLS_A_ROUND; number++) {
    const [onModel, onServer] = bothDraw(seed, number);
    const simulated = await outcomeOf(onModel, model);
    const real = await outcomeOf(onServer, pool);
    deepEqual(simulated, real, `seed ${seed}, call ${number}: ${onServer.toString()}`);
    const final = (db: Queryable) => readFinalOutcomes(db, 1 + (number % ROOM), USERS);
    if (number % 10 === 0) {
      deepEqual(await outcomeOf(final, model), await outcomeOf(final, pool), `${number}`);
      deepEqual(await outcomeOf(shown, model), await outcomeOf(shown, pool), `${number}`);
    }
  }
  // In the model each book counts as made.
  await pool.query(`insert into books (campaign_id, refused) select campaign_id, 'a test' from campaigns`);
  deepEqual(await outcomeOf(shelve, model), await outcomeOf(shelve, pool), `seed ${seed}: shelving`);
}

test('every statement has the same effect on the simulated ledger as on PostgreSQL', async () => {
  for (const [index, { url }] of databases.entries()) {
    const pool = openPool(url, { max: 1, applicationName: 'test', onError: () => undefined });
    try {
      await round(index + 1, pool);
    } finally {
      await pool.end();
    }
  }
});

test('acts of operators are written alike on both', async () => {
  const [, database] = databases;
  const pool = openPool(database?.url ?? '', { max: 1, applicationName: 'test', onError: () => undefined });
  try {
    const model = modelOf();
    const acts = async (db: Queryable): Promise<unknown> =>
      (await listActs(db, { after: 1, limit: 9 })).map(({ at: _at, hash: _hash, ...row }) => row);
    for (let number = 0; number < ACTS; number++) {
      const act: Act = {
        ...{ operator: 'x', tokenId: number % 2 === 0 ? null : number, role: 'owner', action: 'setRoom' },
        ...{ target: `campaign ${number}`, reason: number % 3 === 0 ? null : 'why', details: '{}' },
      };
      const write = (db: Queryable): Promise<void> => insertAct(db, act);
      deepEqual(await outcomeOf(write, model), await outcomeOf(write, pool), `${number}`);
      deepEqual(await outcomeOf(acts, model), await outcomeOf(acts, pool), `${number}`);
    }
  } finally {
    await pool.end();
  }
});

test("statements on operators' clock decisions have the same effect on both", async () => {
  const [database] = databases;
  const pool = openPool(database?.url ?? '', { max: 1, applicationName: 'test', onError: () => undefined });
  try {
    const model = modelOf();
    const [forModel, forServer] = [new Random(1), new Random(1)];
    for (let number = 0; number < CALLS_A_ROUND; number++) {
      const simulated = await outcomeOf(drawTrust(forModel, number), model);
      deepEqual(simulated, await outcomeOf(drawTrust(forServer, number), pool), `call ${number}`);
    }
  } finally {
    await pool.end();
  }
});
