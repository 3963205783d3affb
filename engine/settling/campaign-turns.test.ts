import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { findWork } from '../../sql/statements/campaigns/settling.ts';
import { createRoom } from '../../sql/statements/rooms/rooms.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import { CampaignTurns, type Work } from './campaign-turns.ts';
import type { Instants } from './settling-step.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** A CampaignTurns of its own, with a counter of the cycles it has requested. */
function makeTurns(atOnce: number): { readonly turns: CampaignTurns; readonly asked: () => number } {
  let asked = 0;
  const raffles = { randomness: testRandomness(), saltSecret: TEST_SALT_SECRET };
  const settling = { pool: ledger.pool, raffles, onDecided: () => undefined };
  const turns = new CampaignTurns({ settling, atOnce, log: pino({ level: 'silent' }) }, () => {
    asked += 1;
  });
  return { turns, asked: () => asked };
}

/** A watermark later than every entry of these tests. */
function instantsOf(campaign: Campaign): () => Instants {
  const watermarkUs = opensAtUs(campaign) + 1_000;
  return () => ({
    watermarkUs,
    nowUs: watermarkUs,
    clockMs: Math.ceil(watermarkUs / 1_000),
    availability: undefined,
    presentMs: undefined,
  });
}

function workOf({ campaignId, kind, revision }: Campaign): Work {
  return { campaignId, kind, progress: revision };
}

async function settledCount(campaign: Campaign): Promise<number> {
  return (await ledger.read(campaign)).settledCount;
}

async function coupons(count: number): Promise<Campaign[]> {
  const made: Campaign[] = [];
  for (let number = 0; number < count; number++) {
    const coupon = await ledger.campaign('coupon', 5);
    await ledger.enter(coupon, 10, 20);
    made.push(coupon);
  }
  return made;
}

async function openRoom(): Promise<Campaign> {
  const terms = { perSecond: 1, capacity: null, paused: false, graceMs: 1_000, passMs: 1_000 };
  const room = await ledger.campaign('room', 100);
  await createRoom(ledger.pool, room.campaignId, { ...terms, visitMs: null, singleUse: false });
  return room;
}

test('a campaign that waits for a row delays no other, and requests a cycle when done', async t => {
  const room = await openRoom();
  const others = await coupons(4);
  const { turns, asked } = makeTurns(2);
  const holder = await ledger.pool.connect();
  t.after(() => holder.release(true));
  await holder.query('begin');
  await holder.query('select from rooms where campaign_id = $1 for update', [room.campaignId]);
  const work = [room, ...others].map(workOf);
  equal(await turns.settle(work, instantsOf(room)), false);
  // On a slow machine they need more than one cycle.
  await eventually(async () => {
    await turns.settle(work, instantsOf(room));
    return (await Promise.all(others.map(settledCount))).every(count => count === 2);
  });
  await eventually(() => others.every(each => turns.canBegin(each)));
  equal(turns.canBegin(room), false);
  const before = asked();
  await holder.query('rollback');
  await eventually(() => turns.canBegin(room) && asked() > before);
  await turns.close();
});

test('runs at most as many steps at once as it may, and then the others', async t => {
  const rooms = [await openRoom(), await openRoom(), await openRoom(), await openRoom()];
  const [room] = rooms;
  ok(room !== undefined);
  const { turns } = makeTurns(2);
  const holder = await ledger.pool.connect();
  t.after(() => holder.release(true));
  await holder.query('begin');
  await holder.query('lock table rooms in exclusive mode');
  const waiting = async (): Promise<number> => {
    const { rows } = await holder.query<{ count: number }>(
      `select count(*) from pg_locks join pg_database on pg_database.oid = database
        where datname = current_database() and relation = 'rooms'::regclass and not granted`,
    );
    return rows[0]?.count ?? 0;
  };
  await turns.settle(rooms.map(workOf), instantsOf(room));
  await eventually(async () => (await waiting()) === 2);
  await turns.settle(rooms.map(workOf), instantsOf(room));
  equal(await waiting(), 2);
  await holder.query('rollback');
  await eventually(() => rooms.every(each => turns.canBegin(each)));
  equal(turns.failing, 0);
  await turns.close();
});

test('retries a failing campaign with growing delays, while the others continue', async () => {
  const [failing, fine] = await coupons(2);
  ok(failing !== undefined && fine !== undefined);
  const { campaignId } = failing;
  await ledger.pool.query(
    `insert into grants (campaign_id, serial, user_id, code) values ($1, 1, 'user-20', 'taken')`,
    [campaignId],
  );
  const { turns } = makeTurns(2);
  await eventually(async () => {
    await turns.settle([failing, fine].map(workOf), instantsOf(fine));
    return turns.failing === 1 && (await settledCount(fine)) === 2;
  });
  await ledger.pool.query('delete from grants where campaign_id = $1', [campaignId]);
  await eventually(async () => {
    await turns.settle([workOf(failing)], instantsOf(failing));
    return turns.failing === 0;
  });
  equal(await settledCount(failing), 2);
  await turns.close();
});

test('a failing campaign that another engine has settled fails no longer', async () => {
  const [failing] = await coupons(1);
  ok(failing !== undefined);
  const { campaignId } = failing;
  await ledger.pool.query(
    `insert into grants (campaign_id, serial, user_id, code) values ($1, 1, 'user-20', 'taken')`,
    [campaignId],
  );
  const [one, other] = [makeTurns(1).turns, makeTurns(1).turns];
  const due = async (): Promise<readonly Work[]> =>
    (await findWork(ledger.pool, instantsOf(failing)().watermarkUs, 0)).filter(
      work => work.campaignId === campaignId,
    );
  await eventually(async () => {
    await one.settle(one.choose(await due()), instantsOf(failing));
    return one.failing === 1;
  });
  one.choose(await due());
  equal(one.failing, 1, 'it is still due');
  await ledger.pool.query('delete from grants where campaign_id = $1', [campaignId]);
  await eventually(async () => {
    await other.settle(other.choose(await due()), instantsOf(failing));
    return (await settledCount(failing)) === 2;
  });
  deepEqual(one.choose(await due()), []);
  equal(one.failing, 0);
  await Promise.all([one.close(), other.close()]);
});

test('begins nothing after close', async () => {
  const [coupon] = await coupons(1);
  ok(coupon !== undefined);
  const { turns } = makeTurns(1);
  await turns.close();
  await turns.settle([workOf(coupon)], instantsOf(coupon));
  equal(await settledCount(coupon), 0);
});

test('an engine leaves campaigns to the engine that settles them, while it does', async () => {
  const made = await coupons(3);
  const [first] = made;
  ok(first !== undefined);
  const [one, other] = [makeTurns(2).turns, makeTurns(2).turns];
  const found = made.map(workOf);
  deepEqual(other.choose(found), found, 'no other engine is known yet');
  await one.settle(one.choose(found), instantsOf(first));
  await other.settle(found, instantsOf(first));
  const anew: Work[] = [];
  for (const coupon of made) {
    await ledger.enter(coupon, 30);
    anew.push(workOf(await ledger.read(coupon)));
  }
  await eventually(() => anew.every(each => one.canBegin(each) && other.canBegin(each)));
  deepEqual(one.choose(anew), anew);
  deepEqual(other.choose(anew), []);
  deepEqual(other.choose(anew.slice(1)), anew.slice(1), 'what fits at once is not shared');
  await eventually(() => other.choose(anew).length === anew.length);
  await Promise.all([one.close(), other.close()]);
});
