/** An engine that makes large books: it goes on settling, it can be stopped, and a book that fails shows in its metrics. */
import { equal, match } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newPrivateKey } from '../contract/keys/signing-keys.ts';
import { eventually } from '../test/support.ts';
import { type System, startSystem } from '../test/system.ts';
import { fillLedger } from './testing/many-slices.ts';

const SECRETS = { RECEIPT_SALT_SECRET: 'a secret of salts, for tests only', SIGNING_KEY: newPrivateKey() };
/** So many items that a book takes much longer than to decide an entry, on any machine. */
const SLICES = 2_000;
const ITEMS_A_SLICE = 150;
/** For machines that are busy with other suites. */
const LONG = { timeoutMs: 120_000 };

describe('an engine that makes large books', () => {
  let system: System;
  let open: number;
  let others: readonly [number, number, number];

  before(async () => {
    system = await startSystem({ log: 'redis', engineEnv: SECRETS, gatewayEnv: SECRETS });
    const offer = (): Promise<number> => system.offer({ kind: 'coupon', stock: 5 });
    open = await offer();
    others = [await offer(), await offer(), await offer()];
    const { rows } = await system.pool.query<{ opensAt: Date }>(
      'select opens_at as "opensAt" from campaigns where campaign_id = $1',
      [others[2]],
    );
    await fillLedger(system.pool, {
      signingKey: SECRETS.SIGNING_KEY,
      saltSecret: SECRETS.RECEIPT_SALT_SECRET,
      campaign: others[2],
      otherCampaign: open,
      opensAtUs: (rows[0]?.opensAt.getTime() ?? 0) * 1_000,
      slices: SLICES,
      itemsASlice: ITEMS_A_SLICE,
      entries: 100,
    });
  });
  after(() => system?.close());

  const close = async (campaign: number): Promise<void> => {
    const { status, text } = await system.operate('POST', `/v1/campaigns/${campaign}/close`);
    equal(status, 200, text);
  };

  /** Resolves once an engine has taken the campaign to make its book. */
  const making = (campaign: number): Promise<unknown> =>
    eventually(async () => {
      const { rows } = await system.pool.query(
        `select from pg_locks where locktype = 'advisory' and objid = $1 and objsubid = 2
            and classid = (hashtext('fairline book')::bigint & 4294967295)::oid
            and database = (select oid from pg_database where datname = current_database())`,
        [campaign],
      );
      return rows.length > 0;
    }, LONG);

  /** What a user has, and at the same moment whether the campaign has its book. */
  const look = async (userId: string, campaign: number) => {
    const { rows } = await system.pool.query<{ outcome: string | null; hasBook: boolean }>(
      `select (select outcome from entry_outcomes where campaign_id = $1 and user_id = $2) as outcome,
              exists (select from books where campaign_id = $3) as "hasBook"`,
      [open, userId, campaign],
    );
    return rows[0];
  };

  test('entries of another campaign are decided before the book is there', async () => {
    const [campaign] = others;
    await close(campaign);
    await making(campaign);
    equal((await system.enter('ann', open)).status, 202);
    const { hasBook } = await eventually(async () => {
      const now = await look('ann', campaign);
      return now?.outcome === 'granted' && now;
    }, LONG);
    equal(hasBook, false);
    await eventually(async () => (await look('ann', campaign))?.hasBook, LONG);
  });

  test('a stop waits for no book; the next engine makes it', async () => {
    const [, campaign] = others;
    await close(campaign);
    await making(campaign);
    equal(await system.engine.process.stop(), 0, system.engine.process.output());
    equal((await look('ann', campaign))?.hasBook, false);
    system.engine = await system.startEngine();
    await eventually(async () => (await look('ann', campaign))?.hasBook, LONG);
  });

  test('one that fails shows in the metrics until it is made', async () => {
    const [, , campaign] = others;
    const first = 'gateway = 1000 and slice_number = 1';
    const { rows } = await system.pool.query<{ items: Buffer }>(`select items from slices where ${first}`);
    await system.pool.query(`update slices set items = null where ${first}`);
    await close(campaign);
    const failures = new RegExp(`^fairline_book_failures\\{campaign="${campaign}"\\} [1-9]`, 'm');
    const metrics = async (): Promise<string> => (await fetch(`${system.engine.url}/metrics`)).text();
    await eventually(async () => failures.test(await metrics()), LONG);
    match(system.engine.process.output(), /were archived.*a book could not be made; retrying/);
    await system.pool.query(`update slices set items = $1 where ${first}`, [rows[0]?.items]);
    await eventually(async () => (await look('ann', campaign))?.hasBook, LONG);
    await eventually(async () => !failures.test(await metrics()));
  });
});
