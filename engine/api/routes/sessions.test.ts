/** Login, enrolment and sessions of operators, over HTTP: cookies, replays and races. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActs } from '../../../sql/statements/operators/operator-log.ts';
import { RECOVERY_CODES } from '../../operators/accounts/recovery-codes.ts';
import { eventually } from '../../test/support.ts';
import { SESSION_COOKIE } from '../http/session-cookie.ts';
import { type Answer, coupon, startApi, type TestApi } from '../testing/api.ts';
import {
  codeOf,
  cookieIn,
  enrolBy,
  firstOwnerLink,
  freshCode,
  inSession,
  logIn,
  PASSWORD,
  type Person,
  person,
} from '../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

function slug(answer: Answer): string {
  return `${answer.status} ${String(answer.body.type).replace('urn:fairline:problem:', '')}`;
}

const COMPLETION = '/v1/operator/enrolment/completion';

/** The body of a completion that works. */
async function completion(token: string, name?: string): Promise<Record<string, unknown>> {
  const begun = await api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
  assert.equal(begun.status, 200, begun.text);
  const { totp_secret, enrolment } = begun.body;
  return { token, enrolment, code: codeOf(String(totp_secret)), password: PASSWORD, name };
}

async function complete(body: unknown): Promise<Answer> {
  return await api.call('POST', COMPLETION, { body, token: undefined });
}

async function invited(name: string, role = 'viewer'): Promise<string> {
  const { status, body, text } = await api.call('POST', '/v1/operators', { body: { name, role } });
  assert.equal(status, 201, text);
  return String(Object(body.link).token);
}

describe('the link of the first owner', () => {
  it('makes one owner, of twenty who use it at once, and no other', async () => {
    const earlier = await firstOwnerLink(api);
    const token = await firstOwnerLink(api);
    assert.equal(
      slug(await complete({ ...(await completion(token, 'x')), token: earlier })),
      '410 link-refused',
    );
    const bodies = await Promise.all(
      Array.from({ length: 20 }, (_, number) => completion(token, `first ${number}`)),
    );
    const answers: Answer[] = [];
    // The queue of hashes has a bound: who is told to wait asks again.
    await Promise.all(
      bodies.map(async body => {
        const answer = await eventually(async () => {
          const given = await complete(body);
          return given.status !== 429 && given;
        });
        answers.push(answer);
      }),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(answer => slug(answer) === '410 link-refused').length, 19);
    const { body } = await api.call('GET', '/v1/operators');
    const owners = body.operators as readonly Record<string, unknown>[];
    assert.equal(owners.length, 1);
    assert.equal(owners[0]?.role, 'owner');
    assert.equal(slug(await api.call('POST', '/v1/operators/first-owner-link')), '409 conflict');
  });

  it('is void once there is an owner, and an hour after it was made', async () => {
    const other = await startApi();
    try {
      const late = await firstOwnerLink(other);
      await other.pool.query(
        `update operator_links set made_at = now() - interval '61 min', expires_at = now() - interval '1 min'`,
      );
      const begin = { body: { token: late }, token: undefined };
      assert.equal(slug(await other.call('POST', '/v1/operator/enrolment', begin)), '410 link-refused');
      const first = await firstOwnerLink(other);
      const { body } = await other.call('POST', '/v1/operators', { body: { name: 'Grace', role: 'owner' } });
      await enrolBy(other, String(Object(body.link).token));
      const then = { body: { token: first }, token: undefined };
      assert.equal(slug(await other.call('POST', '/v1/operator/enrolment', then)), '410 link-refused');
    } finally {
      await other.close();
    }
  });
});

