/** Logins of operators at a real OpenID provider: roles by groups, names, what ends, and what the provider keeps. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { signIn, startProvider, type TestProvider } from '../../../contract/identity/testing/provider.ts';
import { eventually } from '../../../test/support.ts';
import { type Answer, slug, startApi, type TestApi } from '../../testing/api.ts';
import { freshCode, logIn, NEXT_PASSWORD, PASSWORD, person } from '../../testing/operators.ts';
import {
  AUTHORIZATION_REQUEST,
  AUTHORIZATION_RESPONSE,
  begin,
  LOGIN_PAGE,
  logInByProvider,
  providerPerson,
  termsOf,
} from '../../testing/provider.ts';

/** What the provider says of each, beside `sub`. */
const people = new Map<string, Record<string, unknown>>();
let provider: TestProvider;
let api: TestApi;
before(async () => {
  provider = await startProvider(undefined, LOGIN_PAGE, sub => people.get(sub) ?? {});
  api = await startApi({ operatorProvider: termsOf(provider.issuer) });
});
after(async () => {
  provider.close();
  await api.close();
});
beforeEach(() => people.clear());

function fieldOf({ body }: Answer): unknown {
  return (body.errors as { field: string }[] | undefined)?.[0]?.field;
}

async function actsOf(on: TestApi, name: string): Promise<readonly unknown[]> {
  const acts = await listActs(on.pool, { after: 0, limit: 10_000 });
  return acts
    .filter(({ operator }) => operator === name)
    .map(({ action, role, details }) => [action, role, JSON.parse(details)]);
}

