/** Links by which accounts enrol, over HTTP: they end with whoever made them, and their locks have one order. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { lockOwners } from '../../../../sql/statements/operators/operators.ts';
import { type Answer, slug, startApi, type TestApi } from '../../testing/api.ts';
import {
  codeOf,
  enrolBy,
  firstOwnerLink,
  PASSWORD,
  type Person,
  person,
  waitingForLocks,
} from '../../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

function linkIn({ body }: Answer): { readonly token: string; readonly made_by: string } {
  return Object(body.link);
}

function begin(token: string): Promise<Answer> {
  return api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
}

type Ask = (method: string, path: string, body?: object) => Promise<Answer>;

let accounts = 0;
/** An invitation of a new owner, and another link for one who has enrolled. */
async function makeLinks(ask: Ask, other: Person) {
  const name = `Backup ${++accounts}`;
  const invited = await ask('POST', '/v1/operators', { name, role: 'owner' });
  const again = await ask('POST', `/v1/operators/${other.id}/link`);
  assert.deepEqual([invited.status, again.status], [201, 201]);
  return { tokens: [linkIn(invited).token, linkIn(again).token], ids: [Number(invited.body.id), other.id] };
}

describe('a link', () => {
  it('ends with the right of whoever has made it: disabled, demoted, or by a token that is revoked', async () => {
    const boss = await person(api);
    const change = (method: string, path: string, body: object): Promise<Answer> =>
      boss.call(method, path, { body, headers: { 'if-match': '*' } });
    const script = await api.call('POST', '/v1/tokens', { body: { name: 'A script', role: 'owner' } });
    const bySession = (who: Person) => ({
      name: who.name,
      ask: (method: string, path: string, body?: object) => who.call(method, path, { body }),
    });
    const [disabled, demoted] = [await person(api), await person(api)];
    const makers: readonly (readonly [string, { name: string; ask: Ask }, () => Promise<Answer>])[] = [
      [
        'disableOperator',
        bySession(disabled),
        () => change('POST', `/v1/operators/${disabled.id}/disable`, { reason: 'has left' }),
      ],
      [
        'changeRole',
        bySession(demoted),
        () => change('PATCH', `/v1/operators/${demoted.id}`, { role: 'editor' }),
      ],
      [
        'revokeToken',
        {
          name: 'A script',
          ask: (method, path, body) => api.call(method, path, { body, token: String(script.body.token) }),
        },
        () => boss.call('POST', `/v1/tokens/${script.body.id}/revoke`),
      ],
    ];
    const kept = await makeLinks(bySession(boss).ask, await person(api));
    for (const [action, maker, end] of makers) {
      const other = await person(api);
      const { tokens, ids } = await makeLinks(maker.ask, other);
      const shown = async () =>
        await Promise.all(ids.map(async id => (await boss.call('GET', `/v1/operators/${id}`)).body.link));
      for (const link of await shown()) {
        const { made_by, expires_at } = Object(link);
        assert.equal(made_by, maker.name, action);
        assert.ok(Date.parse(expires_at) > Date.now() + 2 * 86_400_000, action);
      }
      assert.equal((await end()).status, 200, action);
      for (const token of tokens) assert.equal(slug(await begin(token)), '410 link-refused', action);
      assert.deepEqual(await shown(), [null, null], action);
      assert.equal((await other.call('GET', '/v1/operator')).status, 200, 'whom it was for stays');
    }
    for (const token of kept.tokens) assert.equal((await begin(token)).status, 200, 'those of others stay');
    const acts = await listActs(api.pool, { after: 0, limit: 10_000 });
    assert.deepEqual(
      acts
        .filter(({ operator, details }) => operator === boss.name && 'ended_links' in JSON.parse(details))
        .map(({ action, details }) => [action, JSON.parse(details).ended_links]),
      makers.map(([action]) => [action, 2]),
    );
  });

  it('is not made by somebody who was disabled after the request was let in', async () => {
    const [boss, mallory] = [await person(api), await person(api)];
    const db = await api.pool.connect();
    try {
      await db.query('begin');
      await lockOwners(db);
      const disabled = boss.call('POST', `/v1/operators/${mallory.id}/disable`, { body: {} });
      await waitingForLocks(api, 1);
      const invited = mallory.call('POST', '/v1/operators', { body: { name: 'Late', role: 'owner' } });
      const again = mallory.call('POST', `/v1/operators/${boss.id}/link`);
      await waitingForLocks(api, 3);
      await db.query('commit');
      assert.equal((await disabled).status, 200);
      for (const late of [await invited, await again]) assert.equal(slug(late), '409 conflict', late.text);
    } finally {
      db.release();
    }
    const { rows } = await api.pool.query('select from operator_links where made_by = $1', [mallory.name]);
    assert.equal(rows.length, 0);
  });

  it('of the first owner is replaced while it is used, and one of the two is refused without a deadlock', async () => {
    const alone = await startApi();
    const db = await alone.pool.connect();
    try {
      const token = await firstOwnerLink(alone);
      const begun = await alone.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
      const { enrolment, totp_secret } = begun.body;
      const code = codeOf(String(totp_secret));
      const body = { token, enrolment, code, password: PASSWORD, name: 'Grace' };
      await db.query('begin');
      await lockOwners(db);
      const replaced = alone.call('POST', '/v1/operators/first-owner-link');
      await waitingForLocks(alone, 1);
      const used = alone.call('POST', '/v1/operator/enrolment/completion', { body, token: undefined });
      await waitingForLocks(alone, 2);
      await db.query('commit');
      assert.equal((await replaced).status, 201);
      assert.equal(slug(await used), '410 link-refused');
      const grace = await enrolBy(alone, String((await replaced).body.token), 'Grace');
      assert.equal((await grace.call('GET', '/v1/operator')).body.role, 'owner');
    } finally {
      db.release();
      await alone.close();
    }
  });
});
