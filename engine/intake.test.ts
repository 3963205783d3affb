import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Campaign, createCampaign } from '../sql/campaigns.ts';
import { openPool, type Pool } from '../sql/database.ts';
import { nextPosition } from '../sql/log-partitions.ts';
import { findSlices, readHeads } from '../sql/slices.ts';
import { raiseWatermark } from '../sql/watermarks.ts';
import {
  decodeRecord,
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type LogItem,
  RecordEncoder,
  type RecordHead,
} from './contract/record.ts';
import { newPrivateKey, signingKey } from './contract/signing-keys.ts';
import { decodeSignedHead, NO_PREVIOUS, type SliceHead, signSliceHead } from './contract/slice-head.ts';
import { type IntakeCounts, makeIntake, StaleConsumer } from './intake.ts';
import { type TestDatabase, testDatabase } from './test/support.ts';
import { quiet } from './test-gateway.ts';

let database: TestDatabase;
let pool: Pool;
before(async () => {
  database = await testDatabase();
  pool = openPool(database.url, { max: 6, applicationName: 'test', onError: () => undefined });
});
after(async () => {
  await pool.end();
  await database.drop();
});

/** One partition of a log of its own, fed by hand. */
class Partition {
  readonly #intake;
  readonly #logName: string;
  readonly #partition: number;
  #position = '';
  counts: IntakeCounts | undefined;

  constructor(logName: string, partition = 0) {
    this.#logName = logName;
    this.#partition = partition;
    this.#intake = makeIntake({
      pool,
      logName,
      log: quiet,
      onBatch: counts => {
        this.counts = counts;
      },
    });
  }

  /** Takes in a batch of these records, as a consumer would that goes on where it stands. */
  async take(...records: Buffer[]): Promise<IntakeCounts> {
    const from = this.#position || (await this.#intake.start(this.#partition));
    const placed = records.map(bytes => ({ position: `at-${++positions}`, bytes }));
    const next = placed.at(-1)?.position ?? from;
    await this.#intake.batch({ partition: this.#partition, from, next, records: placed });
    this.#position = next;
    if (this.counts === undefined) throw new Error('nothing was counted');
    return this.counts;
  }

  position(): Promise<string> {
    return nextPosition(pool, this.#logName, this.#partition);
  }
}

/** Positions are told apart by it, also those of two consumers of one partition. */
let positions = 0;
let incarnations = 100;
/** What a gateway writes; a number and an incarnation of its own unless given. */
function record(items: readonly LogItem[], head: Partial<RecordHead> = {}): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin();
  for (const item of items) encoder.add(item.kind, item.campaignId, item.stamp, item.userId);
  return encoder.finish({
    kind: 'slice',
    gateway: 1,
    incarnation: head.incarnation ?? ++incarnations,
    sliceNumber: 1,
    throughUs: 1_000,
    rankedUs: 900,
    ...head,
  });
}

function entry(campaign: Campaign, userId: string, stamp: number): LogItem {
  return { kind: ITEM_ENTRY, campaignId: campaign.campaignId, stamp, userId };
}

function makeCampaign(windowMs = 3_600_000): Promise<Campaign> {
  const opensAt = new Date('2030-01-01T00:00:00Z');
  const closesAt = new Date(opensAt.getTime() + windowMs);
  return createCampaign(pool, { kind: 'coupon', title: 'test', places: 5, opensAt, closesAt });
}

async function stamps(campaign: Campaign): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ user_id: string; stamp: number }>(
    'select user_id, stamp from entries where campaign_id = $1 order by user_id',
    [campaign.campaignId],
  );
  return Object.fromEntries(rows.map(row => [row.user_id, row.stamp]));
}

async function asideOf(logName: string) {
  const { rows } = await pool.query<{
    position: string;
    item: number | null;
    reason: string;
    record: Buffer;
  }>('select position, item, reason, record from set_aside where log_name = $1 order by set_aside_id', [
    logName,
  ]);
  return rows;
}