describe('a login at the identity provider', () => {
  it('leads to a session on this port with the role of the group, with PKCE, state and nonce', async () => {
    people.set('u-1', { preferred_username: 'ada', groups: ['everybody', 'shop'] });
    const { url, complete } = await begin(api);
    assert.equal(url.origin, provider.issuer);
    assert.equal(url.searchParams.get('redirect_uri'), LOGIN_PAGE);
    assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
    for (const name of ['code_challenge', 'state', 'nonce'])
      assert.ok((url.searchParams.get(name) ?? '').length >= 43, name);
    const answer = await complete(await signIn(url.href, 'u-1', LOGIN_PAGE));
    assert.equal(answer.status, 200, answer.text);
    assert.match(
      answer.headers.get('set-cookie') ?? '',
      /^__Host-fairline_operator=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.deepEqual([answer.body.name, answer.body.role, answer.body.token], ['ada', 'editor', null]);
    const { body } = await api.call('GET', `/v1/operators/${answer.body.account}`);
    assert.deepEqual(
      [body.name, body.issuer, body.subject, body.made_by, body.disabled_at],
      ['ada', provider.issuer, 'u-1', 'ada', null],
    );
    assert.deepEqual(await actsOf(api, 'ada'), [
      [
        'logInByProvider',
        'editor',
        { made: true, name: 'ada', role: 'editor', session: answer.body.session },
      ],
    ]);
  });

  it('gives the highest role of several groups, and reads it again each time, also for open sessions', async () => {
    people.set('u-2', { preferred_username: 'bob', groups: ['staff', 'raffle-admins', 'shop'] });
    const first = await providerPerson(api, 'u-2');
    assert.equal(first.role, 'owner');
    people.set('u-2', { preferred_username: 'robert', groups: 'draws' });
    const second = await providerPerson(api, 'u-2');
    assert.deepEqual([second.id, second.name, second.role], [first.id, 'bob', 'drawer'], 'a name stays');
    assert.equal((await first.call('GET', '/v1/operator')).body.role, 'drawer');
    assert.equal(slug(await first.call('GET', '/v1/operators')), '403 forbidden');
    const acts = await actsOf(api, 'bob');
    assert.deepEqual(acts.at(-1), [
      'logInByProvider',
      'drawer',
      {
        ...{ from: { role: 'owner' }, to: { role: 'drawer' }, ended_links: 0 },
        session: second.answer.body.session,
      },
    ]);
  });

  it('is refused without a group that has a role, and ends the sessions that are left', async () => {
    people.set('u-3', { preferred_username: 'carol', groups: ['staff'] });
    const she = await providerPerson(api, 'u-3');
    for (const groups of [
      ['everybody'],
      [],
      undefined,
      ['Staff'],
      [['staff']],
      { staff: true },
      'staff,shop',
    ]) {
      people.set('u-3', { preferred_username: 'carol', groups });
      const answer = await logInByProvider(api, 'u-3');
      assert.deepEqual([slug(answer), fieldOf(answer)], ['401 token-refused', 'token.groups'], answer.text);
      assert.ok(!answer.text.includes('raffle-admins'), 'the groups of others are not told');
      assert.equal(answer.headers.get('set-cookie'), null);
      assert.equal((await she.call('GET', '/v1/operator')).status, 401);
    }
    const acts = await actsOf(api, 'carol');
    assert.deepEqual(acts.slice(1), [
      ['logInByProvider', 'viewer', { ended_sessions: 1, ended_links: 0, without_group: true }],
    ]);
    people.set('nobody-yet', {});
    assert.equal(slug(await logInByProvider(api, 'nobody-yet')), '401 token-refused');
    const { rowCount } = await api.pool.query(`select from operators where subject = 'nobody-yet'`);
    assert.equal(rowCount, 0, 'no account is made');
  });

  it('is for a stated time, by the clock of the ledger', async () => {
    const other = await startApi({
      operatorProvider: termsOf(provider.issuer, { OPERATOR_OIDC_SESSION_S: '60' }),
    });
    try {
      people.set('u-4', { preferred_username: 'dora', groups: ['shop'] });
      const she = await providerPerson(other, 'u-4');
      assert.match(she.answer.headers.get('set-cookie') ?? '', /Max-Age=60;/);
      const { rows } = await other.pool.query(
        `select extract(epoch from expires_at - made_at)::integer as life from operator_sessions`,
      );
      assert.deepEqual(rows, [{ life: 60 }]);
      await other.pool.query(
        `update operator_sessions set made_at = now() - interval '61 s', expires_at = now() - interval '1 s'`,
      );
      assert.equal((await she.call('GET', '/v1/operator')).status, 401);
    } finally {
      await other.close();
    }
  });

  it('counts once, and in the browser that began it', async () => {
    people.set('u-5', { preferred_username: 'eve', groups: ['shop'] });
    const [victim, attacker] = [await begin(api), await begin(api)];
    const query = await signIn(attacker.url.href, 'u-5', LOGIN_PAGE);
    const stolen = await victim.complete(query);
    assert.deepEqual([slug(stolen), fieldOf(stolen)], ['401 authorization-refused', 'state']);
    assert.equal((await attacker.complete(query)).status, 200);
    const again = await attacker.complete(query);
    assert.deepEqual([slug(again), fieldOf(again)], ['401 authorization-refused', 'code']);
    const bare = { token: undefined, body: { query: await signIn(victim.url.href, 'u-5', LOGIN_PAGE) } };
    const without = await api.call('POST', AUTHORIZATION_RESPONSE, bare);
    assert.deepEqual([slug(without), fieldOf(without)], ['401 authorization-refused', 'state'], 'no cookie');
    const denied = await victim.complete(await signIn(victim.url.href, 'nobody', LOGIN_PAGE));
    assert.deepEqual([slug(denied), fieldOf(denied)], ['401 authorization-refused', 'error']);
  });

  it('makes one account, also of ten first logins at the same moment', async () => {
    people.set('u-6', { preferred_username: 'finn', groups: ['shop'] });
    const logins = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { url, complete } = await begin(api);
        return { complete, query: await signIn(url.href, 'u-6', LOGIN_PAGE) };
      }),
    );
    const answers = await Promise.all(logins.map(({ complete, query }) => complete(query)));
    assert.deepEqual(new Set(answers.map(slug)), new Set(['200 undefined']));
    assert.equal(new Set(answers.map(({ body }) => body.account)).size, 1);
  });

  it('is for pages of this engine only', async () => {
    const foreign = { token: undefined, headers: { 'sec-fetch-site': 'cross-site' } };
    assert.equal(slug(await api.call('POST', AUTHORIZATION_REQUEST, foreign)), '403 foreign-origin');
    const response = { ...foreign, body: { query: '?code=x' } };
    assert.equal(slug(await api.call('POST', AUTHORIZATION_RESPONSE, response)), '403 foreign-origin');
  });

  it('is refused if no provider is configured, and is limited by address', async () => {
    const other = await startApi();
    const limited = await startApi({ operatorProvider: termsOf(provider.issuer) });
    try {
      const none = await other.call('POST', AUTHORIZATION_REQUEST, { token: undefined });
      assert.deepEqual([slug(none), fieldOf(none)], ['503 not-configured', 'OPERATOR_OIDC_ISSUER']);
      const response = { token: undefined, body: { query: '?state=x' } };
      const statuses = new Set<number>();
      for (let time = 0; time < 70; time++)
        statuses.add((await limited.call('POST', AUTHORIZATION_RESPONSE, response)).status);
      assert.deepEqual([...statuses], [401, 429]);
    } finally {
      await other.close();
      await limited.close();
    }
  });

  it('answers 503 while the provider is away, and logins with a password go on', async () => {
    people.set('u-7', { preferred_username: 'gil', groups: ['shop'] });
    const late = await startApi({ pool: api.pool, operatorProvider: termsOf(provider.issuer) });
    const she = await person(api);
    const { url, complete } = await begin(api);
    const query = await signIn(url.href, 'u-7', LOGIN_PAGE);
    provider.setAway(true);
    try {
      const begun = await late.call('POST', AUTHORIZATION_REQUEST, { token: undefined });
      assert.deepEqual([slug(begun), begun.headers.get('retry-after')], ['503 unavailable', '5']);
      assert.equal(slug(await complete(query)), '503 unavailable');
      const login = { name: she.name, password: PASSWORD, code: await freshCode(api, she) };
      assert.equal((await logIn(late, login)).status, 200);
      provider.setAway(false);
      assert.equal((await complete(query)).status, 200, 'repeating it is safe');
      const asked = (): Promise<Answer> => late.call('POST', AUTHORIZATION_REQUEST, { token: undefined });
      const again = await eventually(async () => {
        const answer = await asked();
        return answer.status === 200 && answer;
      });
      assert.equal(new URL(String(again.body.url)).origin, provider.issuer);
    } finally {
      provider.setAway(false);
      await late.close();
    }
  });
});

