import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../engine/test/support.ts';
import { openPool } from '../../database.ts';
import {
  effectVersion,
  listPending,
  listVersions,
  type NewVersion,
  proposeVersion,
  readVersion,
  refuseVersion,
  saveVersion,
  type Target,
  targetOf,
  type Version,
} from './campaign-versions.ts';
import { type Campaign, createCampaign, getCampaign, type Stage } from './campaigns.ts';
import { saveSettled } from './settling.ts';

const database = await testDatabase();
const pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
after(async () => {
  await pool.end();
  await database.drop();
});

const HOUR = 3_600_000;
const later = (ms: number): Date => new Date(Date.now() + ms);

async function create(changes: Partial<Parameters<typeof createCampaign>[1]> = {}): Promise<Campaign> {
  const window = { opensAt: later(HOUR), closesAt: later(2 * HOUR) };
  return await createCampaign(pool, { kind: 'coupon', title: 'x', stock: 3, ...window, ...changes });
}

async function read(campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(pool, campaignId);
  assert.ok(campaign);
  return campaign;
}

function wanted(campaign: Campaign, change: Partial<Target>): NewVersion {
  const { campaignId, version } = campaign;
  const target = { ...targetOf(campaign), ...change };
  return {
    campaignId,
    action: target.stage === 'cancelled' ? 'cancel' : 'edit',
    baseVersion: version,
    target,
    askedBy: 'Ada',
    reason: 'why not',
    decideBy: null,
  };
}

async function ask(campaign: Campaign, change: Partial<Target>): Promise<Version> {
  const proposed = await proposeVersion(pool, wanted(campaign, change));
  assert.ok(proposed?.pending);
  const version = await readVersion(pool, campaign.campaignId, proposed.pending.version);
  assert.ok(version);
  return version;
}

const confirmed = {
  knownBy: later(0),
  neverOpens: false,
  isStillSo: async () => true,
  withinMs: 1_000,
};
async function effect(version: Version): Promise<Version> {
  return await effectVersion(
    pool,
    version,
    confirmed,
    () => undefined,
    () => undefined,
  );
}

/** Brings a campaign into a stage by the usual way. */
async function inStage(stage: Stage | 'finished'): Promise<Campaign> {
  if (stage === 'draft') return await create({ stage: 'draft' });
  const made = await create();
  const { campaignId } = made;
  if (stage === 'scheduled') return made;
  if (stage === 'cancelled') {
    await effectVersion(
      pool,
      await ask(made, { stage }),
      { ...confirmed, neverOpens: true },
      () => undefined,
      () => undefined,
    );
    return await read(campaignId);
  }
  await saveSettled(
    pool,
    campaignId,
    { settledStamp: 5, settledCount: 0, grantedCount: 0, goneCount: 0 },
    true,
  );
  const finished = await read(campaignId);
  if (stage === 'finished') return finished;
  const archived = await saveVersion(pool, wanted(finished, { stage: 'archived' }), undefined);
  assert.ok(archived);
  return archived;
}

function violates(constraint: string): { readonly code: string; readonly constraint: string } {
  return { code: '23514', constraint };
}

