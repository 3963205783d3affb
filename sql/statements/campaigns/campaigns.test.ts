import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { testDatabase } from '../../../engine/test/support.ts';
import { openPool } from '../../database.ts';
import {
  beginClose,
  type Campaign,
  completeClose,
  createCampaign,
  getCampaign,
  listCampaigns,
  listUntold,
} from './campaigns.ts';
import { NEW_ROW } from './new-row.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
after(async () => {
  await pool.end();
  await database.drop();
});

const opensAt = new Date('2030-01-01T00:00:00.001Z');
const closesAt = new Date('2030-01-02T00:00:00.002Z');

function instant(ms: number): Date {
  return new Date(opensAt.getTime() + ms);
}

async function create(): Promise<Campaign> {
  return await createCampaign(pool, { kind: 'raffle', title: 'A bicycle', stock: 3, opensAt, closesAt });
}

async function read(campaignId: number): Promise<Campaign | undefined> {
  return await getCampaign(pool, campaignId);
}

async function change(campaignId: number, what: string): Promise<void> {
  await pool.query(`update campaigns set ${what} where campaign_id = $1`, [campaignId]);
}

async function withEntry(): Promise<number> {
  const { campaignId } = await create();
  await pool.query(`insert into entries values ($1, 'ann', 1)`, [campaignId]);
  return campaignId;
}

function violates(constraint: string): { readonly code: string; readonly constraint: string } {
  return { code: '23514', constraint };
}

describe('campaigns', () => {
  it('are read as created', async () => {
    const { campaignId, createdAt, ...campaign } = await create();
    assert.ok(createdAt instanceof Date);
    assert.deepEqual(campaign, {
      ...NEW_ROW,
      kind: 'raffle',
      title: 'A bicycle',
      stock: 3,
      opensAt,
      closesAt,
    });
    assert.deepEqual(await read(campaignId), { campaignId, createdAt, ...campaign });
    assert.equal(await read(2 ** 31), undefined);
    assert.deepEqual(await listCampaigns(pool, { after: 2 ** 31, limit: 1 }), []);
    const listed = await listCampaigns(pool, { after: campaignId - 1, limit: 1 });
    assert.deepEqual(
      listed.map(each => each.campaignId),
      [campaignId],
    );
  });

  it('reject invalid rules', async () => {
    const right = { kind: 'coupon', title: 'x', stock: 1, opensAt, closesAt } as const;
    const day = 86_400_000;
    for (const [wrong, constraint] of [
      [{ stock: 0 }, 'campaigns_places_check'],
      [{ stock: 10_000_001 }, 'campaigns_places_check'],
      [{ title: '' }, 'campaigns_title_check'],
      [{ closesAt: opensAt }, 'campaigns_window'],
      [{ closesAt: instant(100 * day + 1) }, 'campaigns_window'],
      [{ opensAt: new Date('2199-12-31Z'), closesAt: new Date('2200-01-01Z') }, 'campaigns_exact'],
    ] as const) {
      await assert.rejects(createCampaign(pool, { ...right, ...wrong }), violates(constraint));
    }
    await createCampaign(pool, { ...right, closesAt: instant(100 * day) });
  });

  it('keep their rules once they have entries', async () => {
    const campaignId = await withEntry();
    for (const what of [
      `kind = 'coupon'`,
      `title = 'A car'`,
      'places = 4',
      `opens_at = opens_at + interval '1 second'`,
      `created_at = created_at + interval '1 second'`,
    ]) {
      await assert.rejects(change(campaignId, what), violates('campaigns_rules'), what);
    }
    const { campaignId: unused } = await create();
    await change(unused, 'places = 4');
    assert.equal((await read(unused))?.revision, 2);
  });

  it('cannot be deleted, and stay settled', async () => {
    const campaignId = await withEntry();
    await assert.rejects(
      pool.query('delete from campaigns where campaign_id = $1', [campaignId]),
      violates('campaigns_keep'),
    );
    await change(campaignId, 'settled_stamp = 5, settled_count = 2, granted_count = 2');
    await assert.rejects(change(campaignId, 'settled_stamp = 4'), violates('campaigns_forward'));
    await assert.rejects(change(campaignId, 'granted_count = 1'), violates('campaigns_forward'));
    await assert.rejects(
      change(campaignId, 'granted_count = 4, settled_count = 4'),
      violates('campaigns_granted'),
    );
  });

  it('close in two steps, each once', async () => {
    const { campaignId } = await create();
    assert.equal(await completeClose(pool, campaignId, instant(1)), undefined, 'nothing has begun');
    assert.equal(await beginClose(pool, campaignId, opensAt), undefined, 'not open by that time');
    assert.equal(await beginClose(pool, campaignId, closesAt), undefined, 'closes by itself');
    const begun = await beginClose(pool, campaignId, instant(1_000));
    assert.deepEqual(begun?.closingAt, instant(1_000));
    assert.deepEqual(begun?.closesAt, closesAt);
    assert.equal(await beginClose(pool, campaignId, instant(2_000)), undefined, 'begun before');
    assert.deepEqual(
      (await listUntold(pool)).map(each => each.campaignId),
      [campaignId],
    );
    const completed = await completeClose(pool, campaignId, instant(500));
    assert.deepEqual(completed?.closesAt, instant(1_000), 'not below closing_at');
    assert.equal(await completeClose(pool, campaignId, instant(2_000)), undefined, 'completed before');
    assert.deepEqual(await listUntold(pool), []);
    await assert.rejects(
      change(campaignId, `closing_at = closing_at - interval '1 ms'`),
      violates('campaigns_closing_once'),
    );
  });

  it('close in the ledger once every gateway must know, if that is later', async () => {
    const { campaignId } = await create();
    await beginClose(pool, campaignId, instant(1_000));
    const completed = await completeClose(pool, campaignId, instant(3_000));
    assert.deepEqual(completed?.closesAt, instant(3_000));
    assert.equal(await completeClose(pool, campaignId, instant(4_000)), undefined);
    await change(campaignId, 'frozen_at = now()');
    assert.deepEqual(await listUntold(pool), []);
    assert.equal(await completeClose(pool, campaignId, instant(2_000)), undefined);
    await assert.rejects(
      change(campaignId, `closes_at = closes_at - interval '1 ms'`),
      violates('campaigns_closed'),
    );
  });
});
