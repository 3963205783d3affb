/** Bad input, links that do not work, and requests of other sites, over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { Links } from './library/links.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';
import type { Browser, BrowserAnswer } from './testing/browser.ts';

const OTHER = 'five herons in the reeds';
const ACCOUNTS_SECRET = 'a secret of accounts, of 32 characters or more';

describe('refusals', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts({ ACCOUNTS_SECRET });
  });
  after(() => accounts.close());

  const problem = ({ status, body }: BrowserAnswer): unknown[] => [
    status,
    String(body.type).replace('urn:fairline:problem:', ''),
  ];
  const fields = ({ body }: BrowserAnswer): unknown[] =>
    (body.errors as { field: string; value?: string }[]).map(({ field, value }) => [field, value]);
  const resetToken = async (address: string): Promise<string> => {
    await accounts.browser().post('/v1/accounts/password-mail', { address });
    return await accounts.link(address, /new password/);
  };
  const resets = (token: string, password = OTHER): Promise<BrowserAnswer> =>
    accounts.browser().post('/v1/accounts/password', { token, password });

  test('names each wrong field, and shows no value but that of an address', async () => {
    const browser = accounts.browser();
    const secret = 'hunter2';
    for (const [body, expected] of [
      [
        {},
        [
          ['address', undefined],
          ['password', undefined],
        ],
      ],
      [{ address: 'ada', password: secret }, [['address', '"ada"']]],
      [{ address: newAddress(), password: secret }, [['password', undefined]]],
      [{ address: newAddress(), password: 7 }, [['password', undefined]]],
      [{ address: newAddress(), password: 'iloveyou' }, [['password', undefined]]],
      [{ address: newAddress(), password: PASSWORD, locale: 'fr' }, [['locale', undefined]]],
      [{ address: newAddress(), password: PASSWORD, passwrod: secret }, [['passwrod', undefined]]],
      [
        { address: 'ada@example.com\r\nBcc: eve@example.com', password: PASSWORD },
        [['address', '"ada@example.com\\r\\nBcc: eve@example.com"']],
      ],
      [[secret], [['body', undefined]]],
      [secret, [['body', undefined]]],
      [null, [['body', undefined]]],
    ] as const) {
      const answer = await browser.post('/v1/accounts', body);
      assert.deepEqual(problem(answer), [400, 'invalid-request'], answer.text);
      assert.deepEqual(fields(answer), expected);
      assert.ok(!answer.text.includes(secret) && !answer.text.includes('iloveyou'), answer.text);
    }
    const cut = await browser.ask('POST', '/v1/accounts/login', `{"password":"${secret}"`, {
      'content-type': 'application/json',
    });
    assert.deepEqual(problem(cut), [400, 'invalid-request']);
    assert.ok(!cut.text.includes(secret), cut.text);
  });

  test('names a password that is longer than any, on each route that takes one, and counts no attempt', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    for (const password of ['p'.repeat(129), 'p'.repeat(512), '한'.normalize('NFD').repeat(129)]) {
      for (const [path, body] of [
        ['/v1/accounts', { address: newAddress(), password }],
        ['/v1/accounts/login', { address, password }],
        ['/v1/accounts/login', { address: newAddress(), password }],
        ['/v1/accounts/password', { token: 'x', password }],
        ['/v1/accounts/address', { address: newAddress(), password }],
        ['/v1/accounts/deletion', { password }],
      ] as const) {
        for (let asked = 0; asked < 4; asked++) {
          const answer = await browser.post(path, body);
          assert.deepEqual(problem(answer), [400, 'invalid-request'], `${path} ${answer.text}`);
          assert.deepEqual(fields(answer), [['password', undefined]]);
        }
      }
    }
    const longest = await browser.post('/v1/accounts/login', { address, password: 'p'.repeat(128) });
    assert.deepEqual(problem(longest), [401, 'login-refused']);
  });

  test('limits method, path, media type, body and headers', async () => {
    const browser = accounts.browser();
    assert.deepEqual(problem(await browser.get('/v1/accounts/login')), [405, 'method-not-allowed']);
    assert.deepEqual(problem(await browser.get('/v1/accounts/nobody')), [404, 'not-found']);
    const json = { 'content-type': 'application/json' };
    const xml = await browser.ask('POST', '/v1/accounts', '<a/>', { 'content-type': 'text/xml' });
    assert.deepEqual(problem(xml), [415, 'unsupported-media-type']);
    const form = await browser.ask('POST', '/v1/accounts/login', 'address=a', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    assert.deepEqual(problem(form), [415, 'unsupported-media-type']);
    const large = await browser.ask('POST', '/v1/accounts', ' '.repeat(5_000), json);
    assert.deepEqual(problem(large), [413, 'payload-too-large']);
    const heads = await browser.ask('GET', '/v1/accounts/me', undefined, { 'x-much': 'x'.repeat(4_100) });
    assert.deepEqual(problem(heads), [431, 'headers-too-large']);
  });

  test('refuses changes that pages of other sites ask for', async () => {
    const browser = await accounts.loggedIn(newAddress());
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:8080' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      for (const path of ['/v1/accounts/ticket', '/v1/accounts/logout', '/v1/accounts/logout-everywhere']) {
        const answer = await browser.post(path, undefined, headers);
        assert.deepEqual(problem(answer), [403, 'foreign-origin'], JSON.stringify(headers));
      }
    }
    for (const headers of [
      { 'sec-fetch-site': 'same-origin', origin: 'http://127.0.0.1:8080' },
      { origin: 'http://localhost:8080' },
      {},
    ]) {
      assert.equal((await browser.post('/v1/accounts/ticket', undefined, headers)).status, 200);
    }
  });

  test('a link to verify may be opened twice, or twenty times at once', async () => {
    const address = newAddress();
    await accounts.browser().post('/v1/accounts', { address, password: PASSWORD });
    const token = await accounts.link(address, /Confirm/);
    const opened = (): Promise<BrowserAnswer> =>
      accounts.browser().post('/v1/accounts/verification', { token });
    const answers = await Promise.all(Array.from({ length: 20 }, opened));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([204]));
    assert.equal((await opened()).status, 204);
    const { rows } = await accounts.pool.query('select count(*) from fans where email = $1', [address]);
    assert.equal(rows[0]?.count, 1);
  });

  test('a link that was changed, or is of a deleted account, is refused', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const token = await accounts.link(address, /Confirm/);
    const next = newAddress();
    await browser.post('/v1/accounts/address', { address: next, password: PASSWORD });
    const change = await accounts.link(next, /new e-mail/);
    await browser.post('/v1/accounts/deletion', { password: PASSWORD });
    for (const each of [
      token,
      change,
      `${token}x`,
      token.replace('.', '.e30'),
      'x',
      'a.b.c',
      token.slice(0, -5),
    ]) {
      const answer = await accounts.browser().post('/v1/accounts/verification', { token: each });
      assert.deepEqual(problem(answer), [410, 'link-refused'], each);
      assert.ok(!answer.text.includes(each.slice(0, 60)) || each.length < 10);
    }
  });

  test('a link to reset is refused when it was used, is late, was made up, or its account is gone', async () => {
    const used = await accounts.fan(newAddress());
    const usedToken = await resetToken(used);
    assert.equal((await resets(usedToken)).status, 204);
    assert.deepEqual(problem(await resets(usedToken)), [410, 'link-refused']);

    const late = await accounts.fan(newAddress());
    const { rows } = await accounts.pool.query(
      'select id as "fanId", email as address, credential_version as "credentialVersion" from fans where email = $1',
      [late],
    );
    const before = new Links({ secret: ACCOUNTS_SECRET, lifeS: 60, nowMs: () => Date.now() - 61_000 });
    const lateToken = before.forReset(rows[0]);
    assert.deepEqual(problem(await resets(lateToken)), [410, 'link-refused']);

    const deleted = newAddress();
    const browser = await accounts.loggedIn(deleted);
    const deletedToken = await resetToken(deleted);
    await browser.post('/v1/accounts/deletion', { password: PASSWORD });
    assert.deepEqual(problem(await resets(deletedToken)), [410, 'link-refused']);
    await accounts.fan(deleted);
    assert.deepEqual(problem(await resets(deletedToken)), [410, 'link-refused'], 'nor for who came after');

    for (const token of ['x', 'a'.repeat(24), `reset-password:${usedToken}`]) {
      assert.deepEqual(problem(await resets(token)), [410, 'link-refused'], token);
    }
    const login = await accounts.browser().post('/v1/accounts/login', { address: late, password: PASSWORD });
    assert.equal(login.status, 200, 'a refused link has changed nothing');
  });

  test('a link to reset is refused after another reset, a change of address, or a logout everywhere', async () => {
    const twice = await accounts.fan(newAddress());
    const first = await resetToken(twice);
    await accounts.browser().post('/v1/accounts/password-mail', { address: twice });
    await accounts.mails(twice, 3);
    const second = await accounts.link(twice, /new password/);
    assert.notEqual(first, second);
    assert.equal((await resets(second)).status, 204);
    assert.deepEqual(problem(await resets(first)), [410, 'link-refused'], 'another reset');

    const former = newAddress();
    const browser = await accounts.loggedIn(former);
    const token = await resetToken(former);
    const next = newAddress();
    await browser.post('/v1/accounts/address', { address: next, password: PASSWORD });
    const change = await accounts.link(next, /new e-mail/);
    assert.equal((await browser.post('/v1/accounts/verification', { token: change })).status, 204);
    assert.deepEqual(problem(await resets(token)), [410, 'link-refused'], 'a change of address');

    const everywhere = newAddress();
    const other = await accounts.loggedIn(everywhere);
    const pending = await resetToken(everywhere);
    await other.post('/v1/accounts/logout-everywhere');
    assert.deepEqual(problem(await resets(pending)), [410, 'link-refused'], 'a logout everywhere');
  });

  test('a link to reset works only while its account has the address that it went to', async () => {
    const address = await accounts.fan(newAddress());
    const token = await resetToken(address);
    // As if the change had been made while the link was.
    await accounts.pool.query('update fans set email = $2 where email = $1', [address, newAddress()]);
    assert.deepEqual(problem(await resets(token)), [410, 'link-refused']);
  });

  test('a link for a new address is refused after a reset or a logout everywhere, works once, and cannot be made up', async () => {
    const pendingOf = async (browser: Browser): Promise<string> => {
      const next = newAddress();
      const asked = await browser.post('/v1/accounts/address', { address: next, password: PASSWORD });
      assert.equal(asked.status, 202, asked.text);
      return await accounts.link(next, /new e-mail/);
    };
    const opened = async (token: string): Promise<unknown[]> =>
      problem(await accounts.browser().post('/v1/accounts/verification', { token }));
    const address = newAddress();
    const thief = await accounts.loggedIn(address);
    const stolen = await pendingOf(thief);
    assert.equal((await resets(await resetToken(address))).status, 204);
    assert.deepEqual(await opened(stolen), [410, 'link-refused'], 'after a reset');
    const owner = await accounts.browser().post('/v1/accounts/login', { address, password: OTHER });
    assert.equal(owner.status, 200, 'the account has its address still');

    const other = await accounts.loggedIn(newAddress());
    const ended = await pendingOf(other);
    await other.post('/v1/accounts/logout-everywhere');
    assert.deepEqual(await opened(ended), [410, 'link-refused'], 'after a logout everywhere');

    const third = await accounts.loggedIn(newAddress());
    const [one, two] = [await pendingOf(third), await pendingOf(third)];
    for (const forged of [
      one.slice(0, -3),
      one.replace('change.', 'change.e30'),
      'change.e30.x',
      'change.',
    ]) {
      assert.deepEqual(await opened(forged), [410, 'link-refused'], forged);
    }
    assert.deepEqual(await opened(one), [204, 'undefined']);
    assert.deepEqual(await opened(two), [410, 'link-refused'], 'of two the one that is opened first');
    assert.deepEqual(await opened(one), [410, 'link-refused'], 'used');
  });

  test('logins beside a reset leave no session of the former password', async () => {
    const address = await accounts.fan(newAddress());
    const token = await resetToken(address);
    const thieves = Array.from({ length: 8 }, (_, index) => accounts.browser(`203.0.${index}.1`));
    const logins = thieves.map(each => each.post('/v1/accounts/login', { address, password: PASSWORD }));
    assert.equal((await resets(token)).status, 204);
    await Promise.all(logins);
    for (const thief of thieves) assert.equal((await thief.get('/v1/accounts/me')).status, 401);
  });

  test('a session of a login is void if the credential version has changed since', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    // As a login leaves its session that read the version, and was overtaken by a reset before it wrote the row.
    await accounts.pool.query('update fans set credential_version = gen_random_uuid() where email = $1', [
      address,
    ]);
    assert.deepEqual(problem(await browser.post('/v1/accounts/ticket')), [401, 'signed-out']);
    await accounts.pool.query(
      `update fan_sessions set credential_version = null where fan_id = (select id from fans where email = $1)`,
      [address],
    );
    assert.deepEqual(problem(await browser.get('/v1/accounts/me')), [401, 'signed-out']);
    const next = accounts.browser();
    await next.post('/v1/accounts/login', { address, password: PASSWORD });
    const { body } = await next.get('/v1/accounts/sessions');
    assert.equal(Array.isArray(body.sessions) && body.sessions.length, 1, 'nor is it listed');
  });

  test('of 20 uses of one link at once, one sets the password', async () => {
    const address = await accounts.fan(newAddress());
    const token = await resetToken(address);
    const passwords = Array.from({ length: 20 }, (_, index) => `${OTHER} ${index}`);
    const answers = await Promise.all(passwords.map(password => resets(token, password)));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter(status => status === 204).length, 1, statuses.join());
    assert.equal(statuses.filter(status => status === 410).length, 19, statuses.join());
    const password = passwords[statuses.indexOf(204)] ?? '';
    const login = await accounts.browser().post('/v1/accounts/login', { address, password });
    assert.equal(login.status, 200);
  });

  test('20 sign-ups at once with one address, in any case, make one account', async () => {
    const address = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        accounts.browser(`203.0.${index}.1`).post('/v1/accounts', {
          address: index % 2 === 0 ? address : address.toUpperCase(),
          password: PASSWORD,
        }),
      ),
    );
    for (const { status, body, text } of answers) assert.deepEqual([status, body], [202, { address }], text);
    const { rows } = await accounts.pool.query('select count(*) from fans where email = $1', [address]);
    assert.equal(rows[0]?.count, 1);
  });

  test('the password of whoever signs up first with an address of somebody else never gets into their account', async () => {
    const address = newAddress();
    await accounts.browser().post('/v1/accounts', { address, password: PASSWORD });
    await accounts.mails(address, 1);
    await accounts.browser('203.0.113.9').post('/v1/accounts', { address, password: OTHER });
    const token = await accounts.link(address, /new password/);
    assert.equal((await resets(token)).status, 204);
    const stranger = await accounts.browser().post('/v1/accounts/login', { address, password: PASSWORD });
    assert.deepEqual(problem(stranger), [401, 'login-refused']);
    const owner = await accounts.browser().post('/v1/accounts/login', { address, password: OTHER });
    assert.equal(owner.status, 200);
  });

  test('whichever link is opened after a second sign-up, the first password gets nobody in', async () => {
    const address = newAddress();
    await accounts.browser().post('/v1/accounts', { address, password: PASSWORD });
    const first = await accounts.link(address, /Confirm/);
    await accounts.browser('203.0.113.9').post('/v1/accounts', { address, password: OTHER });
    const reset = await accounts.link(address, /new password/);
    await accounts.browser().post('/v1/accounts/verification-mail', { address });
    await accounts.mails(address, 3);
    const second = await accounts.link(address, /Confirm/);
    for (const token of [first, second])
      await accounts.browser().post('/v1/accounts/verification', { token });
    for (const password of [PASSWORD, OTHER]) {
      const login = await accounts.browser().post('/v1/accounts/login', { address, password });
      assert.deepEqual(problem(login), [401, 'login-refused'], password);
    }
    assert.equal((await resets(reset)).status, 204);
    const owner = await accounts.browser().post('/v1/accounts/login', { address, password: OTHER });
    assert.equal(owner.status, 200);
  });

  test('answers do not tell which addresses have an account; e-mails go to those that have', async () => {
    const known = await accounts.fan(newAddress());
    const unknown = newAddress();
    const ask = (address: string, path: string, more = {}): Promise<BrowserAnswer> =>
      accounts.browser().post(path, { address, ...more });
    for (const [path, more] of [
      ['/v1/accounts/password-mail', {}],
      ['/v1/accounts/verification-mail', {}],
      ['/v1/accounts/login', { password: OTHER }],
      ['/v1/accounts', { password: OTHER }],
      // With the password of the sign-up, which is one of an account now.
      ['/v1/accounts/login', { password: OTHER }],
    ] as const) {
      const [one, other] = [await ask(known, path, more), await ask(unknown, path, more)];
      assert.equal(one.status, other.status, path);
      assert.equal(one.text.replace(known, ''), other.text.replace(unknown, ''), path);
      assert.deepEqual([one.setCookies, other.setCookies], [[], []]);
    }
    await eventually(async () => (await accounts.mails(known, 3)).length === 3);
    const subjects = (await accounts.mails(known)).map(({ subject }) => subject);
    assert.deepEqual(subjects.sort(), [
      'Choose a new password',
      'Confirm your e-mail address',
      'You already have an account',
    ]);
    const sent = (await accounts.mails(unknown)).map(({ subject }) => subject);
    assert.deepEqual(sent, ['Confirm your e-mail address'], 'only that of its sign-up');
  });
});