describe('campaign versions', () => {
  it('start with the created campaign', async () => {
    const { campaignId } = await create({ madeBy: 'Grace', timeZone: 'Europe/Berlin' });
    const [first, ...rest] = await listVersions(pool, campaignId, { after: 0, limit: 10 });
    assert.deepEqual(rest, []);
    assert.deepEqual(
      [first?.version, first?.action, first?.state, first?.askedBy, first?.timeZone],
      [1, 'make', 'effective', 'Grace', 'Europe/Berlin'],
    );
  });

  it('stay pending until decided, and only then change the campaign', async () => {
    const campaign = await create();
    const opensAt = later(1.5 * HOUR);
    const proposed = await ask(campaign, { opensAt });
    const between = await read(campaign.campaignId);
    assert.deepEqual([between.opensAt, between.version], [campaign.opensAt, 1]);
    assert.equal(between.pending?.opensAtUs, opensAt.getTime() * 1000);
    assert.ok((await listPending(pool)).some(({ campaignId }) => campaignId === campaign.campaignId));
    const decided = await effect(proposed);
    assert.equal(decided.state, 'effective');
    const changed = await read(campaign.campaignId);
    assert.deepEqual([changed.opensAt, changed.version, changed.pending], [opensAt, 2, null]);
    assert.deepEqual(await effect(proposed), decided, 'once');
    assert.equal((await refuseVersion(pool, proposed, 'changed', 'late')).state, 'effective');
  });

  it('leave the campaign unchanged when refused', async () => {
    const campaign = await create();
    const proposed = await ask(campaign, { paused: true });
    const refused = await refuseVersion(pool, proposed, 'gateway_silent', '3 does not answer');
    assert.deepEqual(
      [refused.state, refused.refused, refused.refusal],
      ['refused', 'gateway_silent', '3 does not answer'],
    );
    const { revision: _, ...after } = await read(campaign.campaignId);
    const { revision: __, ...before } = campaign;
    assert.deepEqual(after, before);
    assert.equal((await effect(proposed)).state, 'refused');
    const next = await ask(await read(campaign.campaignId), { paused: true });
    assert.equal(next.version, 3, 'a version number is used once');
  });

  it('accept one of two concurrent operators and answer the other with a conflict', async () => {
    const campaign = await create();
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map(title => proposeVersion(pool, wanted(campaign, { title }))),
    );
    assert.equal(answers.filter(answer => answer !== undefined).length, 1);
    const { campaignId } = campaign;
    const pending = await read(campaignId);
    assert.equal(
      await saveVersion(pool, wanted(pending, { title: 'e' }), undefined),
      undefined,
      'while it is pending',
    );
  });

  it('are refused when the campaign changed meanwhile', async () => {
    const campaign = await create();
    const proposed = await ask(campaign, { title: 'y' });
    const why = 'it has closed';
    const decided = await effectVersion(
      pool,
      proposed,
      confirmed,
      () => why,
      () => undefined,
    );
    assert.deepEqual([decided.refused, decided.refusal], ['changed', why]);
  });

  it('stay pending when the decision is late or the watermark is stale, and take effect at the next look', async () => {
    const campaign = await create();
    const proposed = await ask(campaign, { title: 'y' });
    const none = (): undefined => undefined;
    const answersLate = async (): Promise<boolean> => {
      await sleep(500);
      return true;
    };
    const silent = { ...confirmed, withinMs: 50, isStillSo: answersLate };
    assert.deepEqual(await effectVersion(pool, proposed, silent, none, none), proposed);
    const stale = await effectVersion(
      pool,
      proposed,
      { ...confirmed, isStillSo: async () => false },
      none,
      none,
    );
    assert.deepEqual(stale, proposed);
    assert.equal((await read(campaign.campaignId)).title, campaign.title);
    assert.equal((await effect(proposed)).state, 'effective');
  });

  it('are stored as requested', async () => {
    const { campaignId } = await create();
    for (const change of [
      `update campaign_versions set asked_by = 'Eve' where campaign_id = $1`,
      `update campaign_versions set state = 'refused', refused = 'passed', refusal = 'x' where campaign_id = $1`,
      'delete from campaign_versions where campaign_id = $1',
    ]) {
      await assert.rejects(pool.query(change, [campaignId]), violates('campaign_versions_keep'), change);
    }
    const proposed = await ask(await read(campaignId), { title: 'y' });
    await assert.rejects(
      pool.query(`update campaign_versions set reason = 'another' where campaign_id = $1 and version = $2`, [
        campaignId,
        proposed.version,
      ]),
      violates('campaign_versions_keep'),
    );
  });
});