async function gatewayOf(incarnation: number) {
  const { rows } = await pool.query(
    'select gateway, partition, state, through_us, ranked_us, slice_number from gateways where incarnation = $1',
    [incarnation],
  );
  return rows[0];
}

test('entries become rows, promises are noted and the position moves, together', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('together');
  const incarnation = ++incarnations;
  const counts = await log.take(
    record([entry(campaign, 'b', 20), entry(campaign, 'a', 10)], { incarnation }),
  );
  deepEqual(counts, {
    records: 1,
    entries: 2,
    withdrawals: 0,
    claims: 0,
    repeated: 0,
    dropped: 0,
    setAside: 0,
  });
  deepEqual(await stamps(campaign), { a: 10, b: 20 });
  deepEqual(await gatewayOf(incarnation), {
    gateway: 1,
    partition: 0,
    state: 'live',
    through_us: 1_000,
    ranked_us: 900,
    slice_number: 1,
  });
  equal(await log.position(), `at-${positions}`);
});

test('a consumer that was replaced writes nothing', async () => {
  const campaign = await makeCampaign();
  const old = new Partition('stale');
  await old.take(record([entry(campaign, 'first', 1)]));
  const successor = new Partition('stale');
  await successor.take(record([entry(campaign, 'second', 2)]));
  await rejects(old.take(record([entry(campaign, 'late', 3)])), StaleConsumer);
  deepEqual(await stamps(campaign), { first: 1, second: 2 });
  equal(await successor.position(), `at-${positions - 1}`);
});

test('the earliest stamp stays: in one record, in one batch, over gateways and in any order', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('earliest');
  const counts = await log.take(
    record([entry(campaign, 'a', 30), entry(campaign, 'a', 10), entry(campaign, 'b', 41)]),
    record([entry(campaign, 'a', 20), entry(campaign, 'b', 40)], { gateway: 2 }),
  );
  deepEqual([counts.entries, counts.repeated, counts.setAside], [2, 3, 0]);
  await log.take(record([entry(campaign, 'a', 50), entry(campaign, 'b', 5), entry(campaign, 'c', 6)]));
  deepEqual(await stamps(campaign), { a: 10, b: 5, c: 6 });
});

test('the same slice twice is taken once', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('twice');
  const slice = record([entry(campaign, 'a', 10), entry(campaign, 'b', 20)]);
  await log.take(slice, slice);
  const counts = await log.take(slice);
  deepEqual([counts.entries, counts.repeated, counts.dropped, counts.setAside], [0, 2, 0, 0]);
  deepEqual(await stamps(campaign), { a: 10, b: 20 });
});

test('a slice that landed behind a later one of its gateway is dropped: it was answered with 503', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('landed late');
  const incarnation = ++incarnations;
  const counts = await log.take(
    record([entry(campaign, 'second', 20)], { incarnation, sliceNumber: 2 }),
    record([entry(campaign, 'first', 10)], { incarnation, sliceNumber: 1 }),
  );
  deepEqual([counts.entries, counts.dropped], [1, 1]);
  deepEqual(await stamps(campaign), { second: 20 });
});

for (const kind of ['leave', 'fence'] as const) {
  test(`what stands behind a ${kind} is dropped, in its batch and later`, async () => {
    const campaign = await makeCampaign();
    const log = new Partition(`behind a ${kind}`);
    const incarnation = ++incarnations;
    const counts = await log.take(
      record([entry(campaign, 'before', 10)], { incarnation }),
      record([], { kind, incarnation, sliceNumber: 2, throughUs: 2_000, rankedUs: 2_000 }),
      record([entry(campaign, 'behind', 20)], { incarnation, sliceNumber: 3 }),
      record([entry(campaign, 'other', 30)], { gateway: 2 }),
    );
    deepEqual([counts.entries, counts.dropped], [2, 1]);
    const later = await log.take(record([entry(campaign, 'later', 40)], { incarnation, sliceNumber: 4 }));
    deepEqual([later.entries, later.dropped], [0, 1]);
    deepEqual(await stamps(campaign), { before: 10, other: 30 });
    const row = await gatewayOf(incarnation);
    equal(row?.state, 'ended');
    // A fence is not the gateway's word: how far it had ranked stays as the gateway said.
    equal(row?.ranked_us, kind === 'leave' ? 2_000 : 900);
  });
}

