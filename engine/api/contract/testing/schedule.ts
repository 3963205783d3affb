import assert from 'node:assert/strict';
import { coupon, inMs, joinBoard, startApi } from '../../testing/api.ts';
import { settle } from '../../testing/settle.ts';
import type { Checked } from './checked.ts';
import { again, CAMPAIGN, TEMPLATE, template } from './paths.ts';

/** Drafts, changes, versions, copies and templates, and why a change is refused. */
export async function matchSchedule({ api, call }: Checked): Promise<void> {
  const match = { headers: { 'if-match': '*' } };
  const times = { opens_at: inMs(60_000), closes_at: inMs(120_000) };
  const id = await api.create({ ...times, draft: true });
  const dry = { id, ...match, query: '?dryRun=true' };
  for (const [method, path, body, first] of [
    ['PATCH', CAMPAIGN, { title: 'Two thirds', reason: 'why not' }, 200],
    ['POST', `${CAMPAIGN}/pause`, {}, 409],
    ['POST', `${CAMPAIGN}/announce`, {}, 200],
    ['POST', `${CAMPAIGN}/announce`, {}, 409],
    ['POST', `${CAMPAIGN}/resume`, {}, 409],
    ['POST', `${CAMPAIGN}/pause`, {}, 200],
    ['POST', `${CAMPAIGN}/resume`, {}, 200],
    ['PATCH', CAMPAIGN, { opens_at: inMs(-60_000) }, 409],
    ['POST', `${CAMPAIGN}/archive`, {}, 409],
    ['POST', `${CAMPAIGN}/cancel`, {}, 200],
    ['POST', `${CAMPAIGN}/cancel`, {}, 409],
    ['POST', `${CAMPAIGN}/close`, undefined, 409],
    ['PATCH', CAMPAIGN, { title: 'x' }, 409],
    ['POST', `${CAMPAIGN}/archive`, {}, 200],
  ] as const) {
    const dried = await call(api, method, path, { ...dry, ...(body === undefined ? {} : { body }) });
    assert.equal(dried.status, first, `${path}: ${dried.text}`);
    assert.equal(dried.body.dry_run, first === 200 ? true : undefined);
    const done = await call(api, method, path, { id, ...match, ...(body === undefined ? {} : { body }) });
    assert.equal(done.status, first, done.text);
  }
  const open = await api.create({});
  const more = { stock: 1_000, reason: 'The brand has sent more' };
  for (const [body, query, status] of [
    [more, '?dryRun=true', 200],
    [more, '', 200],
    [more, '', 400],
  ] as const) {
    const raised = await call(api, 'POST', `${CAMPAIGN}/raise`, { id: open, ...match, body, query });
    assert.equal(raised.status, status, raised.text);
  }
  const over = await api.create({});
  await settle(api, over, (Date.now() + 7_200_000) * 1_000);
  const tooLate = await call(api, 'POST', `${CAMPAIGN}/raise`, { id: over, ...match, body: more });
  assert.equal(tooLate.status, 409, tooLate.text);
  const late = await api.create({ draft: true });
  await call(api, 'PATCH', CAMPAIGN, { id: late, ...match, body: { opens_at: inMs(-60_000) } });
  assert.equal(
    (await call(api, 'POST', `${CAMPAIGN}/announce`, { id: late, ...match, body: {} })).status,
    409,
  );
  const silent = await startApi();
  const held = await silent.create(times);
  const paused = await silent.create(times);
  assert.equal(
    (await call(silent, 'POST', `${CAMPAIGN}/pause`, { id: paused, ...match, body: {} })).status,
    200,
  );
  await joinBoard(silent, 'silent');
  for (const [what, on] of [
    ['pause', held],
    ['cancel', held],
    ['resume', paused],
  ] as const) {
    const refused = await call(silent, 'POST', `${CAMPAIGN}/${what}`, { id: on, ...match, body: {} });
    assert.equal(refused.body.reason, 'gateway_silent');
  }
  await silent.close();
  await call(api, 'GET', `${CAMPAIGN}/versions`, { id, query: '?limit=1' });
  await call(api, 'GET', '/v1/schedule', { query: '?kind=opening&limit=1' });
  for (const query of ['', '?dryRun=true']) {
    await call(api, 'POST', `${CAMPAIGN}/duplicate`, { id, body: again(), query });
    await call(api, 'POST', '/v1/campaigns', { body: coupon(), query });
  }
  const kept = await call(api, 'POST', '/v1/templates', { body: template });
  assert.equal((await call(api, 'POST', '/v1/templates', { body: template })).status, 409);
  const path = { id: Number(kept.body.id) };
  await call(api, 'GET', TEMPLATE, path);
  await call(api, 'GET', '/v1/templates');
  for (const query of ['', '?dryRun=true']) {
    await call(api, 'POST', `${TEMPLATE}/campaigns`, { ...path, body: again(), query });
  }
}
