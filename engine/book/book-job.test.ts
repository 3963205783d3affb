/** Books that cannot be made for now hold up no other, and a stop waits for none. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pino from 'pino';
import { type Campaign, createCampaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { announcementOf } from '../campaigns/announce.ts';
import { KeyRing } from '../contract/keys/key-ring.ts';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { ITEM_ENTRY } from '../contract/record/record.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import { BookJob } from './book-job.ts';
import { Incarnation } from './testing/incarnation.ts';

const keys = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: newPrivateKey() }, pino({ level: 'silent' }));
const RUNNING = new AbortController().signal;
const INCARNATION = 5_000_001;

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(async () => {
  await ledger.close();
});

/** A job of its own, with what it logs, without debug. */
function makeJob(): { readonly job: BookJob; readonly said: Record<string, unknown>[] } {
  const said: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => said.push(JSON.parse(line)) });
  return { job: new BookJob({ pool: ledger.pool, keys, saltSecret: TEST_SALT_SECRET, log }), said };
}

let year = 2030;

/** A finished campaign with one entry, whose slice is in the time of no other campaign. */
async function finished(): Promise<Campaign> {
  year += 1;
  const opensAt = new Date(Date.UTC(year, 0));
  const terms = {
    title: 'test',
    stock: 1,
    opensAt,
    closesAt: new Date(opensAt.getTime() + WINDOW_US / 1_000),
  };
  const campaign = await createCampaign(ledger.pool, { kind: 'coupon', ...terms }, id =>
    announcementOf(testRandomness(), id, terms, undefined),
  );
  const which = { gateway: 0, incarnation: INCARNATION + year, opensAtUs: opensAtUs(campaign) };
  await new Incarnation({ pool: ledger.pool, keys, ...which }).slice([
    ITEM_ENTRY,
    campaign.campaignId,
    'user-1',
    1,
  ]);
  await ledger.enter(campaign, 1);
  await ledger.settle(campaign, WINDOW_US + 1);
  return campaign;
}

async function hasBook({ campaignId }: Campaign): Promise<boolean> {
  const { rows } = await ledger.pool.query('select from books where campaign_id = $1 and bytes > 0', [
    campaignId,
  ]);
  return rows.length > 0;
}

/** Runs `work` while no part of a book can be written; `hanging` resolves with the connection that waits to write one. */
async function whileNoPartIsWritten(work: (hanging: () => Promise<number>) => Promise<void>): Promise<void> {
  const holder = await ledger.pool.connect();
  try {
    await holder.query('begin; lock table book_parts in share mode');
    await work(() =>
      eventually(async () => {
        const { rows } = await ledger.pool.query<{ pid: number }>(
          `select pid from pg_locks where relation = 'book_parts'::regclass and not granted`,
        );
        return rows[0]?.pid;
      }),
    );
    await holder.query('rollback');
  } finally {
    holder.release();
  }
}

test('one that fails holds up no other, is told of, and is made once its cause is gone', async () => {
  const failing = await finished();
  const slices = `slices where incarnation = ${INCARNATION + year}`;
  const { rows } = await ledger.pool.query<{ items: Buffer }>(`select items from ${slices}`);
  await ledger.pool.query(`update ${slices.replace('where', 'set items = null where')}`);
  const fine = await finished();
  const { job, said } = makeJob();
  await job.makeDue(RUNNING);
  deepEqual([await hasBook(failing), await hasBook(fine)], [false, true]);
  deepEqual([...job.failing], [[failing.campaignId, 1]]);
  const [first] = said;
  equal(first?.campaignId, failing.campaignId);
  equal(first?.level, 50);
  match(JSON.stringify(first), /a book could not be made; retrying.*were archived|were archived.*retrying/);
  await eventually(async () => {
    await job.makeDue(RUNNING);
    return job.failing.get(failing.campaignId) === 2;
  });
  equal(said.filter(({ level }) => level === 50).length, 1, 'a reason is told once');
  await ledger.pool.query(`update ${slices.replace('where', 'set items = $1 where')}`, [rows[0]?.items]);
  await eventually(async () => {
    await job.makeDue(RUNNING);
    return await hasBook(failing);
  });
  deepEqual([...job.failing], []);
});

test('a lost connection ends the round; the book during which it was lost comes last in the next one', async () => {
  const [first, second] = [await finished(), await finished()];
  const { job, said } = makeJob();
  await whileNoPartIsWritten(async hanging => {
    const round = job.makeDue(RUNNING);
    await ledger.pool.query('select pg_terminate_backend($1)', [await hanging()]);
    await round;
  });
  deepEqual([await hasBook(first), await hasBook(second)], [false, false]);
  deepEqual(
    said.map(({ level, campaignId }) => [level, campaignId]),
    [[40, first.campaignId]],
  );
  await eventually(async () => {
    await job.makeDue(RUNNING);
    return await hasBook(first);
  });
  deepEqual(
    said.slice(1).map(({ msg, campaignId }) => [msg, campaignId]),
    [second, first].map(({ campaignId }) => ['book created', campaignId]),
  );
});

test('a stop ends the statement under way; nothing of the book is left, and another engine makes it', async () => {
  const campaign = await finished();
  const { job } = makeJob();
  const stopping = new AbortController();
  await whileNoPartIsWritten(async hanging => {
    const round = job.makeDue(stopping.signal);
    await hanging();
    stopping.abort();
    await round;
  });
  deepEqual([...job.failing], []);
  const { rows } = await ledger.pool.query('select from book_parts where campaign_id = $1', [
    campaign.campaignId,
  ]);
  deepEqual(rows, []);
  await makeJob().job.makeDue(RUNNING);
  equal(await hasBook(campaign), true);
});
