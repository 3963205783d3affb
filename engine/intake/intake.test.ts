import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import { decodeRecord, ITEM_WITHDRAWAL, type LogItem } from '../contract/record/record.ts';
import { StaleConsumer } from './intake.ts';
import { entry, IntakeLedger, newIncarnation, record, takenAt } from './testing/intake.ts';

let ledger: IntakeLedger;
before(async () => {
  ledger = await IntakeLedger.make();
});
after(() => ledger.close());

test('writes entries, promises and the offset in one transaction', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('together');
  const incarnation = newIncarnation();
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
    deadLetters: 0,
  });
  deepEqual(await ledger.stamps(campaign), { a: 10, b: 20 });
  deepEqual(await ledger.gatewayOf(incarnation), {
    gateway: 1,
    partition: 0,
    state: 'live',
    through_us: 1_000,
    ranked_us: 900,
    slice_number: 1,
  });
  equal(await log.position(), takenAt());
});

test('a replaced consumer writes nothing', async () => {
  const campaign = await ledger.campaign();
  const old = ledger.partition('stale');
  await old.take(record([entry(campaign, 'first', 1)]));
  const successor = ledger.partition('stale');
  await successor.take(record([entry(campaign, 'second', 2)]));
  await rejects(old.take(record([entry(campaign, 'late', 3)])), StaleConsumer);
  deepEqual(await ledger.stamps(campaign), { first: 1, second: 2 });
  equal(await successor.position(), takenAt(1));
});

test('keeps the earliest stamp within a record, a batch and across gateways, in any order', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('earliest');
  const counts = await log.take(
    record([entry(campaign, 'a', 30), entry(campaign, 'a', 10), entry(campaign, 'b', 41)]),
    record([entry(campaign, 'a', 20), entry(campaign, 'b', 40)], { gateway: 2 }),
  );
  deepEqual([counts.entries, counts.repeated, counts.deadLetters], [2, 3, 0]);
  await log.take(record([entry(campaign, 'a', 50), entry(campaign, 'b', 5), entry(campaign, 'c', 6)]));
  deepEqual(await ledger.stamps(campaign), { a: 10, b: 5, c: 6 });
});

test('takes the same slice once', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('twice');
  const slice = record([entry(campaign, 'a', 10), entry(campaign, 'b', 20)]);
  await log.take(slice, slice);
  const counts = await log.take(slice);
  deepEqual([counts.entries, counts.repeated, counts.dropped, counts.deadLetters], [0, 2, 0, 0]);
  deepEqual(await ledger.stamps(campaign), { a: 10, b: 20 });
});

test('drops a slice that landed after a later one of its gateway: it was answered with 503', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('landed late');
  const incarnation = newIncarnation();
  const counts = await log.take(
    record([entry(campaign, 'second', 20)], { incarnation, sliceNumber: 2 }),
    record([entry(campaign, 'first', 10)], { incarnation, sliceNumber: 1 }),
  );
  deepEqual([counts.entries, counts.dropped], [1, 1]);
  deepEqual(await ledger.stamps(campaign), { second: 20 });
});

for (const kind of ['leave', 'fence'] as const) {
  test(`drops what follows a ${kind}, in its batch and later`, async () => {
    const campaign = await ledger.campaign();
    const log = ledger.partition(`behind a ${kind}`);
    const incarnation = newIncarnation();
    const counts = await log.take(
      record([entry(campaign, 'before', 10)], { incarnation }),
      record([], { kind, incarnation, sliceNumber: 2, throughUs: 2_000, rankedUs: 2_000 }),
      record([entry(campaign, 'behind', 20)], { incarnation, sliceNumber: 3 }),
      record([entry(campaign, 'other', 30)], { gateway: 2 }),
    );
    deepEqual([counts.entries, counts.dropped], [2, 1]);
    const later = await log.take(record([entry(campaign, 'later', 40)], { incarnation, sliceNumber: 4 }));
    deepEqual([later.entries, later.dropped], [0, 1]);
    deepEqual(await ledger.stamps(campaign), { before: 10, other: 30 });
    const row = await ledger.gatewayOf(incarnation);
    equal(row?.state, 'ended');
    // The engine writes the fence, so how far the gateway had ranked stays as the gateway last said.
    equal(row?.ranked_us, kind === 'leave' ? 2_000 : 900);
  });
}

