import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { MOST_TICKETS } from '../../../draw/draw.ts';
import { type Answer, inMs } from '../../testing/api.ts';
import { settle } from '../../testing/settle.ts';
import type { Checked } from './checked.ts';
import { CAMPAIGN, COUPON, PROPOSAL, proposalPaths, TEN_PERCENT, TWO_PERSON } from './paths.ts';

const MATCH = { headers: { 'if-match': '*' } };

/** The two-person rule: what waits, and how it is approved, withdrawn and refused. */
export async function matchProposals(checked: Checked): Promise<void> {
  const { api, call } = checked;
  const token = await api.tokenOf('Bea', 'owner');
  const approve = (proposed: Answer, by = token): Promise<Answer> =>
    call(api, 'POST', `${PROPOSAL}/approve`, { id: Number(proposed.body.id), token: by });
  const times = { opens_at: inMs(60_000), closes_at: inMs(120_000) };
  const id = await api.create({ ...times, two_person: true });
  const ask = async (method: 'POST' | 'PATCH' | 'PUT', path: string, on: number, body?: object) => {
    const answer = await call(api, method, path, {
      id: on,
      ...MATCH,
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(answer.status, 202, answer.text);
    return answer;
  };
  assert.equal((await call(api, 'PUT', TWO_PERSON, { id, body: { required: true } })).status, 200);
  const edited = await ask('PATCH', CAMPAIGN, id, { title: 'Two thirds' });
  const own = await call(api, 'POST', `${PROPOSAL}/approve`, { id: Number(edited.body.id) });
  assert.equal(own.body.type, 'urn:fairline:problem:own-proposal');
  assert.equal((await approve(edited)).status, 200);
  const again = await api.tokenOf('Another of two', 'owner');
  assert.equal((await approve(edited, again)).body.type, 'urn:fairline:problem:proposal-over');
  const cancelled = await ask('POST', `${CAMPAIGN}/cancel`, id, {});
  assert.equal((await call(api, 'POST', `${CAMPAIGN}/pause`, { id, ...MATCH, body: {} })).status, 200);
  assert.equal((await approve(cancelled)).status, 412);
  const withdrawal = { id: Number(cancelled.body.id), token };
  assert.equal((await call(api, 'POST', `${PROPOSAL}/withdraw`, withdrawal)).status, 200);
  const over = await call(api, 'POST', `${PROPOSAL}/withdraw`, { id: Number(edited.body.id) });
  assert.equal(over.body.type, 'urn:fairline:problem:proposal-over');
  const open = await api.create({ two_person: true });
  const raised = await ask('POST', `${CAMPAIGN}/raise`, open, { stock: 1_000, reason: 'more of them' });
  assert.equal((await approve(raised)).status, 200);
  await matchTerms(checked, ask, approve);
  await matchDraws(checked, ask, approve);
  const near = await api.create({ ...times, two_person: true });
  const tooNear = await ask('PATCH', CAMPAIGN, near, { opens_at: inMs(3_000) });
  await sleep(2_500);
  assert.equal((await approve(tooNear)).body.type, 'urn:fairline:problem:change-refused');
  for (let count = 0; count < 19; count++) await ask('PUT', TWO_PERSON, near, { required: false });
  const many = await call(api, 'PUT', TWO_PERSON, { id: near, body: { required: false } });
  assert.equal(many.status, 409, many.text);
  assert.equal((await call(api, 'GET', '/v1/proposals')).status, 200);
  assert.equal((await call(api, 'GET', '/v1/proposals', { query: '?limit=0' })).status, 400);
  assert.equal((await call(api, 'GET', PROPOSAL, { id: Number(edited.body.id) })).status, 200);
  for (const [method, path, body] of proposalPaths) {
    if (path === '/v1/proposals') continue;
    const with_ = body === undefined ? {} : { body };
    assert.equal((await call(api, method, path, { id: 'first', ...with_ })).status, 400);
    assert.equal((await call(api, method, path, { id: 99_999, ...with_ })).status, 404);
  }
  const text = { raw: 'a=1', headers: { 'content-type': 'text/plain' } };
  assert.equal((await call(api, 'PUT', TWO_PERSON, text)).status, 415);
  assert.equal((await call(api, 'PUT', TWO_PERSON, { body: 'x'.repeat(16 * 1024) })).status, 413);
}

type Ask = (method: 'POST' | 'PATCH' | 'PUT', path: string, on: number, body?: object) => Promise<Answer>;

/** The terms of the codes of an announced campaign. */
async function matchTerms(
  { api, call }: Checked,
  ask: Ask,
  approve: (proposed: Answer) => Promise<Answer>,
): Promise<void> {
  const campaign = await api.create({ two_person: true });
  const created = await call(api, 'POST', '/v1/coupons', { body: { campaign, terms: TEN_PERCENT } });
  assert.equal(created.status, 202, created.text);
  assert.equal((await approve(created)).status, 200);
  const coupons = (await api.call('GET', '/v1/coupons?limit=1000')).body.coupons as readonly {
    readonly id: number;
    readonly campaign?: number;
  }[];
  const id = coupons.find(each => each.campaign === campaign)?.id ?? 0;
  const replaced = await ask('PUT', `${COUPON}/terms`, id, { ...TEN_PERCENT, exclusive: true });
  assert.equal((await approve(replaced)).status, 200);
}

/** A raffle with the rule, from its announcement to a prize that is passed on by hand. */
async function matchDraws(
  { api }: Checked,
  ask: Ask,
  approve: (proposed: Answer) => Promise<Answer>,
): Promise<void> {
  const rules = { kind: 'raffle', stock: undefined, winners: 1, alternates: 2, closes_at: inMs(60_000) };
  const later = { opens_at: inMs(30_000), draft: true, two_person: true };
  const draft = await api.create({ ...rules, ...later });
  assert.equal((await approve(await ask('POST', `${CAMPAIGN}/announce`, draft, {}))).status, 200);
  const id = await api.create(rules);
  await api.call('PUT', TWO_PERSON.replace('{id}', String(id)), { body: { required: true } });
  // With so many tickets ann wins, a thousand to one, and bob, whom the example names, is the alternate.
  const terms = { entrants: [{ user: 'ann', tickets: MOST_TICKETS }], reason: 'a thousand to one' };
  const entrants = await ask('PUT', `${CAMPAIGN}/entrants`, id, terms);
  assert.equal(entrants.body.reason, terms.reason);
  assert.equal((await approve(entrants)).status, 200);
  const close = await ask('POST', `${CAMPAIGN}/close`, id, { reason: 'sold in shops' });
  assert.deepEqual([close.body.operation, close.body.reason], ['closeCampaign', 'sold in shops']);
  await api.pool.query(`insert into entries values ($1, 'ann', 1024), ($1, 'bob', 2048)`, [id]);
  await settle(api, id, (Date.now() + 60_000) * 1_000);
  const passed = await ask('POST', `${CAMPAIGN}/alternates/next`, id, { serial: 1, reason: 'no answer' });
  const twice = await ask('POST', `${CAMPAIGN}/alternates/next`, id, { serial: 1, reason: 'no answer' });
  assert.equal((await approve(passed)).status, 200);
  assert.equal((await approve(twice)).status, 409);
}
