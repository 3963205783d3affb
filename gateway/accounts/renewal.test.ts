/** A renewal cannot loop: "signed out" is one answer, whatever the cause, and nothing but a logout removes the cookie. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { DEVICE_COOKIE } from './attempts.ts';
import { SESSION_COOKIE } from './session/session-cookie.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';
import type { Browser } from './testing/browser.ts';

const SESSION_S = 30 * 86_400;

describe('renewals', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts.close());

  const tokenOf = (browser: Browser): string => browser.cookies.get(SESSION_COOKIE)?.slice(0, 32) ?? '';
  /** Lets the session of the browser end in so many seconds. */
  const setLeft = async (browser: Browser, seconds: number): Promise<void> => {
    const { rowCount } = await accounts.pool.query(
      'update fan_sessions set expires_at = now() + make_interval(secs => $2) where token = $1',
      [tokenOf(browser), seconds],
    );
    assert.equal(rowCount, 1);
  };
  const left = async (browser: Browser): Promise<number> => {
    const { rows } = await accounts.pool.query(
      'select extract(epoch from expires_at - now())::float8 as left_s from fan_sessions where token = $1',
      [tokenOf(browser)],
    );
    return rows[0]?.left_s ?? 0;
  };

  test('every cause ends in the same answer, with the cookie as it was', async () => {
    const broken: Record<string, (browser: Browser) => unknown> = {
      none: browser => browser.cookies.clear(),
      expired: browser => setLeft(browser, -1),
      revoked: browser =>
        accounts.pool.query('delete from fan_sessions where token = $1', [tokenOf(browser)]),
      'logged out elsewhere': browser => browser.copy().post('/v1/accounts/logout'),
      'of an account that was deleted': browser =>
        browser.copy().post('/v1/accounts/deletion', { password: PASSWORD }),
      'half written': browser => cookie(browser, value => value.slice(0, 40)),
      'without a signature': browser => cookie(browser, value => value.slice(0, 32)),
      empty: browser => cookie(browser, () => ''),
      'with the signature of another': browser =>
        cookie(browser, value => `${'a'.repeat(32)}${value.slice(32)}`),
      'signed with another secret': browser =>
        cookie(browser, value => {
          const token = value.slice(0, 32);
          return encodeURIComponent(
            `${token}.${createHmac('sha256', 'another').update(token).digest('base64')}`,
          );
        }),
      'badly encoded': browser => cookie(browser, value => `${value.slice(0, 60)}%E0%A4%A`),
      'much too long': browser => cookie(browser, value => value.repeat(20)),
      'with zero bytes': browser => cookie(browser, value => `${value}%00`),
    };
    const answers = new Map<string, string[]>();
    for (const [cause, breaks] of Object.entries(broken)) {
      const browser = await accounts.loggedIn(newAddress());
      await breaks(browser);
      const before = browser.cookies.get(SESSION_COOKIE);
      const asked = [
        await browser.post('/v1/accounts/ticket'),
        await browser.post('/v1/accounts/ticket'),
        await browser.get('/v1/accounts/me'),
        await browser.get('/v1/accounts/sessions'),
        await browser.delete('/v1/accounts/sessions/x'),
        await browser.post('/v1/accounts/logout-everywhere'),
        await browser.post('/v1/accounts/deletion', { password: PASSWORD }),
        await browser.post('/v1/accounts/address', { address: newAddress(), password: PASSWORD }),
      ];
      for (const { status, text, setCookies } of asked) {
        assert.equal(status, 401, cause);
        assert.deepEqual(setCookies, [], cause);
        answers.set(text, [...(answers.get(text) ?? []), cause]);
      }
      assert.equal(browser.cookies.get(SESSION_COOKIE), before, cause);
    }
    assert.equal(answers.size, 1, JSON.stringify([...answers.keys()]));
    const [text = ''] = answers.keys();
    assert.equal(JSON.parse(text).type, 'urn:fairline:problem:signed-out');
  });

  test('after it one login is enough, with the dead cookie still there', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    await setLeft(browser, -1);
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 401);
    assert.equal((await browser.post('/v1/accounts/login', { address, password: PASSWORD })).status, 200);
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 200);
  });

  test('20 renewals at once all succeed, with the same cookie', async () => {
    const browser = await accounts.loggedIn(newAddress());
    const before = browser.cookies.get(SESSION_COOKIE);
    await setLeft(browser, 3_600);
    const windows = Array.from({ length: 20 }, () => browser.copy());
    const answers = await Promise.all(windows.map(each => each.post('/v1/accounts/ticket')));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(new Set(answers.map(({ body }) => body.user)).size, 1);
    for (const window of windows) assert.equal(window.cookies.get(SESSION_COOKIE), before);
    assert.ok((await left(browser)) > SESSION_S - 60, 'and the session is renewed');
    assert.ok(
      answers.some(({ setCookies }) => setCookies.some(each => each.includes(`Max-Age=${SESSION_S};`))),
    );
  });

  test('20 renewals while the session is ended: each succeeds or is signed out, and none removes the cookie', async () => {
    const browser = await accounts.loggedIn(newAddress());
    await setLeft(browser, 3_600);
    const windows = Array.from({ length: 20 }, () => browser.copy());
    const before = browser.cookies.get(SESSION_COOKIE);
    const asked = windows.map(each => each.post('/v1/accounts/ticket'));
    const ended = accounts.pool.query('delete from fan_sessions where token = $1', [tokenOf(browser)]);
    for (const { status, setCookies } of await Promise.all(asked)) {
      assert.ok(status === 200 || status === 401, String(status));
      assert.ok(!setCookies.some(each => each.includes('Max-Age=0')));
    }
    await ended;
    for (const window of windows) assert.equal(window.cookies.get(SESSION_COOKIE), before);
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 401);
  });

  test('a renewal whose answer was lost succeeds when it is repeated', async () => {
    const browser = await accounts.loggedIn(newAddress());
    await setLeft(browser, 3_600);
    const lost = browser.copy();
    assert.equal((await lost.post('/v1/accounts/ticket')).status, 200);
    const again = await browser.post('/v1/accounts/ticket');
    assert.equal(again.status, 200, 'with the cookie from before');
    assert.match(
      again.setCookies.join(),
      new RegExp(`Max-Age=${SESSION_S};`),
      'and brings it to the browser',
    );
    await accounts.pool.query(
      `update fan_sessions set updated_at = now() - interval '61 minutes', created_at = now() - interval '2 hours' where token = $1`,
      [tokenOf(browser)],
    );
    assert.deepEqual((await browser.post('/v1/accounts/ticket')).setCookies, [], 'an hour later no more');
  });

  test('a session is renewed once a day, not with each ticket', async () => {
    const browser = await accounts.loggedIn(newAddress());
    const before = await left(browser);
    const answer = await browser.post('/v1/accounts/ticket');
    assert.deepEqual(answer.setCookies, []);
    assert.ok((await left(browser)) <= before);
  });

  test('no clock but that of PostgreSQL decides: cookies last by Max-Age, tickets say how long they last', async () => {
    const browser = await accounts.loggedIn(newAddress());
    const { body } = await browser.post('/v1/accounts/ticket');
    const claims = JSON.parse(
      Buffer.from(String(body.ticket).split('.')[1] ?? '', 'base64url').toString('utf8'),
    );
    const { rows } = await accounts.pool.query('select extract(epoch from now())::float8 as now_s');
    assert.ok(Math.abs(claims.exp - 600 - rows[0]?.now_s) < 30);
    await setLeft(browser, 0.2);
    await accounts.pool.query('select pg_sleep(0.3)');
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 401);
  });

  test('a login while a renewal of the old session is under way leaves the browser logged in', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const old = browser.copy();
    await setLeft(browser, 3_600);
    const [, renewed] = await Promise.all([
      browser.post('/v1/accounts/login', { address, password: PASSWORD }),
      old.post('/v1/accounts/ticket'),
    ]);
    assert.equal(renewed.status, 200);
    assert.equal((await browser.post('/v1/accounts/ticket')).status, 200);
    assert.ok(browser.cookies.has(DEVICE_COOKIE));
  });
});

