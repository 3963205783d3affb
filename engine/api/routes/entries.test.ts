import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../test/support.ts';
import { startApi, type TestApi, TOKEN } from '../testing/api.ts';
import { MAX_EXPORTS } from './entry-routes.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

const USERS = ['ann', '=1+1', 'quo"te,d', '@you', 'bob'];
/** 2.5 s after the opening, in stamps of gateway 7. */
const FIRST_STAMP = 2_500_001 * 1024 + 7;

/** A campaign of which the first two entries were granted or won, the third has left and the fourth has lost. */
async function settled(kind: 'coupon' | 'raffle'): Promise<number> {
  const rules = kind === 'coupon' ? { stock: 2 } : { stock: undefined, winners: 2 };
  const id = await api.create({
    kind,
    ...rules,
    opens_at: '2100-01-01T00:00:00Z',
    closes_at: '2100-01-02T00:00:00Z',
  });
  await api.pool.query(
    'insert into entries select $1, name, $3 + 1024 * (number - 1) from unnest($2::text[]) with ordinality u(name, number)',
    [id, USERS, FIRST_STAMP],
  );
  await api.pool.query(
    `insert into grants values ($1, 1, 'ann', $2, '2100-01-01T00:00:03Z'), ($1, 2, '=1+1', $3, '2100-01-01T00:00:04Z')`,
    [id, `a-${id}`, `-b${id}`],
  );
  await api.pool.query(
    `insert into withdrawals values ($1, 'quo"te,d', $2, true, 1), ($1, 'ann', $2, false, null)`,
    [id, 1],
  );
  await api.pool.query(
    `update campaigns set settled_stamp = $2, settled_count = 4, granted_count = 2, gone_count = 1 where campaign_id = $1`,
    [id, FIRST_STAMP + 1024 * 3],
  );
  return id;
}

describe('entries with their outcomes', () => {
  it('list in stamp order, page by page', async () => {
    const id = await settled('coupon');
    const found: Record<string, unknown>[] = [];
    let query = '?limit=2';
    for (;;) {
      const { body } = await api.call('GET', `/v1/campaigns/${id}/entries${query}`);
      assert.ok(Array.isArray(body.entries) && body.entries.length <= 2);
      found.push(...body.entries);
      if (body.next === null) break;
      query = `?limit=2&after=${body.next}`;
    }
    assert.deepEqual(
      found.map(({ user_id, outcome, serial }) => [user_id, outcome, serial]),
      [
        ['ann', 'granted', 1],
        ['=1+1', 'granted', 2],
        ['quo"te,d', 'withdrawn', null],
        ['@you', 'sold_out', null],
        ['bob', 'waiting', null],
      ],
    );
    assert.deepEqual(found[0], {
      user_id: 'ann',
      stamp: FIRST_STAMP,
      requested_at: '2100-01-01T00:00:02.500001Z',
      outcome: 'granted',
      serial: 1,
      code: `a-${id}`,
      granted_at: '2100-01-01T00:00:03.000Z',
      claim_by: null,
      ended_at: null,
    });
  });

  it('filter by outcome', async () => {
    const id = await settled('raffle');
    const users = async (outcome: string): Promise<unknown> => {
      const { body } = await api.call('GET', `/v1/campaigns/${id}/entries?outcome=${outcome}`);
      return Array.isArray(body.entries) ? body.entries.map(entry => entry.user_id) : body;
    };
    assert.deepEqual(await users('won'), ['ann', '=1+1']);
    assert.deepEqual(await users('not_drawn'), ['@you']);
    assert.deepEqual(await users('withdrawn'), ['quo"te,d']);
    assert.deepEqual(await users('waiting'), ['bob']);
    assert.deepEqual(await users('granted'), []);
    assert.equal((await api.call('GET', `/v1/campaigns/${id}/entries?outcome=lost`)).status, 400);
  });

  it('are counted', async () => {
    const id = await settled('coupon');
    assert.deepEqual((await api.call('GET', `/v1/campaigns/${id}/totals`)).body, {
      entries: 5,
      granted: 2,
      sold_out: 1,
      withdrawn: 1,
      waiting: 1,
      cancelled: 0,
      dead_letters: 0,
    });
  });
});

describe('entries as CSV', () => {
  it('follow RFC 4180 and contain no formulas', async () => {
    const id = await settled('coupon');
    const answer = await api.call('GET', `/v1/campaigns/${id}/entries.csv`);
    assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
    assert.equal(
      answer.headers.get('content-disposition'),
      `attachment; filename="campaign-${id}-entries.csv"`,
    );
    const at = '2100-01-01T00:00:02.50000';
    assert.deepEqual(answer.text.split('\r\n'), [
      'user_id,stamp,requested_at,outcome,serial,code,granted_at,claim_by,ended_at',
      `ann,${FIRST_STAMP},${at}1Z,granted,1,a-${id},2100-01-01T00:00:03.000Z,,`,
      `'=1+1,${FIRST_STAMP + 1024},${at}2Z,granted,2,'-b${id},2100-01-01T00:00:04.000Z,,`,
      `"quo""te,d",${FIRST_STAMP + 2048},${at}3Z,withdrawn,,,,,`,
      `'@you,${FIRST_STAMP + 3072},${at}4Z,sold_out,,,,,`,
      `bob,${FIRST_STAMP + 4096},${at}5Z,waiting,,,,,`,
      '',
    ]);
    const asked = await api.call('GET', `/v1/campaigns/${id}/entries?outcome=waiting`, {
      headers: { accept: 'application/json;q=0.5, text/csv' },
    });
    assert.equal(asked.mediaType, 'text/csv');
    assert.equal(asked.text.split('\r\n').length, 3);
  });

  it('export every entry, and release their connection', async () => {
    const id = await api.create();
    const count = 50_000;
    await api.pool.query(
      `insert into entries select $1, 'user-' || n, n * 1024 from generate_series(1, $2::integer) n`,
      [id, count],
    );
    const { text } = await api.call('GET', `/v1/campaigns/${id}/entries.csv`);
    const lines = text.split('\r\n');
    assert.equal(lines.length, count + 2);
    assert.ok(lines[count]?.startsWith(`user-${count},`));

    const headers = { authorization: `Bearer ${TOKEN}` };
    for (let index = 0; index < MAX_EXPORTS * 2; index++) {
      // A reader that disconnects halfway.
      const abort = new AbortController();
      await eventually(async () => {
        const response = await fetch(`${api.url}/v1/campaigns/${id}/entries.csv`, {
          headers,
          signal: abort.signal,
        });
        return response.status === 200;
      });
      abort.abort();
    }
    await eventually(() => api.pool.idleCount === api.pool.totalCount);
    assert.equal((await api.call('GET', `/v1/campaigns/${id}/entries.csv`)).status, 200);
  });

  it('end early when the engine stops, so that readers detect the truncation', async () => {
    const other = await startApi();
    const id = await other.create();
    await other.pool.query(
      `insert into entries select $1, 'user-' || lpad(n::text, 100, '0'), n from generate_series(1, 200000) n`,
      [id],
    );
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${other.url}/v1/campaigns/${id}/entries.csv`, { headers });
    await other.stop();
    await assert.rejects(response.text());
    await eventually(() => other.pool.idleCount === other.pool.totalCount);
    await other.close();
  });
});
