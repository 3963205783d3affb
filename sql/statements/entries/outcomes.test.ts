import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { testDatabase } from '../../../engine/test/support.ts';
import { openPool } from '../../database.ts';
import { createCampaign } from '../campaigns/campaigns.ts';
import { listOutcomes, OUTCOMES, readTotals, streamOutcomes } from './outcomes.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
after(async () => {
  await pool.end();
  await database.drop();
});

const COUNT = 5_000;

/** Entries with every possible outcome, at random, including withdrawals that were refused or are undecided. */
async function makeOutcomes(kind: 'coupon' | 'raffle'): Promise<number> {
  const { campaignId } = await createCampaign(pool, {
    kind,
    title: 'x',
    stock: 1_000,
    opensAt: new Date('2030-01-01Z'),
    closesAt: new Date('2030-01-02Z'),
  });
  await pool.query(
    `insert into entries select $1, 'user-' || n, n * 1024 from generate_series(1, $2::integer) n`,
    [campaignId, COUNT],
  );
  await pool.query(
    `insert into grants select campaign_id, row_number() over (order by stamp), user_id, $1 || campaign_id || user_id
       from entries where campaign_id = $2 and stamp < $3::bigint * 400 and random() < 0.2`,
    [kind, campaignId, COUNT],
  );
  await pool.query(
    `insert into withdrawals
     select campaign_id, user_id, stamp, honoured, case when honoured then row_number() over () end
       from (select e.*, (array[true, false, null])[1 + floor(random() * 3)] as honoured
               from entries e left join grants g using (campaign_id, user_id)
              where campaign_id = $1 and g.serial is null and random() < 0.1) e`,
    [campaignId],
  );
  await pool.query(
    `update campaigns set settled_stamp = $2::bigint * 800, settled_count = $2, granted_count = 10
      where campaign_id = $1`,
    [campaignId, COUNT],
  );
  return campaignId;
}

for (const kind of ['coupon', 'raffle'] as const) {
  describe(`outcomes of a ${kind}`, () => {
    it('stream in stamp order, each entry once, with one outcome', async () => {
      const campaignId = await makeOutcomes(kind);
      const stamps: number[] = [];
      for await (const chunk of streamOutcomes(pool, campaignId)) {
        stamps.push(...chunk.map(entry => entry.stamp));
      }
      assert.deepEqual(
        stamps,
        Array.from({ length: COUNT }, (_, index) => (index + 1) * 1024),
      );
      assert.equal(pool.idleCount, pool.totalCount);
    });

    it('are counted as listed', async () => {
      const campaignId = await makeOutcomes(kind);
      const counts = new Map<string, number>();
      for (const outcome of OUTCOMES) {
        const page = { campaignId, after: -1, limit: COUNT };
        const listed = await listOutcomes(pool, { ...page, outcome });
        const all = await listOutcomes(pool, page);
        assert.deepEqual(
          listed,
          all.filter(entry => entry.outcome === outcome),
        );
        counts.set(outcome, listed.length);
      }
      const [granted, lost] = kind === 'coupon' ? ['granted', 'sold_out'] : ['won', 'not_drawn'];
      assert.deepEqual(await readTotals(pool, campaignId), {
        kind,
        entries: COUNT,
        granted: counts.get(granted),
        hasClaims: false,
        waitlisted: 0,
        offered: 0,
        lapsed: 0,
        declined: 0,
        withdrawn: counts.get('withdrawn'),
        waiting: counts.get('waiting'),
        cancelled: 0,
        lost: counts.get(lost),
        deadLetters: 0,
      });
      for (const outcome of [granted, lost, 'withdrawn', 'waiting']) assert.ok(counts.get(outcome), outcome);
    });
  });
}

describe('a stream of outcomes', () => {
  it('sees one snapshot, whatever is settled meanwhile', async () => {
    const campaignId = await makeOutcomes('coupon');
    const outcomes = new Map<string, number>();
    for await (const chunk of streamOutcomes(pool, campaignId)) {
      await pool.query('update campaigns set settled_stamp = 9000000 where campaign_id = $1', [campaignId]);
      await pool.query(`insert into entries values ($1, 'late', 8000000) on conflict do nothing`, [
        campaignId,
      ]);
      for (const { outcome } of chunk) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    assert.equal(
      [...outcomes.values()].reduce((sum, count) => sum + count, 0),
      COUNT,
    );
    assert.ok((outcomes.get('waiting') ?? 0) > 0);
    assert.equal((await readTotals(pool, campaignId))?.waiting, 0);
  });

  it('releases its connection when abandoned halfway', async () => {
    const campaignId = await makeOutcomes('coupon');
    for (let count = 0; count < 5; count++) {
      for await (const chunk of streamOutcomes(pool, campaignId)) {
        assert.ok(chunk.length > 0);
        break;
      }
    }
    assert.equal(pool.idleCount, pool.totalCount);
  });

  it('is empty without entries', async () => {
    for await (const _ of streamOutcomes(pool, 999_999)) assert.fail('a chunk of nothing');
    assert.equal(await readTotals(pool, 999_999), undefined);
  });
});