test('a session that lives for less than a day is renewed in the second half of its life', async () => {
  const accounts = await startAccounts({ SESSION_LIFETIME_S: '3600' });
  try {
    const browser = await accounts.loggedIn(newAddress());
    const leave = (seconds: number): Promise<unknown> =>
      accounts.pool.query('update fan_sessions set expires_at = now() + make_interval(secs => $1)', [
        seconds,
      ]);
    await leave(2_000);
    assert.deepEqual((await browser.post('/v1/accounts/ticket')).setCookies, []);
    await leave(600);
    const { setCookies } = await browser.post('/v1/accounts/ticket');
    assert.match(setCookies.join(), /Max-Age=3600;/);
    const { rows } = await accounts.pool.query(
      'select extract(epoch from expires_at - now())::float8 as left_s from fan_sessions',
    );
    assert.ok(rows[0]?.left_s > 3_590, String(rows[0]?.left_s));
  } finally {
    await accounts.close();
  }
});

describe('with a clock that is off', () => {
  for (const hours of [-1, 1]) {
    test(`by ${hours} h: login, ticket, renewal, change of address`, async () => {
      const shift = `const now = Date.now; const Real = Date; Date = class extends Real {
        constructor(...of) { super(...(of.length === 0 ? [now() + ${hours * 3_600_000}] : of)); }
        static now() { return now() + ${hours * 3_600_000}; } };`;
      const accounts = await startAccounts({
        SESSION_LIFETIME_S: '1800',
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}`,
      });
      try {
        const address = newAddress();
        const browser = await accounts.loggedIn(address);
        assert.equal((await browser.post('/v1/accounts/ticket')).status, 200);
        await accounts.pool.query(`update fan_sessions set expires_at = now() + interval '60 seconds'`);
        assert.equal((await browser.post('/v1/accounts/ticket')).status, 200);
        const { body } = await browser.get('/v1/accounts/sessions');
        const [session] = body.sessions as { made_at: string; expires_at: string }[];
        const lastsMs = Date.parse(session?.expires_at ?? '') - Date.now();
        assert.ok(Math.abs(lastsMs - 1_800_000) < 60_000, session?.expires_at);
        const next = newAddress();
        const change = { address: next, password: PASSWORD };
        assert.equal((await browser.post('/v1/accounts/address', change)).status, 202);
        const token = await accounts.link(next, /new e-mail/);
        assert.equal((await browser.post('/v1/accounts/verification', { token })).status, 204);
        const wrong = await browser.post('/v1/accounts/deletion', { password: 'not the password' });
        assert.equal(wrong.status, 403);
        assert.equal((await browser.post('/v1/accounts/ticket')).status, 200, 'and it is still there');
      } finally {
        await accounts.close();
      }
    });
  }
});

function cookie(browser: Browser, change: (value: string) => string): void {
  browser.cookies.set(SESSION_COOKIE, change(browser.cookies.get(SESSION_COOKIE) ?? ''));
}