describe('the name of an account that the provider keeps', () => {
  it('is never one that an account or a token has', async () => {
    const she = await person(api);
    await api.tokenOf('Deploys');
    const tried = [she.name.toUpperCase(), 'deploys', 'Operator'];
    for (const [number, name] of tried.entries()) {
      people.set(`n-${number}`, { preferred_username: name, groups: ['shop'] });
      const named = await providerPerson(api, `n-${number}`);
      assert.match(named.name, new RegExp(`^${name} \\([0-9a-f]{12}\\)$`));
    }
  });

  it('is shown as text: no marks of direction, no blanks at its ends, a hundred characters', async () => {
    for (const [sub, given, shown] of [
      ['s-1', ' \u202eivy\u0000 ', /^ivy$/],
      ['s-2', 'x'.repeat(300), /^x{100}$/],
      ['s-3', `${'x'.repeat(99)} yz`, /^x{99}$/],
      ['s-4', '', /^operator [0-9a-f]{12}$/],
      ['s-5', 7, /^operator [0-9a-f]{12}$/],
      ['s-6', undefined, /^operator [0-9a-f]{12}$/],
      ['s-7', 'x'.repeat(300), /^x{85} \([0-9a-f]{12}\)$/],
    ] as const) {
      people.set(sub, { preferred_username: given, groups: ['staff'] });
      assert.match((await providerPerson(api, sub)).name, shown, sub);
    }
  });

  it('stays, and so does whose it is', async () => {
    people.set('u-8', { preferred_username: 'hans', groups: ['staff'] });
    const { id } = await providerPerson(api, 'u-8');
    for (const change of [
      `name = 'other'`,
      `subject = 'u-9'`,
      `issuer = 'https://evil.example'`,
      'subject = null',
    ])
      await assert.rejects(
        api.pool.query(`update operators set ${change} where operator_id = $1`, [id]),
        /operators_stay|never deleted or renamed|operators_provider/,
        change,
      );
    await assert.rejects(
      api.pool.query(`update operators set password_hash = '$argon2id$x' where operator_id = $1`, [id]),
      /operators_enrolled/,
    );
  });
});