describe('the database', () => {
  const stages = ['draft', 'scheduled', 'finished', 'cancelled', 'archived'] as const;
  const allowed = new Set([
    'draft scheduled',
    'draft cancelled',
    'scheduled cancelled',
    'finished archived',
    'cancelled archived',
  ]);
  for (const from of stages) {
    for (const to of ['draft', 'scheduled', 'cancelled', 'archived'] as const) {
      if (from === to || (from === 'finished' && to === 'scheduled')) continue;
      it(`${allowed.has(`${from} ${to}`) ? 'allows' : 'rejects'} a change from ${from} to ${to}`, async () => {
        const campaign = await inStage(from);
        const change = saveVersion(pool, wanted(campaign, { stage: to }), undefined);
        if (allowed.has(`${from} ${to}`)) assert.equal((await change)?.stage, to);
        else await assert.rejects(change, { code: '23514' });
      });
    }
  }

  it('changes what people decide only by a version', async () => {
    const { campaignId } = await create();
    for (const what of [
      `opens_at = opens_at + interval '1 s'`,
      `closes_at = closes_at + interval '1 s'`,
      `closes_at = closes_at - interval '1 s'`,
      `time_zone = 'Europe/Berlin'`,
      'paused_at = now()',
      `stage = 'cancelled', cancelled_stamp = settled_stamp`,
      `version = 2, opens_at = opens_at + interval '1 s'`,
      'version = version',
    ]) {
      const change = pool.query(`update campaigns set ${what} where campaign_id = $1`, [campaignId]);
      if (what === 'version = version') await change;
      else await assert.rejects(change, violates('campaigns_versioned'), what);
    }
  });

  it('keeps a past opening, and moves none into the past', async () => {
    const opened = await create({ opensAt: later(-HOUR) });
    const moved = { opensAt: later(HOUR) };
    await assert.rejects(saveVersion(pool, wanted(opened, moved), undefined), violates('campaigns_opened'));
    const coming = await create();
    const back = { opensAt: later(-HOUR) };
    await assert.rejects(saveVersion(pool, wanted(coming, back), undefined), violates('campaigns_opened'));
  });

  it('keeps rules with entries, and announces a coupon’s new close', async () => {
    const rules = (closes: number, stock = 3): { rules: string; nonce: null } => ({
      rules: JSON.stringify({ closes_at_us: closes, stock }),
      nonce: null,
    });
    const window = { opensAt: later(-HOUR), closesAt: later(HOUR) };
    const { campaignId } = await createCampaign(
      pool,
      { kind: 'coupon', title: 'x', stock: 3, ...window },
      () => rules(1),
    );
    await pool.query(`insert into entries values ($1, 'ann', 1)`, [campaignId]);
    const campaign = await read(campaignId);
    const change = wanted(campaign, { closesAt: later(2 * HOUR) });
    await assert.rejects(saveVersion(pool, change, rules(2, 4)), violates('campaigns_rules_once'));
    const saved = await saveVersion(pool, change, rules(2));
    assert.ok(saved !== undefined && !saved.rulesHash?.equals(campaign.rulesHash ?? Buffer.of()));
    const raffle = await createCampaign(pool, { kind: 'raffle', title: 'x', stock: 3, ...window }, () =>
      rules(1),
    );
    await pool.query(`insert into entries values ($1, 'ann', 1)`, [raffle.campaignId]);
    const closing = wanted(raffle, { closesAt: later(2 * HOUR) });
    await assert.rejects(saveVersion(pool, closing, rules(2)), violates('campaigns_rules_once'));
  });

  it('draws no raffle before its close', async () => {
    await assert.rejects(create({ kind: 'raffle', drawsAt: later(HOUR) }), violates('campaigns_draws'));
    await assert.rejects(create({ drawsAt: later(3 * HOUR) }), violates('campaigns_draws'));
    assert.ok((await create({ kind: 'raffle', drawsAt: later(3 * HOUR) })).drawsAt);
  });

  it('cancels once, at the settled stamp, and cancels everybody who waited', async () => {
    const made = await create({ opensAt: later(-HOUR) });
    const { campaignId } = made;
    await pool.query(`insert into entries values ($1, 'ann', 1), ($1, 'bob', 2), ($1, 'cid', 3)`, [
      campaignId,
    ]);
    await pool.query(`insert into grants (campaign_id, serial, user_id, code) values ($1, 1, 'ann', 'c')`, [
      campaignId,
    ]);
    await saveSettled(
      pool,
      campaignId,
      { settledStamp: 1, settledCount: 1, grantedCount: 1, goneCount: 0 },
      false,
    );
    await effect(await ask(await read(campaignId), { stage: 'cancelled' }));
    const cancelled = await read(campaignId);
    assert.deepEqual([cancelled.stage, cancelled.cancelledStamp], ['cancelled', 1]);
    assert.ok(cancelled.closesAt < made.closesAt);
    const { rows } = await pool.query(
      'select user_id, outcome from entry_outcomes where campaign_id = $1 order by stamp',
      [campaignId],
    );
    assert.deepEqual(
      rows.map(row => row.outcome),
      ['granted', 'cancelled', 'cancelled'],
    );
    await saveSettled(
      pool,
      campaignId,
      { settledStamp: 9, settledCount: 3, grantedCount: 1, goneCount: 0 },
      true,
    );
    await assert.rejects(
      pool.query('update campaigns set cancelled_stamp = 3 where campaign_id = $1', [campaignId]),
      violates('campaigns_cancelled_once'),
    );
  });
});
