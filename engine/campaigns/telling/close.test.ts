import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { beginClose, type Campaign, getCampaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { inMs, LEASE_MS, startApi, type TestApi } from '../../api/testing/api.ts';
import { leaseMarginMs } from '../../contract/redis/lease/lease.ts';
import { waitForRedis } from '../../contract/redis/redis.ts';
import { eventually } from '../../test/support.ts';
import { resumeUntold } from './untold.ts';

const UNTIL_ALL_KNOW_MS = LEASE_MS + leaseMarginMs(LEASE_MS);

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

async function read(campaignId: number): Promise<Campaign> {
  const campaign = await getCampaign(api.pool, campaignId);
  assert.ok(campaign);
  return campaign;
}

async function nowMs(): Promise<number> {
  return (await api.deps.nowUs()) / 1000;
}

async function withoutRedis(work: () => Promise<void>): Promise<void> {
  const ended = once(api.redis, 'end');
  api.redis.disconnect();
  await ended;
  try {
    await work();
  } finally {
    await api.redis.connect();
    await waitForRedis(api.redis, 10_000);
  }
}

describe('closing a campaign', () => {
  it('answers after the close, which gateways and ledger agree on', async () => {
    const id = await api.create();
    const askedMs = await nowMs();
    const answer = await api.call('POST', `/v1/campaigns/${id}/close`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.status, 'closed');
    const { closesAt, closingAt } = await read(id);
    assert.ok(closesAt.getTime() <= (await nowMs()), 'it has passed');
    assert.ok(closesAt.getTime() >= askedMs + UNTIL_ALL_KNOW_MS, 'every gateway knew before');
    assert.ok(closingAt !== null && closingAt <= closesAt);
    assert.equal(answer.body.closes_at, closingAt.toISOString());
    assert.equal(await api.closesOnBoard(id), closingAt.getTime() * 1000);
  });

  it('reaches gateways long before the ledger closes, while the call still waits', async () => {
    const id = await api.create();
    const closing = api.call('POST', `/v1/campaigns/${id}/close`);
    const onBoardUs = await eventually(async () => {
      const { closingAt } = await read(id);
      const shownUs = await api.closesOnBoard(id);
      return closingAt !== null && shownUs === closingAt.getTime() * 1000 && shownUs;
    });
    assert.ok((await closing).status === 200);
    assert.ok((await read(id)).closesAt.getTime() * 1000 >= onBoardUs);
  });

  it('is the same close for all callers, concurrent or later', async () => {
    const id = await api.create();
    const path = `/v1/campaigns/${id}/close`;
    const answers = await Promise.all([1, 2, 3].map(() => api.call('POST', path, { body: {} })));
    const { closesAt, closingAt } = await read(id);
    const again = await api.call('POST', path);
    for (const answer of [...answers, again]) {
      assert.equal(answer.status, 200);
      assert.equal(answer.body.closes_at, closingAt?.toISOString());
    }
    assert.deepEqual((await read(id)).closesAt, closesAt);
  });

  it('never moves a close later: waits for one that is near', async () => {
    const closesAt = inMs(700);
    const id = await api.create({ closes_at: closesAt });
    const answer = await api.call('POST', `/v1/campaigns/${id}/close`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.closes_at, closesAt);
    assert.equal((await read(id)).closingAt, null);
  });

  it('is refused before the opening', async () => {
    const opensAt = inMs(60_000);
    const id = await api.create({ opens_at: opensAt });
    const answer = await api.call('POST', `/v1/campaigns/${id}/close`);
    assert.equal(answer.status, 409);
    assert.equal(answer.body.type, 'urn:fairline:problem:not-open-yet');
    assert.equal(answer.body.opens_at, opensAt);
  });

  it('takes nothing but a reason', async () => {
    const id = await api.create();
    const answer = await api.call('POST', `/v1/campaigns/${id}/close`, { body: { at: 'once' } });
    assert.equal(answer.status, 400);
    assert.equal((await read(id)).closingAt, null);
  });

  it('leaves the ledger open while gateways are unreachable, and resumes afterwards', async () => {
    const id = await api.create();
    const before = await read(id);
    await withoutRedis(async () => {
      const answer = await api.call('POST', `/v1/campaigns/${id}/close`);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '1');
    });
    const between = await read(id);
    assert.deepEqual(between.closesAt, before.closesAt);
    assert.ok(between.closingAt !== null);
    assert.equal(await api.closesOnBoard(id), before.closesAt.getTime() * 1000, 'they were not notified');

    const resumedMs = await nowMs();
    await resumeUntold(api.deps);
    const resumed = await read(id);
    assert.equal(await api.closesOnBoard(id), between.closingAt.getTime() * 1000);
    assert.ok(
      resumed.closesAt.getTime() >= resumedMs + UNTIL_ALL_KNOW_MS,
      'not before every gateway could know',
    );
    assert.ok(resumed.closesAt < before.closesAt);
    await resumeUntold(api.deps);
    assert.deepEqual((await read(id)).closesAt, resumed.closesAt, 'no second change');
    assert.equal((await api.call('POST', `/v1/campaigns/${id}/close`)).status, 200);
    assert.deepEqual((await read(id)).closesAt, resumed.closesAt);
  });

  it('resumes after an engine crashed between recording and announcing it', async () => {
    const id = await api.create();
    const closingAt = new Date(Math.ceil(await nowMs()) + 1);
    await beginClose(api.pool, id, closingAt);
    const resumedMs = await nowMs();
    const answer = await api.call('POST', `/v1/campaigns/${id}/close`);
    assert.equal(answer.status, 200);
    const { closesAt } = await read(id);
    assert.ok(closesAt.getTime() >= resumedMs + UNTIL_ALL_KNOW_MS, 'a gateway may have accepted until then');
    assert.ok(closesAt.getTime() <= (await nowMs()), 'and the answer waited for it');
  });

  it('answers 503 when the engine stops, and is not undone', async () => {
    const other = await startApi();
    try {
      const id = await other.create();
      const planned = (await getCampaign(other.pool, id))?.closesAt;
      const closing = other.call('POST', `/v1/campaigns/${id}/close`);
      // As soon as the ledger has the close, however long the telling took.
      await eventually(async () => {
        const campaign = await getCampaign(other.pool, id);
        return campaign !== undefined && planned !== undefined && campaign.closesAt < planned;
      });
      await other.stop();
      const answer = await closing;
      assert.equal(answer.status, 503);
      assert.equal(answer.body.type, 'urn:fairline:problem:unavailable');
    } finally {
      await other.close();
    }
  });
});
