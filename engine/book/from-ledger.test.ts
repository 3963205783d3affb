/** What is in memory while a book is read from the ledger. */
import { equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { transaction } from '../../sql/database.ts';
import { takeForBook } from '../../sql/statements/books/books.ts';
import { opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { announcementOf } from '../campaigns/announce.ts';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { LedgerBook } from './from-ledger.ts';
import { fillLedger } from './testing/many-slices.ts';

const SLICES = 1_000;
const ITEMS_A_SLICE = 100;
const ENTRIES = 500;
/** A page of these slices takes 3 MB, all of them 13 MB and more. */
const MOST_BYTES = 8e6;
const LOOK_EVERY = 100;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(async () => {
  await ledger.close();
});

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function usedBytes(): number {
  ok(typeof collect === 'function');
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('memory does not grow with the slices, most of whose items are of other campaigns', async t => {
  const terms = {
    title: 'test',
    stock: 1,
    opensAt: new Date('2030-01-01T00:00:00Z'),
    closesAt: new Date('2030-01-01T00:01:00Z'),
  };
  const campaign = await ledger.campaign('coupon', 1, id =>
    announcementOf(testRandomness(), id, terms, undefined),
  );
  await fillLedger(ledger.pool, {
    signingKey: newPrivateKey(),
    saltSecret: TEST_SALT_SECRET,
    campaign: campaign.campaignId,
    otherCampaign: campaign.campaignId + 1,
    opensAtUs: opensAtUs(campaign),
    slices: SLICES,
    itemsASlice: ITEMS_A_SLICE,
    entries: ENTRIES,
  });
  while (await ledger.settle(campaign, WINDOW_US + 1));
  await transaction(ledger.pool, async client => {
    // If all slices were in one page, the connection would be lost before their memory is measured.
    await client.query('set local idle_in_transaction_session_timeout = 0');
    const taken = await takeForBook(client, campaign.campaignId);
    ok(taken);
    const atFirst = usedBytes();
    const book = await LedgerBook.open(client, taken, TEST_SALT_SECRET);
    const read = { slices: 0, items: 0, entries: 0 };
    let most = 0;
    for await (const { items = [] } of book.slices()) {
      if (read.slices % LOOK_EVERY === 0) most = Math.max(most, usedBytes() - atFirst);
      read.slices += 1;
      read.items += items.length;
    }
    for await (const _ of book.entries()) {
      if (read.entries % LOOK_EVERY === 0) most = Math.max(most, usedBytes() - atFirst);
      read.entries += 1;
    }
    t.diagnostic(`at most ${(most / 1e6).toFixed(1)} MB for ${read.items} items`);
    equal(read.slices, SLICES);
    equal(read.items, SLICES * ITEMS_A_SLICE);
    equal(read.entries, ENTRIES);
    ok(most < MOST_BYTES, `a book of ${read.items} items took ${most} bytes of memory`);
  });
});