describe('an enrolment', () => {
  it('sets a cookie that no script, site or insecure connection gets', async () => {
    const done = await complete(await completion(await invited('Cookie')));
    const cookie = done.headers.get('set-cookie') ?? '';
    assert.match(
      cookie,
      /^__Host-fairline_operator=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.equal(done.headers.get('cache-control'), 'no-store');
    const codes = done.body.recovery_codes as readonly string[];
    assert.equal(new Set(codes).size, RECOVERY_CODES);
    const me = await inSession(api, cookieIn(done) ?? '', 'GET', '/v1/operator');
    assert.deepEqual(me.body, {
      ...{ name: 'Cookie', role: 'viewer', token: null, account: done.body.account },
      ...{ session: done.body.session, permissions: ['self', 'read'] },
    });
  });

  it('stores neither password nor code, secret, link or cookie', async () => {
    const link = await invited('Secrets');
    const she = await enrolBy(api, link);
    const { rows } = await api.pool.query(`
      select o::text || coalesce(s::text, '') || coalesce(c::text, '') as row
      from operators o left join operator_sessions s using (operator_id) left join operator_recovery_codes c using (operator_id)
      union all select l::text from operator_links l union all select g::text from operator_log g`);
    const stored = rows.map(({ row }) => String(row)).join('\n');
    const bytes = [...she.secret].length;
    assert.equal(bytes, 32);
    const cookie = she.cookie.split('=')[1] ?? '';
    for (const secret of [PASSWORD, she.secret, link, cookie, ...she.recoveryCodes, codeOf(she.secret)])
      assert.ok(secret.length > 5 && !stored.includes(secret), secret);
    const raw = Buffer.from(base32(she.secret)).toString('hex');
    assert.ok(!stored.includes(raw));
  });

  it('is refused with its fields, none of whose values is shown', async () => {
    const token = await invited('Fields Medal');
    const right = await completion(token);
    const other = await completion(await invited('Another'));
    for (const [change, field] of [
      [{ password: 'short' }, 'password'],
      [{ password: 'password1' }, 'password'],
      [{ password: 'Fields Medal' }, 'password'],
      [{ code: '000000' }, 'code'],
      [{ enrolment: other.enrolment }, 'enrolment'],
      [{ enrolment: 'x' }, 'enrolment'],
      [{ name: 'Mine' }, 'name'],
      [{ code: 5 }, 'code'],
    ] as const) {
      const answer = await complete({ ...right, ...change });
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const errors = answer.body.errors as readonly { readonly field: string; readonly value?: string }[];
      assert.deepEqual(
        errors.map(fault => fault.field),
        [field],
      );
      if (field !== 'name') assert.equal(errors[0]?.value, '(secret)');
    }
    const unknown = { ...right, token: `fairline_link_${'A'.repeat(43)}` };
    assert.equal(slug(await complete(unknown)), '410 link-refused');
    assert.equal((await complete(right)).status, 201, 'what was refused used nothing up');
    assert.equal(slug(await complete(right)), '410 link-refused');
  });

  it('again, by a new link, ends the former sessions, codes and password', async () => {
    const before = await person(api);
    const again = await api.call('POST', `/v1/operators/${before.id}/link`);
    assert.equal((await before.call('GET', '/v1/operator')).status, 200, 'until the link is used');
    const now = await enrolBy(api, String(Object(again.body.link).token));
    assert.deepEqual([now.id, now.name], [before.id, before.name]);
    assert.equal(slug(await before.call('GET', '/v1/operator')), '401 unauthenticated');
    const { name } = before;
    for (const code of [before.recoveryCodes[0], codeOf(before.secret, 1)])
      assert.equal(slug(await logIn(api, { name, password: PASSWORD, code })), '401 login-refused');
    const code = now.recoveryCodes[0];
    assert.equal((await logIn(api, { name, password: PASSWORD, code })).status, 200);
  });
});

function base32(text: string): number[] {
  const bits = [...text].map(each =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(each).toString(2).padStart(5, '0'),
  );
  return (bits.join('').match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2));
}

