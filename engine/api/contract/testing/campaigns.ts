import assert from 'node:assert/strict';
import { readTotals } from '../../../../sql/statements/entries/outcomes.ts';
import { insertDeadLetters } from '../../../../sql/statements/progress/dead-letters.ts';
import { coupon, inMs } from '../../testing/api.ts';
import { settle } from '../../testing/settle.ts';
import type { Checked } from './checked.ts';
import { ARCHIVE, CAMPAIGN, campaignPaths } from './paths.ts';

/** A coupon that ann has to claim and bob is waitlisted for. */
async function offeredCoupon({ api }: Checked): Promise<number> {
  const id = await api.create({ stock: 1, waitlist: 1, claim_within_s: 3_600 });
  await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048)`, [id]);
  const nowUs = Date.now() * 1_000 + 1_000_000;
  await settle(api, id, nowUs, { throughUs: nowUs, outageUs: 0 });
  return id;
}

/** A drawn raffle: bob has won, and cid is the only alternate. */
async function drawnRaffle({ api }: Checked): Promise<number> {
  const { body } = await api.call('POST', '/v1/campaigns', {
    body: { kind: 'raffle', title: 'A bicycle', winners: 1, alternates: 1, closes_at: inMs(60_000) },
  });
  const id = Number(body.id);
  await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048), ($1, 'cid', 4096)`, [
    id,
  ]);
  await api.call('PUT', `/v1/campaigns/${id}/entrants`, {
    body: {
      entrants: [
        { user: 'ann', excluded: 'works for the shop' },
        { user: 'cid', tickets: 1_000 },
      ],
    },
  });
  await settle(api, id, (Date.now() + 60_000) * 1000);
  return id;
}

/** Its totals stay available, its entries do not. */
async function archivedCampaign({ api, call }: Checked): Promise<void> {
  const id = await api.create({});
  const totals = (await call(api, 'GET', `${CAMPAIGN}/totals`, { id })).body;
  const counted = await readTotals(api.pool, id);
  await api.pool.query(
    `insert into archives (campaign_id, file, sha256, counts, totals) values ($1, $2, sha256(''), '{}', $3)`,
    [id, ARCHIVE, JSON.stringify({ ...counted, entries: 7, lost: 7 })],
  );
  const { body } = await call(api, 'GET', `${CAMPAIGN}/totals`, { id });
  assert.deepEqual(body, { ...totals, entries: 7, sold_out: 7 });
  for (const path of ['entries', 'entries.csv', 'entrants'] as const) {
    const { status, body: problem } = await call(api, 'GET', `${CAMPAIGN}/${path}`, { id });
    assert.deepEqual([status, problem.file], [410, ARCHIVE]);
  }
}

/** Successful responses about campaigns, their entries and their draws, and of the service. */
export async function matchCampaigns(checked: Checked): Promise<void> {
  const { api, call } = checked;
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json'] as const) {
    assert.equal((await call(api, 'GET', path, { token: undefined })).status, 200);
  }
  for (const kind of ['coupon', 'raffle']) {
    const rules =
      kind === 'coupon' ? coupon() : { kind, title: 'A bicycle', winners: 3, closes_at: inMs(60_000) };
    const made = await call(api, 'POST', '/v1/campaigns', { body: rules });
    assert.equal(made.status, 201);
    assert.equal(made.headers.get('location'), `/v1/campaigns/${made.body.id}`);
    const id = Number(made.body.id);
    await api.pool.query(
      `insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048), ($1, 'cid', 4096)`,
      [id],
    );
    await api.pool.query(`insert into grants values ($1, 1, 'ann', $2)`, [id, `code-${id}`]);
    await api.pool.query(
      'update campaigns set settled_stamp = 2048, settled_count = 2, granted_count = 1 where campaign_id = $1',
      [id],
    );
    for (const [method, path] of campaignPaths) {
      assert.equal((await call(api, method, path, { id })).status, 200);
    }
  }
  const drawn = await drawnRaffle(checked);
  assert.equal((await call(api, 'GET', `${CAMPAIGN}/proof`, { id: drawn })).status, 200);
  const dryRun = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
    id: drawn,
    query: '?dryRun=true',
    body: { serial: 1, reason: 'did not answer' },
  });
  assert.equal(dryRun.body.dry_run, true);
  const passed = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
    id: drawn,
    body: { serial: 1, reason: 'did not answer' },
  });
  assert.equal(passed.status, 200, passed.text);
  const claimed = await offeredCoupon(checked);
  const later = { id: claimed, body: { serial: 1, holder: 'ann', claim_by: inMs(7_200_000), reason: 'ill' } };
  const extended = await call(api, 'POST', `${CAMPAIGN}/deadlines`, later);
  assert.equal(extended.status, 200, extended.text);
  assert.equal((await call(api, 'POST', `${CAMPAIGN}/deadlines`, later)).status, 409);
  const ended = await call(api, 'POST', `${CAMPAIGN}/alternates/next`, {
    id: claimed,
    query: '?dryRun=true',
    body: { serial: 1, reason: 'did not answer' },
  });
  assert.deepEqual([ended.body.user, ended.body.passed_from], ['bob', 'ann'], ended.text);
  const { rows: early } = await api.pool.query(
    'select user_id from claimants where campaign_id = $1 and ended_early is not null',
    [claimed],
  );
  assert.deepEqual(early, [], 'a dry run ends no offer');
  const never = { id: claimed, body: { ...later.body, claim_by: '2100-01-01T00:00:00Z' } };
  assert.equal((await call(api, 'POST', `${CAMPAIGN}/deadlines`, never)).status, 400);
  for (const path of ['entries', 'totals']) {
    assert.equal((await call(api, 'GET', `${CAMPAIGN}/${path}`, { id: claimed })).status, 200);
  }
  await archivedCampaign(checked);
  const raffle = await api.create({ kind: 'raffle', stock: undefined, winners: 1 });
  const listed = [{ user: 'ann', tickets: 3, group: 'table 1' }, { user: 'bob' }];
  const entrants = { id: raffle, body: { entrants: listed, reason: 'a family' } };
  assert.equal((await call(api, 'PUT', `${CAMPAIGN}/entrants`, entrants)).status, 200);
  const first = await call(api, 'GET', `${CAMPAIGN}/entrants`, { id: raffle, query: '?limit=1' });
  assert.equal(first.body.next, 'ann');
  await call(api, 'GET', `${CAMPAIGN}/entries`, { headers: { accept: 'text/csv' } });
  assert.equal((await call(api, 'GET', '/v1/campaigns', { query: '?limit=1' })).body.next, 1);
  await call(api, 'GET', '/v1/campaigns');
  const at = { logName: 'a-log', partition: 3, position: '7-0', reason: 'starts with 00' };
  await insertDeadLetters(api.pool, [
    { ...at, item: undefined, record: Buffer.from([0]) },
    { ...at, item: 4, record: Buffer.from([1, 2]) },
  ]);
  const page = await call(api, 'GET', '/v1/dead-letters', { query: '?limit=1' });
  assert.equal(page.body.next, 1);
  assert.equal((await call(api, 'GET', '/v1/dead-letters', { query: '?after=1' })).body.next, null);
}