test('the fence of a gateway that never logged ends it', async () => {
  const log = new Partition('never logged');
  const incarnation = ++incarnations;
  await log.take(record([], { kind: 'fence', incarnation, sliceNumber: 0, throughUs: 77, rankedUs: 77 }));
  const row = await gatewayOf(incarnation);
  deepEqual([row?.state, row?.ranked_us], ['ended', 77]);
});

test('a gateway that writes to a second partition is not believed there', async () => {
  const campaign = await makeCampaign();
  const incarnation = ++incarnations;
  await new Partition('elsewhere', 0).take(record([entry(campaign, 'a', 10)], { incarnation }));
  const counts = await new Partition('elsewhere', 1).take(
    record([entry(campaign, 'b', 20)], { incarnation, throughUs: 9_000, sliceNumber: 2 }),
  );
  deepEqual([counts.entries, counts.setAside], [0, 1]);
  equal((await gatewayOf(incarnation))?.through_us, 1_000);
  match((await asideOf('elsewhere'))[0]?.reason ?? '', /one partition/);
});

test('a record that cannot be read is set aside whole, and stops nothing', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('unreadable');
  const broken = record([entry(campaign, 'broken', 1)]);
  broken[60] = (broken[60] ?? 0) ^ 1;
  const cut = record([entry(campaign, 'cut', 2)]).subarray(0, 50);
  const counts = await log.take(broken, record([entry(campaign, 'whole', 3)]), cut, Buffer.alloc(0));
  deepEqual([counts.records, counts.entries, counts.setAside], [4, 1, 3]);
  const aside = await asideOf('unreadable');
  deepEqual(
    aside.map(({ position, item }) => [position, item]),
    [3, 1, 0].map(before => [`at-${positions - before}`, null]),
  );
  deepEqual(aside[0]?.record, broken);
  match(aside[0]?.reason ?? '', /CRC/);
  deepEqual(await stamps(campaign), { whole: 3 });
});

test('items that have no place are set aside one by one, with the reason', async () => {
  const campaign = await makeCampaign(1_000);
  const finished = await makeCampaign();
  await pool.query('update campaigns set finished_at = now() where campaign_id = $1', [finished.campaignId]);
  await pool.query('update campaigns set settled_stamp = 99 where campaign_id = $1', [campaign.campaignId]);
  const nowhere = { ...campaign, campaignId: 4_294_967_295 };
  const log = new Partition('no place');
  const counts = await log.take(
    record([
      entry(campaign, 'in time', 100),
      entry(campaign, 'settled', 99),
      entry(campaign, 'last', 1_000_000 * 1024 - 1),
      entry(campaign, 'too late', 1_000_000 * 1024),
      entry(nowhere, 'nobody', 100),
      entry(finished, 'finished', 100),
      entry(campaign, 'same stamp', 100),
      entry(campaign, 'a\0b', 200),
      { kind: ITEM_WITHDRAWAL, campaignId: nowhere.campaignId, stamp: 1, userId: 'gone' },
    ]),
  );
  deepEqual([counts.entries, counts.repeated, counts.setAside], [2, 0, 7]);
  const aside = (await asideOf('no place')).sort((a, b) => (a.item ?? 0) - (b.item ?? 0));
  deepEqual(
    aside.map(({ item, reason }) => [item, reason]),
    [
      [1, 'entries with later stamps are settled'],
      [3, 'stamped at or after the close'],
      [4, 'no such campaign'],
      [5, 'the campaign is at its end'],
      [6, 'the stamp belongs to another user'],
      [7, 'the user id contains U+0000'],
      [8, 'no such campaign'],
    ],
  );
  const [settled] = aside;
  if (settled === undefined) throw new Error('nothing was set aside');
  deepEqual(decodeRecord(settled.record).items, [entry(campaign, 'settled', 99)]);
});

