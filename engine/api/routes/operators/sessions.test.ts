/** Login and sessions of operators, over HTTP: cookies, replays and races. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { transaction } from '../../../../sql/database.ts';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import {
  admitByRecoveryCode,
  admitByStep,
  findLogin,
  replaceRecoveryCodes,
} from '../../../../sql/statements/operators/operators.ts';
import { assertAlike } from '../../../contract/passwords/testing/times.ts';
import { NOBODYS_HASH } from '../../../operators/accounts/proofs.ts';
import { RECOVERY_CODES } from '../../../operators/accounts/recovery-codes.ts';
import { eventually } from '../../../test/support.ts';
import { SESSION_COOKIE } from '../../http/session-cookie.ts';
import { type Answer, coupon, slug, startApi, type TestApi } from '../../testing/api.ts';
import {
  codeOf,
  cookieIn,
  freshCode,
  inSession,
  logIn,
  PASSWORD,
  type Person,
  person,
} from '../../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

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

  it('uses a code up for one of twenty transactions that meet in the ledger', async () => {
    const she = await person(api);
    const { login } = await findLogin(api.pool, she.name);
    assert.ok(login !== undefined);
    const hash = Buffer.alloc(32, 7);
    await replaceRecoveryCodes(api.pool, she.id, [hash, Buffer.alloc(32, 8)]);
    const step = login.totpStep + 1;
    for (const [admit, what] of [
      [(db: Parameters<typeof admitByStep>[0]) => admitByStep(db, login, step), 'a step'],
      [(db: Parameters<typeof admitByStep>[0]) => admitByRecoveryCode(db, login, hash), 'a recovery code'],
    ] as const) {
      const admitted = await Promise.all(Array.from({ length: 20 }, () => transaction(api.pool, admit)));
      assert.equal(admitted.filter(account => account !== undefined).length, 1, what);
    }
    assert.equal(await admitByStep(api.pool, login, step - 1), undefined, 'an earlier step');
    const other = { ...login, passwordHash: NOBODYS_HASH };
    assert.equal(await admitByStep(api.pool, other, step + 1), undefined, 'another password by now');
    const second = Buffer.alloc(32, 8);
    assert.equal(await admitByRecoveryCode(api.pool, other, second), undefined);
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
    await api.call('POST', '/v1/operators', { body: { name: 'Never enrolled', role: 'viewer' } });
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

  it('takes as long for names without an account, or with one that has no password', async () => {
    const other = await startApi();
    try {
      const [she, he] = [await person(other), await person(other)];
      await other.call('POST', '/v1/operators', { body: { name: 'Never enrolled', role: 'viewer' } });
      const refused = async (name: string, password: string): Promise<void> => {
        const answer = await logIn(other, { name, password, code: '000000' });
        assert.equal(slug(answer), '401 login-refused');
      };
      await assertAlike({
        'a wrong password': () => refused(she.name, 'five herons in the reeds'),
        'a wrong code': () => refused(he.name, PASSWORD),
        'no account': round => refused(`nobody ${round}`, PASSWORD),
        'no password': () => refused('Never enrolled', PASSWORD),
      });
    } finally {
      await other.close();
    }
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

  it('fails under another OPERATOR_SECRET, and the log says why', async () => {
    const she = await person(api);
    const lines: string[] = [];
    const other = await startApi({
      ...{ pool: api.pool, operatorSecret: 'another secret of the operators, for tests' },
      log: pino({ level: 'error' }, { write: line => void lines.push(line) }),
    });
    try {
      const { name } = she;
      const code = await freshCode(api, she);
      assert.equal(slug(await logIn(other, { name, password: PASSWORD, code })), '401 login-refused');
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', /OPERATOR_SECRET is another one/);
      const recovery = { name, password: PASSWORD, code: she.recoveryCodes[0] };
      assert.equal(slug(await logIn(other, recovery)), '401 login-refused');
      assert.equal((await logIn(api, { name, password: PASSWORD, code })).status, 200);
    } finally {
      await other.close();
    }
  });

  it('costs no attempt when too many wait for their turn', async () => {
    const other = await startApi();
    try {
      const she = await person(other);
      const wrong = { name: 'x', password: 'x', code: '000000' };
      const many = await Promise.all(
        Array.from({ length: 50 }, (_, number) => logIn(other, { ...wrong, name: `nobody ${number}` })),
      );
      const refused = many.flatMap(({ status }, number) => (status === 429 ? [number] : []));
      assert.ok(refused.length > 0, 'the queue has a bound');
      const [number] = refused;
      const statuses = [];
      // Of the 60 logins of this address in a burst ten are left, at least.
      for (let login = 0; login < 9; login++)
        statuses.push((await logIn(other, { ...wrong, name: `nobody ${number}` })).status);
      assert.deepEqual(new Set(statuses), new Set([401]));
      assert.equal((await she.call('GET', '/v1/operator')).status, 200);
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

  it('does nothing for a page of another site, host or port', async () => {
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
    const lookUp = '/v1/redemptions?user=celebrity';
    const read = (site: string): Promise<Answer> =>
      inSession(api, she.cookie, 'GET', lookUp, { headers: { 'sec-fetch-site': site } });
    for (const site of ['same-site', 'cross-site'])
      assert.equal(slug(await read(site)), '403 foreign-origin', `${site}: a read may be an act`);
    const rows = (await listActs(api.pool, { after: 0, limit: 10_000 })).filter(
      ({ operator, action }) => operator === she.name && action === 'listRedemptions',
    );
    assert.deepEqual(rows, []);
    for (const site of ['same-origin', 'none']) assert.equal((await read(site)).status, 200, site);
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
    for (const two of [`${she.cookie}; ${SESSION_COOKIE}=x`, `a=1;${she.cookie};${she.cookie}`])
      assert.equal(slug(await inSession(api, two, 'GET', '/v1/operator')), '401 unauthenticated', two);
    const blank = `\u00a0${SESSION_COOKIE}=x; ${she.cookie}`;
    assert.equal((await inSession(api, blank, 'GET', '/v1/operator')).status, 200, 'another name');
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
