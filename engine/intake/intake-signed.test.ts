/** What intake stores of signed slices. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { findSlices, type HeadPosition, readHeads } from '../../sql/statements/books/slices.ts';
import { raiseWatermark } from '../../sql/statements/progress/watermarks.ts';
import { newPrivateKey, signingKey } from '../contract/keys/signing-keys.ts';
import { decodeRecord, type LogItem, RecordEncoder, type RecordHead } from '../contract/record/record.ts';
import {
  decodeSignedHead,
  NO_PREVIOUS,
  type SliceHead,
  signSliceHead,
} from '../contract/record/slice-head.ts';
import { entry, IntakeLedger, newIncarnation, record } from './testing/intake.ts';

let ledger: IntakeLedger;
before(async () => {
  ledger = await IntakeLedger.make();
});
after(() => ledger.close());

const key = signingKey(newPrivateKey(), { use: 'slices', fromMs: 0, revokedMs: undefined });

/** A record as written by a gateway that signs; `wrong` overrides fields of its signed head. */
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

test('keeps each counted signed slice once, and finds it by the instants of its entries', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('signed');
  const incarnation = newIncarnation();
  const items = (user: string, stamp: number) => [entry(campaign, user, stamp)];
  const first = signedRecord(items('a', 10), { gateway: 9, incarnation, sliceNumber: 1, throughUs: 1_000 });
  const second = signedRecord(items('b', 20), { gateway: 9, incarnation, sliceNumber: 3, throughUs: 2_000 });
  const behind = signedRecord(items('c', 30), { gateway: 9, incarnation, sliceNumber: 5, throughUs: 3_000 });
  const leave = record([], { kind: 'leave', gateway: 9, incarnation, sliceNumber: 4, throughUs: 2_500 });
  await log.take(Buffer.from(first), Buffer.from(second), Buffer.from(second));
  const counts = await log.take(leave, behind);
  equal(counts.dropped, 1);
  const [found] = await findSlices(ledger.pool, 9, 1_995);
  deepEqual(found, {
    gateway: 9,
    incarnation,
    sliceNumber: 3,
    firstUs: 1_991,
    lastUs: 2_000,
    signedHead: decodeRecord(second).signed?.head,
    items: decodeRecord(second).signed?.items,
  });
  equal((await findSlices(ledger.pool, 9, 1_000))[0]?.sliceNumber, 1);
  for (const elsewhere of [1_500, 2_001, 3_000])
    equal((await findSlices(ledger.pool, 9, elsewhere)).length, 0);
  equal((await findSlices(ledger.pool, 8, 1_995)).length, 0);
  const { rows } = await ledger.pool.query('select count(*) from slices where gateway = 9');
  equal(rows[0].count, 2);
});

test('publishes heads in order of their instants, up to the watermark', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('heads');
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
  const before: HeadPosition = { firstUs: base, gateway: 0, incarnation: 0, sliceNumber: 0 };
  const shown = async (limit: number, after = before) => {
    const { heads } = await readHeads(ledger.pool, after, limit);
    return heads.map(({ firstUs, gateway, signedHead }) => {
      equal(decodeSignedHead(signedHead).firstUs, firstUs);
      return [firstUs - base, gateway];
    });
  };
  deepEqual(await shown(10), [], 'the watermark is before them');
  await raiseWatermark(ledger.pool, base + 30, 0);
  deepEqual(await shown(10), [
    [1, 22],
    [21, 21],
    [21, 22],
  ]);
  deepEqual(await shown(2), [
    [1, 22],
    [21, 21],
  ]);
  const second = { firstUs: base + 21, gateway: 21, incarnation: 1_000_021, sliceNumber: 30 };
  deepEqual(await shown(2, second), [[21, 22]]);
});

test('turns an invalid signed head into a dead letter, and counts the entries after it', async () => {
  const campaign = await ledger.campaign();
  const log = ledger.partition('wrong heads');
  for (const wrong of [
    { gateway: 2 },
    { incarnation: 1 },
    { sliceNumber: 9 },
    { count: 7 },
    { firstUs: 5_000 },
  ]) {
    const incarnation = newIncarnation();
    const items = [entry(campaign, JSON.stringify(wrong), 1_000 + incarnation)];
    const counts = await log.take(signedRecord(items, { incarnation }, wrong));
    deepEqual([counts.entries, counts.deadLetters], [1, 1]);
    const { rows } = await ledger.pool.query('select from slices where incarnation = $1', [incarnation]);
    equal(rows.length, 0);
  }
  for (const { reason } of await ledger.deadLettersOf('wrong heads'))
    match(reason, /ingested without the signed head: it belongs to another slice/);
});