test('who is there already is not set aside for coming again late', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('again');
  await log.take(record([entry(campaign, 'a', 50)]));
  await pool.query('update campaigns set settled_stamp = 60 where campaign_id = $1', [campaign.campaignId]);
  const counts = await log.take(record([entry(campaign, 'a', 10), entry(campaign, 'a', 70)]));
  deepEqual([counts.repeated, counts.setAside], [2, 0]);
  deepEqual(await stamps(campaign), { a: 50 });
});

test('of several withdrawals the earliest stays, until it is decided', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('withdrawals');
  const leave = (userId: string, stamp: number): LogItem => ({
    ...entry(campaign, userId, stamp),
    kind: ITEM_WITHDRAWAL,
  });
  const read = async () =>
    (
      await pool.query('select user_id, stamp from withdrawals where campaign_id = $1 order by 1', [
        campaign.campaignId,
      ])
    ).rows;
  await log.take(record([leave('a', 30), leave('a', 20), leave('b', 40)]));
  await log.take(record([leave('a', 10), leave('b', 50)]));
  deepEqual(await read(), [
    { user_id: 'a', stamp: 10 },
    { user_id: 'b', stamp: 40 },
  ]);
  await pool.query('update withdrawals set honoured = false where campaign_id = $1', [campaign.campaignId]);
  await log.take(record([leave('a', 5)]));
  deepEqual((await read())[0], { user_id: 'a', stamp: 10 });
});

test('partitions with the same users at once end with the least stamps, whatever comes when', async () => {
  const user = fc.integer({ min: 0, max: 12 });
  const slice = fc.array(fc.tuple(user, fc.integer({ min: 0, max: 500 })), { maxLength: 25 });
  const batches = fc.array(fc.array(slice, { maxLength: 3 }), { maxLength: 3 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.tuple(batches, batches, batches), async logs => {
      run += 1;
      const campaign = await makeCampaign();
      const expected: Record<string, number> = {};
      await Promise.all(
        logs.map(async (partition, number) => {
          const log = new Partition(`at once ${run}`, number);
          const incarnation = ++incarnations;
          let sliceNumber = 0;
          for (const batch of partition) {
            const records = batch.map(items => {
              sliceNumber += 1;
              const entries = unique(
                items.map(([who, instant]) => entry(campaign, `user-${who}`, instant * 1024 + number)),
              );
              for (const { userId, stamp } of entries) {
                expected[userId] = Math.min(expected[userId] ?? stamp, stamp);
              }
              return record(entries, { incarnation, gateway: number, sliceNumber });
            });
            await log.take(...records);
          }
        }),
      );
      const found = await stamps(campaign);
      deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
      for (const [userId, stamp] of Object.entries(found)) equal(stamp, expected[userId], userId);
      equal(new Set(Object.values(found)).size, Object.values(found).length);
    }),
    { numRuns: 40 },
  );
});

/** A gateway never gives a stamp twice: of items with the same one, the first. */
const given = new Set<string>();
function unique(entries: readonly LogItem[]): LogItem[] {
  return entries.filter(item => {
    const name = `${item.campaignId}/${item.stamp}`;
    if (given.has(name)) return false;
    given.add(name);
    return true;
  });
}

const key = signingKey(newPrivateKey(), { use: 'slices', fromMs: 0, revokedMs: undefined });

/** A record as a gateway writes it that signs; `wrong` is what its signed head says otherwise. */
function signedRecord(
  items: readonly LogItem[],
  head: Partial<RecordHead>,
  wrong: Partial<SliceHead> = {},
): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin(true);
  for (const item of items) encoder.add(item.kind, item.campaignId, item.stamp, item.userId);
  const numbers = { gateway: 1, incarnation: 1, sliceNumber: 1, throughUs: 1_000, rankedUs: 900, ...head };
  const { gateway, incarnation, sliceNumber, throughUs: lastUs } = numbers;
  const signed = { gateway, incarnation, sliceNumber, count: items.length, firstUs: lastUs - 9, lastUs };
  const rest = { root: Buffer.alloc(32, 1), previous: NO_PREVIOUS };
  encoder.sign(signSliceHead({ ...signed, ...rest, ...wrong }, key.keyId, key.privateKey));
  return encoder.finish({ kind: 'slice', ...numbers });
}