test('the fence of a gateway that never logged ends it', async () => {
  const log = ledger.partition('never logged');
  const incarnation = newIncarnation();
  await log.take(record([], { kind: 'fence', incarnation, sliceNumber: 0, throughUs: 77, rankedUs: 77 }));
  const row = await ledger.gatewayOf(incarnation);
  deepEqual([row?.state, row?.ranked_us], ['ended', 77]);
});

/** The marker of the lease reaper: ends all earlier epochs in a partition. */
function marker(epoch: number, partition: number): Buffer {
  const incarnation = epoch * INCARNATIONS_PER_EPOCH;
  return record([], { kind: 'fence', gateway: partition, incarnation, sliceNumber: 0 });
}

test('after the marker of an epoch, drops whatever older epochs logged, known or not', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('behind a marker');
  const known = INCARNATIONS_PER_EPOCH + 1;
  const paused = INCARNATIONS_PER_EPOCH + 2;
  const silent = INCARNATIONS_PER_EPOCH + 3;
  const from = (incarnation: number, userId: string, stamp: number, sliceNumber = 1): Buffer =>
    record([entry(campaign, userId, stamp)], { incarnation, sliceNumber });
  const counts = await log.take(
    from(known, 'acknowledged', 10),
    marker(2, 0),
    from(known, 'too late', 20, 2),
    from(paused, 'in its hands', 30),
    from(2 * INCARNATIONS_PER_EPOCH + 1, 'of the new epoch', 40),
  );
  deepEqual([counts.entries, counts.dropped], [2, 2]);
  equal(await ledger.gatewayOf(paused), undefined, 'it is not registered');
  equal((await ledger.gatewayOf(known))?.state, 'live', 'it still has to be fenced');
  // In a batch of its own, behind the marker of an epoch that was claimed but never opened.
  const later = await log.take(from(paused, 'in its hands', 30), marker(1, 0), from(silent, 'silent', 50));
  deepEqual([later.entries, later.dropped], [0, 2]);
  await log.take(record([], { kind: 'fence', incarnation: known, sliceNumber: 0 }));
  equal((await ledger.gatewayOf(known))?.state, 'ended');
  deepEqual(await ledger.stamps(campaign), { acknowledged: 10, 'of the new epoch': 40 });
});

test('a marker ends older epochs only in its own partition of its own log', async () => {
  const campaign = await ledger.campaign();
  await ledger.partition('marked', 1).take(marker(2, 1));
  await ledger.partition('of another name', 0).take(marker(2, 0));
  const incarnation = INCARNATIONS_PER_EPOCH + 4;
  const counts = await ledger
    .partition('marked', 0)
    .take(record([entry(campaign, 'a', 10)], { incarnation }));
  deepEqual([counts.entries, counts.dropped], [1, 0]);
});

test('turns slices that a gateway writes to a second partition into dead letters', async () => {
  const campaign = await ledger.campaign();
  const incarnation = newIncarnation();
  await ledger.partition('elsewhere', 0).take(record([entry(campaign, 'a', 10)], { incarnation }));
  const counts = await ledger
    .partition('elsewhere', 1)
    .take(record([entry(campaign, 'b', 20)], { incarnation, throughUs: 9_000, sliceNumber: 2 }));
  deepEqual([counts.entries, counts.deadLetters], [0, 1]);
  equal((await ledger.gatewayOf(incarnation))?.through_us, 1_000);
  match((await ledger.deadLettersOf('elsewhere'))[0]?.reason ?? '', /assigned to another partition/);
});

test('turns an unreadable record as a whole into a dead letter, and continues', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('unreadable');
  const broken = record([entry(campaign, 'broken', 1)]);
  broken[60] = (broken[60] ?? 0) ^ 1;
  const cut = record([entry(campaign, 'cut', 2)]).subarray(0, 50);
  const counts = await log.take(broken, record([entry(campaign, 'whole', 3)]), cut, Buffer.alloc(0));
  deepEqual([counts.records, counts.entries, counts.deadLetters], [4, 1, 3]);
  const deadLetters = await ledger.deadLettersOf('unreadable');
  deepEqual(
    deadLetters.map(({ position, item }) => [position, item]),
    [3, 1, 0].map(before => [takenAt(before), null]),
  );
  deepEqual(deadLetters[0]?.record, broken);
  match(deadLetters[0]?.reason ?? '', /CRC/);
  deepEqual(await ledger.stamps(campaign), { whole: 3 });
});

