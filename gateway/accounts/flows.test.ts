/** Each flow, over HTTP with real cookies, on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jwtVerify } from 'jose';
import { DEVICE_COOKIE } from './attempts.ts';
import { SESSION_COOKIE } from './session/session-cookie.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';

describe('accounts of fans', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts();
  });
  after(() => accounts.close());

  const OTHER = 'five herons in the reeds';

  test('sign-up, verification, login, the account, a ticket, logout', async () => {
    const address = newAddress();
    const browser = accounts.browser();
    const given = `${address.slice(0, 3).toUpperCase()}${address.slice(3)}`;
    const signedUp = await browser.post('/v1/accounts', { address: given, password: PASSWORD });
    assert.deepEqual([signedUp.status, signedUp.body, signedUp.setCookies], [202, { address }, []]);

    const early = await browser.post('/v1/accounts/login', { address, password: PASSWORD });
    assert.deepEqual([early.status, early.body.type], [401, 'urn:fairline:problem:login-refused']);
    assert.deepEqual(early.setCookies, []);

    const token = await accounts.link(address, /Confirm your e-mail/);
    assert.equal((await browser.post('/v1/accounts/verification', { token })).status, 204);

    const loggedIn = await browser.post('/v1/accounts/login', {
      address: address.toUpperCase(),
      password: PASSWORD,
    });
    assert.equal(loggedIn.status, 200, loggedIn.text);
    assert.equal(loggedIn.body.address, address);
    assert.deepEqual([...browser.cookies.keys()].sort(), [DEVICE_COOKIE, SESSION_COOKIE].sort());
    assert.ok(!loggedIn.text.includes(browser.cookies.get(SESSION_COOKIE)?.slice(0, 32) ?? ''));

    const me = await browser.get('/v1/accounts/me');
    assert.deepEqual([me.status, me.body], [200, loggedIn.body]);

    const minted = await browser.post('/v1/accounts/ticket');
    assert.deepEqual([minted.status, minted.body.user, minted.body.seconds_left], [200, me.body.id, 600]);
    assert.equal(minted.headers.get('cache-control'), 'no-store');
    const key = new TextEncoder().encode(accounts.ticketSecret);
    const { payload } = await jwtVerify(String(minted.body.ticket), key, { audience: 'fairline' });
    assert.equal(payload.sub, me.body.id);

    const old = browser.copy();
    const loggedOut = await browser.post('/v1/accounts/logout');
    assert.equal(loggedOut.status, 204);
    assert.ok(!browser.cookies.has(SESSION_COOKIE));
    for (const one of [browser, old]) {
      const answer = await one.post('/v1/accounts/ticket');
      assert.deepEqual([answer.status, answer.body.type], [401, 'urn:fairline:problem:signed-out']);
    }
    assert.equal((await old.post('/v1/accounts/logout')).status, 204, 'again');
  });

  test('e-mails are in the language that was asked for, or that the browser prefers', async () => {
    for (const [body, language, subject] of [
      [{ locale: 'ko' }, 'en', '이메일 주소를 확인해 주세요'],
      [{}, 'ko-KR,ko;q=0.9,en;q=0.8', '이메일 주소를 확인해 주세요'],
      [{}, 'de,en;q=0.8', 'Confirm your e-mail address'],
    ] as const) {
      const address = newAddress();
      const wanted = { address, password: PASSWORD, ...body };
      await accounts.browser().post('/v1/accounts', wanted, { 'accept-language': language });
      const [mail] = await accounts.mails(address);
      assert.equal(mail?.subject, subject);
      assert.match(mail?.text ?? '', /http:\/\/localhost:8080\/account#verify=\S+\n/);
    }
  });

  test('sessions are listed with the network and not the address, and ended one by one', async () => {
    const address = newAddress();
    const first = await accounts.loggedIn(address);
    const second = accounts.browser('2001:db8:1:2:3:4:5:6');
    await second.post('/v1/accounts/login', { address, password: PASSWORD });
    const { body } = await second.get('/v1/accounts/sessions');
    const sessions = body.sessions as { id: string; current: boolean; network: string; user_agent: string }[];
    assert.deepEqual(
      sessions.map(({ current, network, user_agent }) => ({ current, network, user_agent })),
      [
        { current: true, network: '2001:db8:1:2::', user_agent: 'a test' },
        { current: false, network: '198.51.100.0', user_agent: 'a test' },
      ],
    );
    const other = await accounts.loggedIn(newAddress());
    const foreign = await other.delete(`/v1/accounts/sessions/${sessions[1]?.id}`);
    assert.deepEqual([foreign.status, foreign.body.type], [404, 'urn:fairline:problem:unknown-session']);

    assert.equal((await second.delete(`/v1/accounts/sessions/${sessions[1]?.id}`)).status, 204);
    assert.equal((await first.post('/v1/accounts/ticket')).status, 401);
    assert.equal((await second.post('/v1/accounts/ticket')).status, 200);
    assert.equal((await second.delete(`/v1/accounts/sessions/${sessions[1]?.id}`)).status, 404);
  });

  test('a logout everywhere ends all sessions; a login keeps the newest twenty', async () => {
    const address = newAddress();
    const first = await accounts.loggedIn(address);
    const browsers = [first];
    for (let login = 1; login < 22; login++) {
      const browser = accounts.browser();
      await browser.post('/v1/accounts/login', { address, password: PASSWORD });
      browsers.push(browser);
    }
    const statuses = await Promise.all(
      browsers.map(async each => (await each.get('/v1/accounts/me')).status),
    );
    assert.deepEqual(statuses, [401, 401, ...Array<number>(20).fill(200)]);
    assert.equal((await browsers[21]?.post('/v1/accounts/logout-everywhere'))?.status, 204);
    for (const each of browsers) assert.equal((await each.get('/v1/accounts/me')).status, 401);
  });

  test('a reset by a link sets the password, ends all sessions, works once, and counts as a verification', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    assert.equal((await accounts.browser().post('/v1/accounts/password-mail', { address })).status, 202);
    const token = await accounts.link(address, /new password/);
    const visitor = accounts.browser();
    const weak = await visitor.post('/v1/accounts/password', { token, password: 'iloveyou' });
    assert.equal(weak.status, 400, 'a refused password does not use the link up');
    assert.equal((await visitor.post('/v1/accounts/password', { token, password: OTHER })).status, 204);
    assert.ok(visitor.cookies.has(DEVICE_COOKIE));
    const notice = (await accounts.mails(address, 3)).at(-1);
    assert.equal(notice?.subject, 'Your password was changed');
    assert.equal((await browser.get('/v1/accounts/me')).status, 401);
    const wrong = await visitor.post('/v1/accounts/login', { address, password: PASSWORD });
    assert.equal(wrong.body.type, 'urn:fairline:problem:login-refused');
    assert.equal((await visitor.post('/v1/accounts/login', { address, password: OTHER })).status, 200);
    const again = await visitor.post('/v1/accounts/password', { token, password: PASSWORD });
    assert.deepEqual([again.status, again.body.type], [410, 'urn:fairline:problem:link-refused']);

    const unverified = newAddress();
    await accounts.browser().post('/v1/accounts', { address: unverified, password: PASSWORD });
    await accounts.browser().post('/v1/accounts/password-mail', { address: unverified });
    const link = await accounts.link(unverified, /new password/);
    await visitor.post('/v1/accounts/password', { token: link, password: OTHER });
    const loggedIn = await visitor.post('/v1/accounts/login', { address: unverified, password: OTHER });
    assert.equal(loggedIn.status, 200, loggedIn.text);
  });

  test('a change of address needs the password and the link, and tells the present address', async () => {
    const address = newAddress();
    const next = newAddress();
    const browser = await accounts.loggedIn(address);
    const wrong = await browser.post('/v1/accounts/address', { address: next, password: OTHER });
    assert.deepEqual([wrong.status, wrong.body.type], [403, 'urn:fairline:problem:wrong-password']);
    const asked = await browser.post('/v1/accounts/address', { address: next, password: PASSWORD });
    assert.deepEqual([asked.status, asked.body], [202, { address: next }]);
    const [, notice] = await accounts.mails(address, 2);
    assert.equal(notice?.subject, 'Your e-mail address is about to change');
    assert.equal((await browser.get('/v1/accounts/me')).body.address, address, 'not yet');
    const token = await accounts.link(next, /new e-mail/);
    assert.equal((await accounts.browser().post('/v1/accounts/verification', { token })).status, 204);
    assert.equal((await browser.get('/v1/accounts/me')).body.address, next);
    const stranger = accounts.browser();
    assert.equal((await stranger.post('/v1/accounts/login', { address, password: PASSWORD })).status, 401);
    assert.equal(
      (await stranger.post('/v1/accounts/login', { address: next, password: PASSWORD })).status,
      200,
    );
  });

  test('of each change the present address is told; an account gets ten', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    // Enough of another kind to use its places up.
    for (let asked = 0; asked < 12; asked++) {
      const stranger = accounts.browser(`203.0.${asked}.1`);
      await stranger.post('/v1/accounts', { address, password: PASSWORD });
    }
    const statuses: number[] = [];
    for (let asked = 0; asked < 11; asked++) {
      const change = { address: newAddress(), password: PASSWORD };
      statuses.push((await browser.post('/v1/accounts/address', change)).status);
    }
    assert.deepEqual(statuses, [...Array<number>(10).fill(202), 429]);
    // One of the sign-up, ten that there is an account, and the notices.
    const subjects = (await accounts.mails(address, 21)).map(({ subject }) => subject);
    assert.equal(subjects.filter(subject => subject === 'You already have an account').length, 10);
    assert.equal(subjects.filter(subject => subject === 'Your e-mail address is about to change').length, 10);
    const metrics = await (await fetch(`${accounts.url}/metrics`)).text();
    assert.match(metrics, /fairline_accounts_mails_total\{how="suppressed"\} 2/);
  });

  test('a change to an address that somebody else has, or takes meanwhile, is never made', async () => {
    const taken = await accounts.fan(newAddress());
    const browser = await accounts.loggedIn(newAddress());
    const asked = await browser.post('/v1/accounts/address', { address: taken, password: PASSWORD });
    assert.deepEqual([asked.status, asked.body], [202, { address: taken }], 'the same answer');
    assert.equal((await accounts.mails(taken)).length, 1, 'only that of the sign-up');

    const contested = newAddress();
    await browser.post('/v1/accounts/address', { address: contested, password: PASSWORD });
    const token = await accounts.link(contested, /new e-mail/);
    await accounts.fan(contested);
    const late = await browser.post('/v1/accounts/verification', { token });
    assert.deepEqual([late.status, late.body.type], [410, 'urn:fairline:problem:link-refused']);
  });

  test('a sign-up that nobody verified keeps no address from a fan who reads its e-mails', async () => {
    const address = newAddress();
    const wanted = newAddress();
    const browser = await accounts.loggedIn(address);
    await accounts.browser().post('/v1/accounts', { address: wanted, password: OTHER });
    const squatted = await accounts.link(wanted, /Confirm/);
    await browser.post('/v1/accounts/address', { address: wanted, password: PASSWORD });
    const token = await accounts.link(wanted, /new e-mail/);
    assert.equal((await accounts.browser().post('/v1/accounts/verification', { token })).status, 204);
    assert.equal((await browser.get('/v1/accounts/me')).body.address, wanted);
    const late = await accounts.browser().post('/v1/accounts/verification', { token: squatted });
    assert.equal(late.status, 410, 'of the account that was deleted');
    const subjects = (await accounts.mails(address, 3)).map(({ subject }) => subject);
    assert.equal(subjects.at(-1), 'Your e-mail address was changed');
  });

  test('a sign-up whose answer was lost may be repeated: another link comes, and each of them works', async () => {
    const address = newAddress();
    const signUp = { address, password: PASSWORD };
    assert.equal((await accounts.browser().post('/v1/accounts', signUp)).status, 202);
    const first = await accounts.link(address, /Confirm/);
    assert.equal((await accounts.browser().post('/v1/accounts', signUp)).status, 202);
    await accounts.mails(address, 2);
    const second = await accounts.link(address, /Confirm/);
    for (const token of [second, first])
      assert.equal((await accounts.browser().post('/v1/accounts/verification', { token })).status, 204);
    assert.equal((await accounts.browser().post('/v1/accounts/login', signUp)).status, 200);
  });

  test('a deletion needs the password, and leaves nothing of the person', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const { id } = (await browser.get('/v1/accounts/me')).body;
    const wrong = await browser.post('/v1/accounts/deletion', { password: OTHER });
    assert.equal(wrong.body.type, 'urn:fairline:problem:wrong-password');
    const deleted = await browser.post('/v1/accounts/deletion', { password: PASSWORD });
    assert.equal(deleted.status, 204, deleted.text);
    assert.ok(!browser.cookies.has(SESSION_COOKIE));
    assert.equal((await browser.post('/v1/accounts/login', { address, password: PASSWORD })).status, 401);
    for (const table of ['fans where id', 'fan_sessions where fan_id', 'fan_credentials where fan_id']) {
      assert.equal((await accounts.pool.query(`select 1 from ${table} = $1`, [id])).rows.length, 0, table);
    }
    await accounts.fan(address);
    const again = accounts.browser();
    const loggedIn = await again.post('/v1/accounts/login', { address, password: PASSWORD });
    assert.equal(loggedIn.status, 200);
    assert.notEqual(loggedIn.body.id, id, 'a new person to everything that the old one has entered');
  });

  test('nothing that was stored is a password, and the tables keep no whole address of a client', async () => {
    await accounts.loggedIn(newAddress());
    const { rows } = await accounts.pool.query('select password from fan_credentials');
    for (const { password } of rows) assert.match(password, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const networks = await accounts.pool.query('select distinct ip_address from fan_sessions');
    for (const { ip_address } of networks.rows)
      assert.match(ip_address, /^(198\.51\.100\.0|2001:db8:1:2::)$/);
    assert.ok(!accounts.process.output().includes('example.com'), accounts.process.output());
  });
});