describe('what the provider keeps', () => {
  it('cannot be changed here: role, link, password and codes; and no password logs in', async () => {
    people.set('u-10', { preferred_username: 'jo', groups: ['shop'] });
    const jo = await providerPerson(api, 'u-10');
    const owner = await person(api);
    const match = { headers: { 'if-match': '*' } };
    for (const answer of [
      await owner.call('PATCH', `/v1/operators/${jo.id}`, { body: { role: 'owner' }, ...match }),
      await owner.call('POST', `/v1/operators/${jo.id}/link`),
      await jo.call('POST', '/v1/operator/recovery-codes', { body: { code: '000000' } }),
      await jo.call('POST', '/v1/operator/password', {
        body: { password: PASSWORD, code: '000000', new_password: NEXT_PASSWORD },
      }),
    ])
      assert.equal(slug(answer), '409 conflict', answer.text);
    const login = { name: jo.name, password: PASSWORD, code: '000000' };
    assert.equal(slug(await logIn(api, login)), '401 login-refused');
  });

  it('is not all: an account that is disabled here stays out until it is enabled', async () => {
    people.set('u-11', { preferred_username: 'kim', groups: ['raffle-admins'] });
    const kim = await providerPerson(api, 'u-11');
    assert.equal((await api.call('POST', `/v1/operators/${kim.id}/disable`, { body: {} })).status, 200);
    assert.equal((await kim.call('GET', '/v1/operator')).status, 401);
    const refused = await logInByProvider(api, 'u-11');
    assert.deepEqual([slug(refused), fieldOf(refused)], ['401 authorization-refused', 'account']);
    assert.equal((await api.call('POST', `/v1/operators/${kim.id}/enable`, { body: {} })).status, 200);
    assert.equal((await providerPerson(api, 'u-11')).id, kim.id);
  });

  it('does not count as the last owner, nor as the first', async () => {
    const other = await startApi({ operatorProvider: termsOf(provider.issuer) });
    try {
      people.set('u-12', { preferred_username: 'lea', groups: ['raffle-admins'] });
      const lea = await providerPerson(other, 'u-12');
      const first = await lea.call('POST', '/v1/operators/first-owner-link');
      assert.equal(first.status, 201, 'there is none with a password yet');
      const owner = await person(other);
      assert.equal(slug(await lea.call('POST', '/v1/operators/first-owner-link')), '409 conflict');
      const match = { headers: { 'if-match': '*' } };
      const demote = { body: { role: 'viewer' }, ...match };
      assert.equal(slug(await lea.call('PATCH', `/v1/operators/${owner.id}`, demote)), '409 conflict');
      const disable = `/v1/operators/${owner.id}/disable`;
      assert.equal(slug(await lea.call('POST', disable, { body: {} })), '409 conflict');
      await assert.rejects(
        other.pool.query(`update operators set role = 'viewer' where operator_id = $1`, [owner.id]),
        /is the last owner/,
      );
      const second = await person(other);
      assert.equal((await lea.call('POST', disable, { body: {} })).status, 200);
      assert.equal((await second.call('POST', `/v1/operators/${lea.id}/disable`, { body: {} })).status, 200);
    } finally {
      await other.close();
    }
  });
});