describe('a login', () => {
  it('takes each code once, also of eight logins at once, and no earlier one', async () => {
    const she = await person(api);
    const { name } = she;
    const logins = (code: string | undefined, count: number): Promise<Answer[]> =>
      Promise.all(Array.from({ length: count }, () => logIn(api, { name, password: PASSWORD, code })));
    const isIn = ({ status }: Answer): boolean => status === 200;
    await api.pool.query('update operators set totp_step = 1 where operator_id = $1', [she.id]);
    const now = codeOf(she.secret);
    const first = await logins(now, 8);
    assert.equal(first.filter(isIn).length, 1, first.map(slug).join());
    assert.ok(first.every(answer => isIn(answer) || slug(answer) === '401 login-refused'));
    const [earlier] = await logins(codeOf(she.secret, -1), 1);
    assert.equal(earlier && slug(earlier), '401 login-refused', 'an earlier step');
    const [recovery] = she.recoveryCodes;
    const others = await person(api);
    const theirs = await Promise.all(
      Array.from({ length: 8 }, () =>
        logIn(api, { name: others.name, password: PASSWORD, code: others.recoveryCodes[0] }),
      ),
    );
    assert.equal(theirs.filter(isIn).length, 1, theirs.map(slug).join());
    const foreign = await logIn(api, { name: others.name, password: PASSWORD, code: recovery });
    assert.equal(slug(foreign), '401 login-refused', "another account's recovery code");
  });

  it('accepts one step of drift, and no more', async () => {
    const she = await person(api);
    for (const [steps, status] of [
      [-2, 401],
      [-1, 200],
      [0, 200],
      [1, 200],
      [2, 401],
    ] as const) {
      // Near the end of a step, the next request may be in another one.
      const answer = await eventually(
        async () => {
          if (Date.now() % 30_000 > 25_000) return false;
          await api.pool.query('update operators set totp_step = 1 where operator_id = $1', [she.id]);
          return logIn(api, { name: she.name, password: PASSWORD, code: codeOf(she.secret, steps) });
        },
        { timeoutMs: 20_000 },
      );
      assert.equal(answer.status, status, `${steps}`);
    }
  });

  it('gives one answer, whatever is wrong', async () => {
    const she = await person(api);
    const disabled = await person(api, 'viewer');
    await api.call('POST', `/v1/operators/${disabled.id}/disable`, { body: {} });
    await invited('Never enrolled');
    const code = await freshCode(api, she);
    const right = { name: she.name, password: PASSWORD, code };
    const answers = [];
    for (const wrong of [
      { ...right, name: 'nobody' },
      { ...right, name: 'Never enrolled' },
      { ...right, password: 'three owls by the harboUr' },
      { ...right, code: '000000' },
      { ...right, code: '0000-0000-0000-0000' },
      { name: disabled.name, password: PASSWORD, code: await freshCode(api, disabled) },
    ]) {
      answers.push(await logIn(api, wrong));
    }
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([401]));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.ok(answers.every(answer => cookieIn(answer) === undefined));
    const { status } = await logIn(api, { ...right, name: she.name.toUpperCase() });
    assert.equal(status, 200, 'in any letter case');
  });

  it('is limited by name and address, for names without an account too', async () => {
    const other = await startApi();
    try {
      const she = await person(other);
      for (const name of [she.name, 'nobody']) {
        const wrong = { name, password: 'wrong', code: '000000' };
        const statuses = [];
        for (let login = 0; login < 11; login++) statuses.push((await logIn(other, wrong)).status);
        assert.deepEqual(statuses, [...Array(10).fill(401), 429], name);
      }
      const right = { name: she.name, password: PASSWORD, code: await freshCode(other, she) };
      const late = await logIn(other, right);
      assert.equal(slug(late), '429 too-many-requests');
      assert.ok(Number(late.headers.get('retry-after')) > 60);
    } finally {
      await other.close();
    }
  });

  it('is an act under the name of the account, and so is what follows', async () => {
    const she = await person(api, 'editor');
    const login = { name: she.name, password: PASSWORD, code: she.recoveryCodes[3] };
    const cookie = cookieIn(await logIn(api, login)) ?? '';
    const made = await inSession(api, cookie, 'POST', '/v1/campaigns', {
      body: coupon(),
      headers: { 'x-operator': 'Mallory' },
    });
    assert.deepEqual([made.status, made.body.made_by], [201, she.name]);
    await inSession(api, cookie, 'POST', '/v1/operator/logout');
    const acts = (await listActs(api.pool, { after: 0, limit: 10_000 })).filter(
      ({ operator }) => operator === she.name,
    );
    assert.deepEqual(
      acts.map(({ action, target, role, tokenId }) => [action, target, role, tokenId]),
      [
        ['completeEnrolment', `operator ${she.id}`, 'editor', null],
        ['logIn', `operator ${she.id}`, 'editor', null],
        ['createCampaign', `campaign ${made.body.id}`, 'editor', null],
        ['logOut', `operator ${she.id}`, 'editor', null],
      ],
    );
    assert.equal(JSON.parse(acts[1]?.details ?? '').recovery_codes_left, RECOVERY_CODES - 1);
  });
});

