/** Books of a ledger that was filled by hand, including everything around a campaign's own slices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import pino from 'pino';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { saveProgress } from '../../sql/statements/progress/gateways.ts';
import { INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import { announcementOf } from '../campaigns/announce.ts';
import { KeyRing } from '../contract/keys/key-ring.ts';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { ITEM_ENTRY, ITEM_WITHDRAWAL } from '../contract/record/record.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { nodePrimitives } from '../verify/node.ts';
import { type Report, verify } from '../verify/verify.ts';
import { BookJob } from './book-job.ts';
import { Incarnation, type Wish } from './testing/incarnation.ts';

const EPOCH = 5;
const BASE = EPOCH * INCARNATIONS_PER_EPOCH;
const ELSEWHERE = 999_999;
const STOCK = 2;
const log = pino({ level: 'silent' });
const keys = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: newPrivateKey() }, log);

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(async () => {
  await ledger.close();
});

/** An incarnation of the epoch; its items' instants are microseconds after the opening. */
function incarnation(gateway: number, number: number, campaign: Campaign): Incarnation {
  const which = { gateway, incarnation: BASE + number, opensAtUs: opensAtUs(campaign) };
  return new Incarnation({ pool: ledger.pool, keys, ...which });
}

/** What the log said about an incarnation; for number 0: that the epoch began at that instant. */
async function noteProgress(gateway: number, number: number, throughUs: number): Promise<void> {
  const promises = { throughUs, rankedUs: throughUs, sliceNumber: 0, backfilled: true };
  const where = { logName: 'test', partition: 0, state: 'ended' } as const;
  await saveProgress(ledger.pool, [{ gateway, incarnation: BASE + number, ...where, ...promises }]);
}

async function makeBooks(): Promise<void> {
  const job = new BookJob({ pool: ledger.pool, keys, saltSecret: TEST_SALT_SECRET, log });
  await job.makeDue(new AbortController().signal);
}

async function bookOf({ campaignId }: Campaign): Promise<Buffer> {
  await makeBooks();
  const { rows } = await ledger.pool.query<{ bytes: Buffer }>(
    'select bytes from book_parts where campaign_id = $1 order by part',
    [campaignId],
  );
  const { rows: books } = await ledger.pool.query<{ refused: string | null }>(
    'select refused from books where campaign_id = $1',
    [campaignId],
  );
  assert.deepEqual(books, [{ refused: null }]);
  return Buffer.concat(rows.map(({ bytes }) => bytes));
}

async function check(book: Buffer): Promise<Report> {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield book;
  };
  return await verify({ primitives: nodePrimitives, book: pieces() });
}

async function open(): Promise<Campaign> {
  const campaign = await ledger.campaign('coupon', STOCK, id => {
    const times = { opensAt: new Date('2030-01-01T00:00:00Z'), closesAt: new Date('2030-01-01T00:01:00Z') };
    return announcementOf(testRandomness(), id, { title: 'test', stock: STOCK, ...times }, undefined);
  });
  await noteProgress(0, 0, opensAtUs(campaign) - 1_000_000);
  return campaign;
}

const elsewhere = (userId: string, atUs: number): Wish => [ITEM_ENTRY, ELSEWHERE, userId, atUs];

test('chains span from before the opening to after the last withdrawal, and account for every user', async () => {
  const campaign = await open();
  const { campaignId } = campaign;
  const entry = (who: number, atUs = who): Wish => [ITEM_ENTRY, campaignId, `user-${who}`, atUs];
  await ledger.enter(campaign, 1, 20, 300, 4000);
  // It arrived between the close and the settlement, which honoured it.
  const lateUs = WINDOW_US + 50;
  await ledger.leave(campaign, [300, lateUs]);
  const first = incarnation(0, 1, campaign);
  await first.slice(elsewhere('long before', -900));
  await first.slice(elsewhere('before', -500));
  await first.slice(entry(1), elsewhere('beside', 2), entry(20));
  await first.slice(elsewhere('in between', 100), elsewhere('too', 200));
  await first.slice(entry(300), entry(1, 301), entry(4000));
  await first.slice(elsewhere('after the close', WINDOW_US + 10));
  await first.slice([ITEM_WITHDRAWAL, campaignId, 'user-300', lateUs]);
  await first.slice(elsewhere('behind', WINDOW_US + 9000));
  await first.slice(elsewhere('far behind', WINDOW_US + 99_000));
  const third = incarnation(7, 3, campaign);
  await third.slice(elsewhere('before', -400));
  await third.slice(elsewhere('at the end', 5000));
  const fifth = incarnation(2, 5, campaign);
  await fifth.slice(elsewhere('later', WINDOW_US + 7000));
  for (const number of [1, 2, 3, 5]) await noteProgress(number, number, opensAtUs(campaign) + WINDOW_US);
  await ledger.settle(campaign, WINDOW_US + 100_000);
  const book = await bookOf(campaign);
  const report = await check(book);
  assert.deepEqual(report.findings, []);
  const [header = '', ...lines] = gunzipSync(book).toString().split('\n');
  const { epochs, until_us, closed_at_us } = JSON.parse(header);
  assert.equal(until_us, closed_at_us + 51);
  const ends = [[3, 6]];
  const quiet = [
    [2, 2],
    [4, 4],
  ];
  assert.deepEqual(epochs, [
    { began_us: opensAtUs(campaign) - 1_000_000, ends, epoch: EPOCH, last: 5, quiet },
  ]);
  const slices = lines.filter(line => line.startsWith('{"head"'));
  // Of the first incarnation the anchor, the five within, and one behind; of the others everything.
  assert.equal(slices.length, 7 + 1 + 2);
  assert.equal(slices.filter(line => line.includes('"others"')).length, 6);
  assert.match(report.checked.join('\n'), /3 chains from before the opening/);
  assert.match(report.notProven.join('\n'), /the 2 incarnations declared as silent signed nothing/);
  assert.ok(lines.some(line => line.includes('"withdrawn"')));
});

test('refuses an entry that no slice contains', async () => {
  const campaign = await open();
  await ledger.enter(campaign, 1);
  await ledger.settle(campaign, WINDOW_US + 1);
  await makeBooks();
  const { rows } = await ledger.pool.query('select refused from books where campaign_id = $1', [
    campaign.campaignId,
  ]);
  assert.deepEqual(rows, [{ refused: 'no signed slice contains the entry with stamp 1024' }]);
});
