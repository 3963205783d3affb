import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestLedger, WINDOW_US } from '../../../engine/test/settling.ts';
import { insertBook, refuseBook } from '../books/books.ts';
import { listForShelf, markRanks, readShelvedStandings, shelveCampaign } from './shelving.ts';

/** As in shelving.ts. */
const ENTRIES_A_MARK = 1_024;
/** Selects every finished campaign, however the two clocks differ. */
const AT_ONCE_MS = -1_000_000;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

test('marks ranks over several transactions, and counts from the marks', async () => {
  const count = 3 * ENTRIES_A_MARK + 1;
  const campaign = await ledger.campaign('coupon', 1);
  const { campaignId } = campaign;
  await ledger.enter(campaign, ...Array.from({ length: count }, (_, index) => 3 * index + 5));
  await ledger.settle(campaign, WINDOW_US);
  const marks = async (): Promise<readonly unknown[]> => {
    const text = 'select rank from rank_marks where campaign_id = $1 order by stamp';
    return (await ledger.pool.query<{ rank: number }>(text, [campaignId])).rows.map(({ rank }) => rank);
  };
  const made: (readonly unknown[])[] = [];
  do made.push(await marks());
  while (await markRanks(ledger.pool, campaignId, 1));
  deepEqual(made.at(-1), [0, ENTRIES_A_MARK, 2 * ENTRIES_A_MARK, 3 * ENTRIES_A_MARK]);
  equal(made.length, 4);
  ok(await shelveCampaign(ledger.pool, campaignId, AT_ONCE_MS));
  equal(await shelveCampaign(ledger.pool, campaignId, AT_ONCE_MS), false);
  for (const rank of [0, 1, 1_023, 1_024, 1_025, 3_071, count - 1]) {
    const [standing] = await readShelvedStandings(ledger.pool, campaignId, [`user-${3 * rank + 5}`]);
    equal(standing?.rank, rank);
  }
});

for (const [what, decide] of [
  ['is made', (id: number) => insertBook(ledger.pool, id, 1)],
  ['is refused', (id: number) => refuseBook(ledger.pool, id, 'an entry is in no signed slice')],
] as const) {
  test(`an announced campaign stays in Redis until its book ${what}`, async () => {
    const campaign = await ledger.claimed(1, { withinS: 60, waitlist: 1 });
    const { campaignId } = campaign;
    const isDue = async (): Promise<boolean> =>
      (await listForShelf(ledger.pool, AT_ONCE_MS, 100)).includes(campaignId);
    await ledger.settle(campaign, WINDOW_US);
    ok((await ledger.read(campaign)).finishedAt);
    equal(await isDue(), false);
    equal(await shelveCampaign(ledger.pool, campaignId, AT_ONCE_MS), false);
    await decide(campaignId);
    equal(await isDue(), true);
    equal(await shelveCampaign(ledger.pool, campaignId, AT_ONCE_MS), true);
  });
}
