import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { testDatabase } from '../../../engine/test/support.ts';
import { openPool, type Queryable, transaction } from '../../database.ts';
import { createCampaign, getCampaign } from '../campaigns/campaigns.ts';
import { insertGrants } from '../entries/grants.ts';
import { closePool, listUnannounced, saveAnnouncement, saveFrozen, saveRevealed } from './draws.ts';
import { saveTerms } from './entrant-terms.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
after(async () => {
  await pool.end();
  await database.drop();
});

const RULES = '{"draw":{"alternates":0},"title":"Déjà vu 🎟"}';
const rules = { rules: RULES, nonce: Buffer.alloc(32, 1) };

async function raffle(announced = true): Promise<number> {
  const { campaignId } = await createCampaign(
    pool,
    {
      kind: 'raffle',
      title: 'A bicycle',
      stock: 3,
      opensAt: new Date('2030-01-01Z'),
      closesAt: new Date('2030-01-02Z'),
    },
    () => (announced ? rules : undefined),
  );
  return campaignId;
}

/** Closes the pool and freezes it with its hash. */
async function freeze(db: Queryable, campaignId: number): Promise<void> {
  await closePool(db, campaignId, 0);
  await saveFrozen(db, campaignId, frozen);
}

async function change(campaignId: number, what: string): Promise<void> {
  await pool.query(`update campaigns set ${what} where campaign_id = $1`, [campaignId]);
}

/** Bypasses the triggers, because no campaign closes this soon. */
async function unguarded(campaignId: number, what: string): Promise<void> {
  await transaction(pool, async client => {
    await client.query('set local session_replication_role = replica');
    await client.query(`update campaigns set ${what} where campaign_id = $1`, [campaignId]);
  });
}

/** Ann's terms are stored already. */
async function assertKept(campaignId: number, what: string): Promise<void> {
  const terms = { userId: 'bob', tickets: 3, group: null, excluded: null };
  assert.equal(await saveTerms(pool, campaignId, [terms]), 'closed', what);
  for (const direct of [
    `insert into entrant_terms values ($1, 'bob', 5, null, null)`,
    'update entrant_terms set tickets = 9 where campaign_id = $1',
    'delete from entrant_terms where campaign_id = $1',
  ]) {
    await assert.rejects(pool.query(direct, [campaignId]), { constraint: 'entrant_terms_frozen' }, what);
  }
}

const bytes = (byte: string): string => `'\\x${byte.repeat(32)}'`;
const frozen = { poolCount: 0, poolRoot: Buffer.alloc(32, 3) };
const revealed = {
  source: 'commit',
  randomness: Buffer.alloc(32, 4),
  signature: null,
  round: null,
  seed: Buffer.alloc(32, 5),
} as const;

describe('the announcement of a campaign', () => {
  it('is created for the assigned id, and hashed by the ledger', async () => {
    const ids: number[] = [];
    const made = await createCampaign(
      pool,
      {
        kind: 'coupon',
        title: 'x',
        stock: 1,
        opensAt: new Date('2030-01-01Z'),
        closesAt: new Date('2030-01-02Z'),
      },
      id => {
        ids.push(id);
        return rules;
      },
    );
    assert.deepEqual(ids, [made.campaignId]);
    assert.deepEqual(made.rulesHash, createHash('sha256').update(RULES, 'utf8').digest());
    assert.deepEqual(made.draw, { alternates: 0 });
  });

  it('happens once and never changes, with or without entries', async () => {
    const campaignId = await raffle(false);
    assert.ok((await listUnannounced(pool)).some(each => each.campaignId === campaignId));
    assert.equal(await saveAnnouncement(pool, campaignId, rules), true);
    assert.ok(!(await listUnannounced(pool)).some(each => each.campaignId === campaignId));
    assert.equal(await saveAnnouncement(pool, campaignId, { ...rules, rules: '{}' }), false);
    for (const what of [`rules = '{}'`, 'rules = null', `nonce = ${bytes('09')}`, 'nonce = null']) {
      await assert.rejects(change(campaignId, what), { constraint: 'campaigns_rules_once' }, what);
    }
    for (const what of ['places = 4', `title = 'A car'`, `kind = 'coupon'`]) {
      await assert.rejects(change(campaignId, what), { constraint: 'campaigns_rules' }, what);
    }
    await assert.rejects(change(campaignId, `rules_hash = ${bytes('00')}`), /can only be updated to DEFAULT/);
  });

  it('may be added later to campaigns created without one, despite entries', async () => {
    const campaignId = await raffle(false);
    await pool.query(`insert into entries values ($1, 'ann', 1)`, [campaignId]);
    assert.equal(await saveAnnouncement(pool, campaignId, rules), true);
    assert.ok((await getCampaign(pool, campaignId))?.rulesHash);
  });
});