describe('a session', () => {
  let she: Person;
  before(async () => {
    she = await person(api);
  });

  it('changes nothing for a page of another site, host or port', async () => {
    const host = new URL(api.url).host;
    const ask = (headers: Record<string, string>): Promise<Answer> =>
      api.call('POST', '/v1/campaigns', {
        ...{ body: coupon(), token: undefined },
        headers: { cookie: she.cookie, ...headers },
      });
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'cross-site', origin: `http://${host}` },
      { origin: 'https://evil.example' },
      { origin: `http://${host}1` },
      { origin: 'http://127.0.0.1' },
      { origin: 'null' },
    ]) {
      assert.equal(slug(await ask(headers)), '403 foreign-origin', JSON.stringify(headers));
    }
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: `http://${host}` }, {}])
      assert.equal((await ask(headers)).status, 201, JSON.stringify(headers));
    const foreign = { 'sec-fetch-site': 'cross-site' };
    const login = { name: she.name, password: PASSWORD, code: await freshCode(api, she) };
    assert.equal(slug(await logIn(api, login, foreign)), '403 foreign-origin', 'a login neither');
    const token = await api.tokenOf('A script');
    const made = await api.call('POST', '/v1/campaigns', { body: coupon(), token, headers: foreign });
    assert.equal(made.status, 201, 'a token is never sent by itself');
  });

  it('is refused when its cookie is cut, changed or of a fan', async () => {
    const value = she.cookie.split('=')[1] ?? '';
    for (const cookie of [
      `${SESSION_COOKIE}=`,
      `${SESSION_COOKIE}=${value.slice(1)}`,
      `${SESSION_COOKIE}=${value}x`,
      `x${SESSION_COOKIE}=${value}`,
      `fairline_operator=${value}`,
      `${SESSION_COOKIE}=${'A'.repeat(43)}`,
    ])
      assert.equal(slug(await inSession(api, cookie, 'GET', '/v1/operator')), '401 unauthenticated', cookie);
    const among = `a=1; ${she.cookie}; b=2`;
    assert.equal((await inSession(api, among, 'GET', '/v1/operator')).status, 200);
    const both = { token: 'wrong', headers: { cookie: she.cookie } };
    assert.equal((await api.call('GET', '/v1/operator', both)).status, 401, 'a wrong token is not forgiven');
  });

  it('ends by a logout, after its time, and from another session', async () => {
    const codes = [...she.recoveryCodes];
    const begin = async (): Promise<string> =>
      cookieIn(await logIn(api, { name: she.name, password: PASSWORD, code: codes.pop() })) ?? '';
    const status = async (cookie: string): Promise<number> =>
      (await inSession(api, cookie, 'GET', '/v1/operator')).status;

    const first = await begin();
    const out = await inSession(api, first, 'POST', '/v1/operator/logout');
    assert.match(out.headers.get('set-cookie') ?? '', /^__Host-fairline_operator=; Max-Age=0; Path=\/; /);
    assert.equal(await status(first), 401);

    const late = await begin();
    const { body } = await inSession(api, late, 'GET', '/v1/operator');
    await api.pool.query(
      `update operator_sessions set made_at = now() - interval '13 h', expires_at = now() - interval '1 s' where session_id = $1`,
      [body.session],
    );
    assert.equal(await status(late), 401);

    const [one, two] = [await begin(), await begin()];
    const listed = await inSession(api, one, 'GET', '/v1/operator/sessions');
    const sessions = listed.body.sessions as readonly { readonly id: number; readonly current: boolean }[];
    assert.equal(sessions.filter(({ current }) => current).length, 1);
    assert.ok(!sessions.some(({ id }) => id === body.session), 'an expired one is not shown');
    const me = await inSession(api, two, 'GET', '/v1/operator');
    const end = `/v1/operator/sessions/${me.body.session}/end`;
    const stranger = await person(api);
    assert.equal(slug(await stranger.call('POST', end)), '404 unknown-session');
    assert.equal((await inSession(api, one, 'POST', end)).status, 200);
    assert.deepEqual([await status(one), await status(two)], [200, 401]);
    assert.equal(slug(await inSession(api, one, 'POST', end)), '404 unknown-session');
  });

  it('is needed for what is an account’s own: a token has none', async () => {
    for (const [method, path, body] of [
      ['GET', '/v1/operator/sessions', undefined],
      ['POST', '/v1/operator/sessions/1/end', undefined],
      ['POST', '/v1/operator/logout', undefined],
      ['POST', '/v1/operator/recovery-codes', { code: '000000' }],
    ] as const)
      assert.equal(slug(await api.call(method, path, { body })), '409 conflict', path);
  });
});

describe('recovery codes', () => {
  it('are replaced as a whole, with a code of the authenticator that was not used', async () => {
    const she = await person(api);
    const path = '/v1/operator/recovery-codes';
    const code = await freshCode(api, she);
    assert.equal(slug(await she.call('POST', path, { body: { code: '000000' } })), '401 login-refused');
    const instead = { body: { code: she.recoveryCodes[0] } };
    assert.equal(slug(await she.call('POST', path, instead)), '401 login-refused');
    const made = await she.call('POST', path, { body: { code } });
    assert.equal(made.status, 201, made.text);
    assert.equal(slug(await she.call('POST', path, { body: { code } })), '401 login-refused', 'used before');
    const codes = made.body.recovery_codes as readonly string[];
    const { name } = she;
    const old = await logIn(api, { name, password: PASSWORD, code: she.recoveryCodes[1] });
    assert.equal(slug(old), '401 login-refused');
    for (const status of [200, 401]) {
      const typed = ` ${codes[0]?.toLowerCase().replaceAll('-', ' ')}`;
      assert.equal((await logIn(api, { name, password: PASSWORD, code: typed })).status, status);
    }
  });
});
