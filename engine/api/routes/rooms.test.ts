import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { inMs, startApi } from '../testing/api.ts';

const api = await startApi();
after(() => api.close());

function room(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { kind: 'room', title: 'A waiting room', per_second: 10, closes_at: inMs(3_600_000), ...more };
}

describe('invalid waiting rooms', () => {
  const rate = /^a number from 0.01 to 10000/;
  const wrong: readonly [change: Record<string, unknown>, field: string, expected: RegExp][] = [
    [{ per_second: undefined }, 'per_second', rate],
    [{ per_second: 0 }, 'per_second', /to let nobody in, pause the room/],
    [{ per_second: 1e9 }, 'per_second', rate],
    [{ per_second: -1 }, 'per_second', rate],
    [{ per_second: '10' }, 'per_second', rate],
    [{ per_second: 0.001 }, 'per_second', rate],
    [{ capacity: 0 }, 'capacity', /^a whole number from 1 to 10000000/],
    [{ capacity: 1.5 }, 'capacity', /^a whole number/],
    [{ grace_seconds: 0 }, 'grace_seconds', /^a whole number from 1 to 86400/],
    [{ pass_seconds: 86_401 }, 'pass_seconds', /^a whole number from 1 to 86400/],
    [{ visit_seconds: 0 }, 'visit_seconds', /^a whole number from 1 to 86400/],
    [{ single_use: 'yes' }, 'single_use', /^true or false/],
    [{ stock: 5 }, 'stock', /^no value, as kind is room/],
    [{ winners: 5 }, 'winners', /^no value, as kind is room/],
  ];
  for (const [change, field, expected] of wrong) {
    it(`refuses ${JSON.stringify(change)}`, async () => {
      const { status, body } = await api.call('POST', '/v1/campaigns', { body: room(change) });
      assert.equal(status, 400);
      const [fault, ...more] = body.errors as { field: string; value?: string; expected: string }[];
      assert.deepEqual([fault?.field, more], [field, []]);
      assert.match(fault?.expected ?? '', expected);
      const given = change[field];
      assert.equal(fault?.value, given === undefined ? undefined : JSON.stringify(given));
    });
  }

  it('refuses invalid terms', async () => {
    const id = await api.create(room({ stock: undefined }));
    for (const terms of [
      { per_second: 0 },
      { per_second: 1e9 },
      { per_second: 1, capacity: 0 },
      { paused: true },
    ]) {
      const headers = { 'if-match': '*' };
      const answer = await api.call('PUT', `/v1/campaigns/${id}/room`, { body: terms, headers });
      assert.equal(answer.status, 400, JSON.stringify(terms));
    }
    const { body } = await api.call('GET', `/v1/campaigns/${id}/room`);
    assert.deepEqual([body.version, body.per_second, body.capacity, body.paused], [1, 10, null, false]);
  });

  it('refuses room members for other kinds', async () => {
    const coupon = {
      kind: 'coupon',
      title: 'Half price',
      stock: 1,
      closes_at: inMs(3_600_000),
      per_second: 1,
    };
    const { body } = await api.call('POST', '/v1/campaigns', { body: coupon });
    assert.match(JSON.stringify(body.errors), /per_second.*no value, as kind is coupon/);
  });
});

it('two operators cannot overwrite each other', async () => {
  const id = await api.create(room({ stock: undefined }));
  const set = (per_second: number) =>
    api.call('PUT', `/v1/campaigns/${id}/room`, { body: { per_second }, headers: { 'if-match': '"1"' } });
  const answers = await Promise.all([set(20), set(30)]);
  assert.deepEqual(answers.map(answer => answer.status).sort(), [200, 412]);
  const refused = answers.find(answer => answer.status === 412);
  assert.match(JSON.stringify(refused?.body.errors), /"field":"if-match"/);
  assert.deepEqual([refused?.body.version, refused?.headers.get('etag')], [2, '"2"']);
  const withoutMatch = await api.call('PUT', `/v1/campaigns/${id}/room`, { body: { per_second: 40 } });
  assert.equal(withoutMatch.status, 428, withoutMatch.text);
  const { rows } = await api.pool.query('select version from room_terms where campaign_id = $1', [id]);
  assert.equal(rows.length, 2);
});

it('announces an edited room without rules, as before', async () => {
  const id = await api.create(room({ stock: undefined, opens_at: inMs(1_800_000) }));
  const body = { title: 'Another room', closes_at: inMs(7_200_000) };
  const edited = await api.call('PATCH', `/v1/campaigns/${id}`, { body, headers: { 'if-match': '*' } });
  assert.deepEqual([edited.status, edited.body.title], [200, body.title], edited.text);
  const { rows } = await api.pool.query('select rules from campaigns where campaign_id = $1', [id]);
  assert.deepEqual(rows, [{ rules: null }]);
});