test('signed slices that count are kept, once, and found by the instant of what is in them', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('signed');
  const incarnation = ++incarnations;
  const items = (user: string, stamp: number) => [entry(campaign, user, stamp)];
  const first = signedRecord(items('a', 10), { gateway: 9, incarnation, sliceNumber: 1, throughUs: 1_000 });
  const second = signedRecord(items('b', 20), { gateway: 9, incarnation, sliceNumber: 3, throughUs: 2_000 });
  const behind = signedRecord(items('c', 30), { gateway: 9, incarnation, sliceNumber: 5, throughUs: 3_000 });
  const leave = record([], { kind: 'leave', gateway: 9, incarnation, sliceNumber: 4, throughUs: 2_500 });
  await log.take(Buffer.from(first), Buffer.from(second), Buffer.from(second));
  const counts = await log.take(leave, behind);
  equal(counts.dropped, 1);
  const [found] = await findSlices(pool, 9, 1_995);
  deepEqual(found, {
    gateway: 9,
    incarnation,
    sliceNumber: 3,
    firstUs: 1_991,
    lastUs: 2_000,
    signedHead: decodeRecord(second).signed?.head,
    items: decodeRecord(second).signed?.items,
  });
  equal((await findSlices(pool, 9, 1_000))[0]?.sliceNumber, 1);
  for (const elsewhere of [1_500, 2_001, 3_000]) equal((await findSlices(pool, 9, elsewhere)).length, 0);
  equal((await findSlices(pool, 8, 1_995)).length, 0);
  const { rows } = await pool.query('select count(*) from slices where gateway = 9');
  equal(rows[0].count, 2);
});

test('heads are shown in the order of their instants, and none before all earlier ones can be', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('heads');
  const base = 9_000_000;
  for (const [gateway, at] of [
    [21, 30],
    [22, 10],
    [21, 50],
    [22, 30],
  ] as const) {
    const head = { gateway, incarnation: 1_000_000 + gateway, sliceNumber: at, throughUs: base + at };
    await log.take(signedRecord([entry(campaign, `${gateway}-${at}`, at * 100 + gateway)], head));
  }
  const places = async (limit: number, after = { lastUs: base - 1, gateway: -1 }) => {
    const heads = await readHeads(pool, after, limit);
    return heads.map(({ lastUs, gateway, signedHead }) => {
      equal(decodeSignedHead(signedHead).lastUs, lastUs);
      return [lastUs - base, gateway];
    });
  };
  deepEqual(await places(10), [], 'the watermark is below them');
  await raiseWatermark(pool, base + 30);
  deepEqual(await places(10), [
    [10, 22],
    [30, 21],
    [30, 22],
  ]);
  deepEqual(await places(2), [
    [10, 22],
    [30, 21],
  ]);
  deepEqual(await places(2, { lastUs: base + 30, gateway: 21 }), [[30, 22]]);
});

test('a wrong signed head is set aside, and the entries behind it count', async () => {
  const campaign = await makeCampaign();
  const log = new Partition('wrong heads');
  for (const wrong of [
    { gateway: 2 },
    { incarnation: 1 },
    { sliceNumber: 9 },
    { count: 7 },
    { firstUs: 5_000 },
  ]) {
    const items = [entry(campaign, JSON.stringify(wrong), 1_000 + incarnations)];
    const counts = await log.take(signedRecord(items, { incarnation: ++incarnations }, wrong));
    deepEqual([counts.entries, counts.setAside], [1, 1]);
    const { rows } = await pool.query('select from slices where incarnation = $1', [incarnations]);
    equal(rows.length, 0);
  }
  for (const { reason } of await asideOf('wrong heads'))
    match(reason, /the signed head is not kept: it is of another slice/);
});
