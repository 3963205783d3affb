/** What is remembered of claims and withdrawals, and that their repeats cost the log nothing while nobody decides. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { OwnRequests } from './own-requests.ts';

test('remembers what the log has accepted, first ones first, and only about the same', () => {
  const own = new OwnRequests(10);
  const first = own.begin('claim', 7, 'ann', '3', 1_000);
  const second = own.begin('claim', 7, 'ann', '3', 2_000);
  assert.equal(own.has('claim', 7, 'ann'), true, 'while it waits for the log');
  assert.equal(own.standing('claim', 7, 'ann', '3'), undefined);
  first.accepted('a receipt');
  second.accepted('another');
  second.refused();
  assert.deepEqual(own.standing('claim', 7, 'ann', '3'), { instantUs: 1_000, receipt: 'a receipt' });
  for (const [kind, campaignId, userId, about] of [
    ['withdrawal', 7, 'ann', '3'],
    ['claim', 8, 'ann', '3'],
    ['claim', 7, 'bob', '3'],
    ['claim', 7, 'ann', '4'],
  ] as const)
    assert.equal(own.standing(kind, campaignId, userId, about), undefined);
  own.begin('claim', 7, 'ann', '4', 3_000).refused();
  assert.equal(own.has('claim', 7, 'ann'), false, 'what the log refused may be asked for anew');
  own.begin('withdrawal', 7, 'ann', 'waiting', 4_000).accepted(undefined);
  own.decided('withdrawal', 7, 'ann');
  assert.equal(own.size, 0);
});

test('forgets the oldest beyond its bound, and remembers nobody if told so', () => {
  const own = new OwnRequests(2);
  for (const user of ['ann', 'bob', 'cat', 'ann', 'dan'])
    own.begin('claim', 7, user, '1', 1_000).accepted(undefined);
  assert.deepEqual(
    ['ann', 'bob', 'cat', 'dan'].map(user => own.has('claim', 7, user)),
    [true, false, false, true],
  );
  assert.equal(own.size, 2);
  const none = new OwnRequests(0);
  none.begin('claim', 7, 'ann', '1', 1_000).accepted(undefined);
  assert.equal(none.size, 0);
});

describe('while no engine decides', () => {
  const REPEATS = 60;
  let system: System;
  before(async () => {
    system = await startSystem({
      log: 'redis',
      gateways: 1,
      gatewayEnv: { REPEATS_PER_SECOND_PER_USER: '1' },
    });
  });
  after(() => system.close());

  const metric = async (pattern: RegExp): Promise<number> => {
    const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
    return Number(pattern.exec(text)?.[1] ?? 0);
  };
  const logged = (): Promise<number> => metric(/^fairline_slice_entries_sum (\d+)/m);
  const refused = (): Promise<number> => metric(/^fairline_refused_total\{reason="repeats"\} (\d+)/m);
  const claim = (user: string, id: number): Promise<Answer> =>
    system.ask(user, 'POST', `/v1/campaigns/${id}/entries/me/claim`);
  const withdraw = (user: string, id: number): Promise<Answer> =>
    system.ask(user, 'DELETE', `/v1/campaigns/${id}/entries/me`);

  /** Asks once, and then often: the log has one item of it, and what exceeds the rate is refused. */
  async function costsOnce(ask: () => Promise<Answer>): Promise<void> {
    const [before, refusedBefore] = [await logged(), await refused()];
    const first = await ask();
    assert.equal(first.status, 202, first.text);
    assert.equal(await logged(), before + 1);
    const again = await Promise.all(Array.from({ length: REPEATS }, ask));
    assert.equal(await logged(), before + 1, 'the log has it once');
    const answered = again.filter(({ status }) => status === 202);
    const tooMany = again.filter(({ body }) => body.type === 'urn:fairline:problem:too-many-requests');
    assert.equal(answered.length + tooMany.length, REPEATS);
    // Ten seconds' worth at once, and one a second from then on.
    assert.ok(answered.length >= 10, `${answered.length} were answered`);
    assert.ok(tooMany.length > 0);
    for (const { body } of answered) assert.deepEqual(body, first.body);
    for (const { headers } of tooMany) assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.equal((await refused()) - refusedBefore, tooMany.length);
  }

  test('a repeated claim or withdrawal costs the log nothing, is answered alike, and is limited', async () => {
    const id = await system.offer({ kind: 'coupon', stock: 2, waitlist: 3, claim_within_s: 600 });
    for (const user of ['ann', 'ben', 'cat', 'dan']) assert.equal((await system.enter(user, id)).status, 202);
    await eventually(async () => {
      const { body } = await system.ask('dan', 'GET', `/v1/campaigns/${id}/entries/me`);
      return body.outcome === 'waitlisted';
    });
    await system.engine.process.stop();
    await costsOnce(() => claim('ann', id));
    await costsOnce(() => withdraw('ben', id));
    await costsOnce(() => withdraw('cat', id));
    // Decided by an engine that comes back: each once.
    system.engine = await system.startEngine();
    await eventually(async () => {
      const { rows } = await system.pool.query(
        'select user_id, outcome from entry_outcomes where campaign_id = $1 order by user_id',
        [id],
      );
      const outcomes = rows.map(({ user_id, outcome }) => `${user_id} ${outcome}`).join();
      return outcomes === 'ann granted,ben declined,cat withdrawn,dan offered';
    });
    // Once Redis has it too.
    const withdrawn = 'urn:fairline:problem:already-withdrawn';
    await eventually(async () => (await withdraw('ben', id)).body.type === withdrawn);
    await eventually(async () => (await claim('ann', id)).body.outcome === 'claimed');
  });

  test('concurrent first claims are limited like repeats', async () => {
    const id = await system.offer({ kind: 'coupon', stock: 1, waitlist: 1, claim_within_s: 600 });
    await system.enter('eve', id);
    await eventually(async () => {
      const { body } = await system.ask('eve', 'GET', `/v1/campaigns/${id}/entries/me`);
      return body.outcome === 'offered';
    });
    const answers = await Promise.all(Array.from({ length: REPEATS }, () => claim('eve', id)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202, 429]));
  });
});