describe('the course of a draw', () => {
  it('goes from rules to pool to seed, once each', async () => {
    const unannounced = await raffle(false);
    await freeze(pool, unannounced);
    await assert.rejects(saveRevealed(pool, unannounced, revealed), { constraint: 'campaigns_revealed' });
    const campaignId = await raffle();
    await assert.rejects(saveRevealed(pool, campaignId, revealed), { constraint: 'campaigns_revealed' });
    await assert.rejects(change(campaignId, `seed = ${bytes('00')}, seed_source = 'guessed'`), {
      constraint: 'campaigns_seed_revealed',
    });
    await freeze(pool, campaignId);
    for (const what of [
      `pool_root = ${bytes('00')}`,
      'frozen_count = 7',
      `frozen_at = now() + interval '1 s'`,
    ]) {
      await assert.rejects(change(campaignId, what), { constraint: 'campaigns_pool_once' }, what);
    }
    assert.equal(await saveRevealed(pool, campaignId, revealed), true);
    assert.equal(await saveRevealed(pool, campaignId, revealed), false);
    for (const what of [
      `seed = ${bytes('00')}`,
      `randomness = ${bytes('00')}`,
      `seed_source = 'local'`,
      `signature = '\\x${'00'.repeat(48)}'`,
      'seed = null, seed_source = null, randomness = null',
    ]) {
      await assert.rejects(change(campaignId, what), { constraint: 'campaigns_seed_once' }, what);
    }
  });

  it('keeps entrant terms until the freeze, which waits for terms being written', async () => {
    const campaignId = await raffle();
    const terms = { userId: 'ann', tickets: 2, group: null, excluded: null };
    const client = await pool.connect();
    await client.query('begin');
    await client.query('insert into entrant_terms values ($1, $2, 5, null, null)', [campaignId, 'bob']);
    const order: string[] = [];
    const freezing = freeze(pool, campaignId).then(() => order.push('frozen'));
    // The freeze waits for its lock once the server says so.
    for (let waiting = 0; waiting === 0; ) {
      const { rows } = await pool.query(
        `select count(*)::integer as waiting from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`,
      );
      waiting = rows[0].waiting;
    }
    order.push('written');
    await client.query('commit');
    client.release();
    await freezing;
    assert.deepEqual(order, ['written', 'frozen']);
    assert.equal(await saveTerms(pool, campaignId, [terms]), 'closed');
    assert.equal(await saveTerms(pool, 999_999, [terms]), 'unknown');
    const { rows } = await pool.query('select user_id from entrant_terms where campaign_id = $1', [
      campaignId,
    ]);
    assert.deepEqual(rows, [{ user_id: 'bob' }]);
  });

  it('locks entrant terms once a close, an early close or the watermark has passed, frozen or not', async () => {
    const terms = { userId: 'ann', tickets: 2, group: null, excluded: null };
    const closed = `opens_at = now() - interval '2 s', closes_at = now() - interval '1 s'`;
    const closing = `opens_at = now() - interval '2 s', closing_at = now() - interval '1 s', closes_at = now() + interval '1 h'`;
    for (const what of [closed, closing]) {
      const campaignId = await raffle(false);
      assert.equal(await saveTerms(pool, campaignId, [terms]), 'saved');
      await unguarded(campaignId, what);
      await assertKept(campaignId, what);
    }
    const behind = await raffle(false);
    assert.equal(await saveTerms(pool, behind, [terms]), 'saved');
    await pool.query(
      `update watermarks set watermark_us =
         (select extract(epoch from closes_at) * 1000000 from campaigns where campaign_id = $1)`,
      [behind],
    );
    await assertKept(behind, 'the watermark has passed it');
    await pool.query('update watermarks set watermark_us = 0');
  });

  it('locks terms also for a transaction that began before the close', async () => {
    const campaignId = await raffle(false);
    const late = transaction(pool, async client => {
      await client.query('select now()');
      await unguarded(campaignId, `opens_at = now() - interval '1 s', closes_at = clock_timestamp()`);
      await client.query('insert into entrant_terms values ($1, $2, 5, null, null)', [campaignId, 'bob']);
    });
    await assert.rejects(late, { constraint: 'entrant_terms_frozen' });
  });

  it('records the freeze by the current clock, and keeps the round drawn with', async () => {
    const campaignId = await raffle();
    const rows = await transaction(pool, async client => {
      await client.query('select pg_sleep(0.01)');
      await freeze(client, campaignId);
      const found = await client.query<{ later: boolean }>(
        'select frozen_at > now() as later from campaigns where campaign_id = $1',
        [campaignId],
      );
      return found.rows;
    });
    assert.deepEqual(rows, [{ later: true }]);
    await assert.rejects(change(campaignId, 'drand_round = 5'), { constraint: 'campaigns_drand_round' });
    assert.equal(await saveRevealed(pool, campaignId, revealed), true);
    await assert.rejects(change(campaignId, 'drand_round = 5'), { constraint: 'campaigns_round_once' });
  });

  it('gives each winner a tier, and coupons none', async () => {
    const campaignId = await raffle();
    await pool.query(`insert into entries values ($1, 'ann', 1), ($1, 'bob', 2)`, [campaignId]);
    await insertGrants(pool, campaignId, [
      { serial: 1, userId: 'ann', code: `a-${campaignId}`, tier: 0 },
      { serial: 2, userId: 'bob', code: `b-${campaignId}` },
    ]);
    const { rows } = await pool.query('select tier from grants where campaign_id = $1 order by serial', [
      campaignId,
    ]);
    assert.deepEqual(rows, [{ tier: 0 }, { tier: null }]);
  });
});