test('turns single invalid items into dead letters, with the reason', async () => {
  const campaign = await ledger.campaign(1_000);
  const finished = await ledger.campaign();
  await ledger.pool.query('update campaigns set finished_at = now() where campaign_id = $1', [
    finished.campaignId,
  ]);
  await ledger.pool.query('update campaigns set settled_stamp = 99 where campaign_id = $1', [
    campaign.campaignId,
  ]);
  const nowhere = { ...campaign, campaignId: 4_294_967_295 };
  const log = ledger.partition('no place');
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
  deepEqual([counts.entries, counts.repeated, counts.deadLetters], [2, 0, 7]);
  const deadLetters = (await ledger.deadLettersOf('no place')).sort((a, b) => (a.item ?? 0) - (b.item ?? 0));
  deepEqual(
    deadLetters.map(({ item, reason }) => [item, reason]),
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
  const [settled] = deadLetters;
  if (settled === undefined) throw new Error('there is no dead letter');
  deepEqual(decodeRecord(settled.record).items, [entry(campaign, 'settled', 99)]);
});

test('a late duplicate of an entry is no dead letter', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('again');
  await log.take(record([entry(campaign, 'a', 50)]));
  await ledger.pool.query('update campaigns set settled_stamp = 60 where campaign_id = $1', [
    campaign.campaignId,
  ]);
  const counts = await log.take(record([entry(campaign, 'a', 10), entry(campaign, 'a', 70)]));
  deepEqual([counts.repeated, counts.deadLetters], [2, 0]);
  deepEqual(await ledger.stamps(campaign), { a: 50 });
});

test('keeps the earliest of several withdrawals until it is decided', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('withdrawals');
  const leave = (userId: string, stamp: number): LogItem => ({
    ...entry(campaign, userId, stamp),
    kind: ITEM_WITHDRAWAL,
  });
  const read = async () =>
    (
      await ledger.pool.query('select user_id, stamp from withdrawals where campaign_id = $1 order by 1', [
        campaign.campaignId,
      ])
    ).rows;
  await log.take(record([leave('a', 30), leave('a', 20), leave('b', 40)]));
  await log.take(record([leave('a', 10), leave('b', 50)]));
  deepEqual(await read(), [
    { user_id: 'a', stamp: 10 },
    { user_id: 'b', stamp: 40 },
  ]);
  await ledger.pool.query('update withdrawals set honoured = false where campaign_id = $1', [
    campaign.campaignId,
  ]);
  await log.take(record([leave('a', 5)]));
  deepEqual((await read())[0], { user_id: 'a', stamp: 10 });
});

test('concurrent partitions with the same users end with the least stamps, in any order', async () => {
  const user = fc.integer({ min: 0, max: 12 });
  const slice = fc.array(fc.tuple(user, fc.integer({ min: 0, max: 500 })), { maxLength: 25 });
  const batches = fc.array(fc.array(slice, { maxLength: 3 }), { maxLength: 3 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.tuple(batches, batches, batches), async logs => {
      run += 1;
      const campaign = await ledger.campaign();
      const expected: Record<string, number> = {};
      await Promise.all(
        logs.map(async (partition, number) => {
          const log = ledger.partition(`at once ${run}`, number);
          const incarnation = newIncarnation();
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
      const found = await ledger.stamps(campaign);
      deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
      for (const [userId, stamp] of Object.entries(found)) equal(stamp, expected[userId], userId);
      equal(new Set(Object.values(found)).size, Object.values(found).length);
    }),
    { numRuns: 40 },
  );
});

/** A gateway never uses a stamp twice: keep only the first item with a given stamp. */
const given = new Set<string>();
function unique(entries: readonly LogItem[]): LogItem[] {
  return entries.filter(item => {
    const name = `${item.campaignId}/${item.stamp}`;
    if (given.has(name)) return false;
    given.add(name);
    return true;
  });
}
