/** More logins than can be hashed, wrong passwords without end, and a database that is away. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { type NetworkProxy, startProxy } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv, unlessLinux } from '../../engine/test/support.ts';
import { DEVICE_COOKIE } from './attempts.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';
import type { BrowserAnswer } from './testing/browser.ts';

describe('a storm', () => {
  let accounts: Accounts;
  before(async () => {
    accounts = await startAccounts({ HASHES_AT_ONCE: '1', MAX_WAITING_HASHES: '5' });
  });
  after(() => accounts.close());

  const OTHER = 'five herons in the reeds';
  const logIn = (address: string, password: string, from?: string): Promise<BrowserAnswer> =>
    accounts.browser(from).post('/v1/accounts/login', { address, password });

  test('beyond the queue logins are told at once to come back; tickets go on', async () => {
    const fan = await accounts.loggedIn(newAddress());
    const address = await accounts.fan(newAddress());
    const logins = Array.from({ length: 60 }, (_, index) => logIn(address, PASSWORD, `203.0.${index}.1`));
    const tickets = await Promise.all(Array.from({ length: 20 }, () => fan.post('/v1/accounts/ticket')));
    assert.ok(tickets.every(({ status }) => status === 200));
    const answers = await Promise.all(logins);
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0 && refused.length < 60, `${refused.length} refused`);
    for (const { headers, body } of refused) {
      assert.equal(body.type, 'urn:fairline:problem:too-many-requests');
      assert.ok(Number(headers.get('retry-after')) >= 1);
    }
    assert.ok(answers.every(({ status }) => status === 200 || status === 429));
    assert.equal((await logIn(address, PASSWORD)).status, 200, 'and afterwards as before');
  });

  test('what the queue refuses is no attempt and no e-mail', async () => {
    const address = await accounts.fan(newAddress());
    for (let round = 0; round < 4; round++) {
      const logins = Array.from({ length: 10 }, () => logIn(address, PASSWORD, '192.0.2.200'));
      const statuses = (await Promise.all(logins)).map(({ status }) => status);
      assert.ok(statuses.includes(429), statuses.join());
    }
    assert.equal((await logIn(address, PASSWORD, '192.0.2.200')).status, 200);

    const fresh = newAddress();
    const signUp = (): Promise<BrowserAnswer> =>
      accounts.browser('192.0.2.202').post('/v1/accounts', { address: fresh, password: PASSWORD });
    let accepted = 0;
    for (let round = 0; round < 6; round++) {
      const filling = Array.from({ length: 20 }, (_, each) => logIn(address, PASSWORD, `203.0.${each}.9`));
      accepted += (await signUp()).status === 202 ? 1 : 0;
      await Promise.all(filling);
    }
    assert.equal((await signUp()).status, accepted < 5 ? 202 : 429, `${accepted} of 6 were accepted`);
  });

  test('a sign-up that waited for its turn still takes its least time afterwards', async () => {
    const address = await accounts.fan(newAddress());
    // One network each, with what the others need of the queue left: sign-ups get half of it.
    const signUps = [newAddress(), address, newAddress(), address].map(async (each, index) => {
      const browser = accounts.browser(`203.0.${index}.50`);
      const answer = await browser.post('/v1/accounts', { address: each, password: PASSWORD });
      return { status: answer.status, at: performance.now() };
    });
    const began = performance.now();
    const answers = (await Promise.all(signUps)).filter(({ status }) => status === 202);
    assert.ok(answers.length > 1);
    // Each begins when the one before has been hashed, and so ends later by a hash: not all at the same moment after 500 ms.
    for (const { at } of answers) assert.ok(at - began >= 450, `${at - began} ms`);
    const times = answers.map(({ at }) => at).sort((a, b) => a - b);
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) > 10, times.join());
  });

  test('sign-ups that are repeated keep a login waiting for their hashes only, not for an e-mail', async () => {
    const fan = await accounts.fan(newAddress());
    /** How long a login takes behind three sign-ups, two of which wait before it, in milliseconds. */
    const behind = async (addresses: readonly string[]): Promise<number> => {
      const signUps = addresses.map((address, index) =>
        accounts.browser(`203.0.${index}.60`).post('/v1/accounts', { address, password: PASSWORD }),
      );
      const beganMs = performance.now();
      assert.equal((await logIn(fan, PASSWORD, '203.0.113.60')).status, 200);
      const tookMs = performance.now() - beganMs;
      for (const { status } of await Promise.all(signUps)) assert.equal(status, 202);
      return tookMs;
    };
    const [first, repeated]: [number[], number[]] = [[], []];
    for (let round = 0; round < 3; round++) {
      const addresses = [newAddress(), newAddress(), newAddress()];
      first.push(await behind(addresses));
      repeated.push(await behind(addresses));
    }
    // A repeated one hashes twice, so seven hashes to four. Half a second more for each would be four times as long even on a busy machine.
    const [firstMs, repeatedMs] = [first, repeated].map(times => times.sort((a, b) => a - b)[1] ?? 0);
    assert.ok(Number(repeatedMs) < 3 * Number(firstMs), `${repeated.join()} ms, and ${first.join()} ms`);
  });

  test('a guesser is stopped, and the owner gets in: from another network, or with a browser of before', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    await browser.post('/v1/accounts/logout');
    const guesses: number[] = [];
    for (let guess = 0; guess < 12; guess++)
      guesses.push((await logIn(address, OTHER, '203.0.113.9')).status);
    assert.deepEqual(guesses, [...Array<number>(10).fill(401), 429, 429]);
    const right = await logIn(address, PASSWORD, '203.0.113.200');
    assert.equal(right.status, 429, 'in the network of the guesser even the right one');
    assert.ok(Number(right.headers.get('retry-after')) > 60);
    assert.equal((await logIn(address, PASSWORD, '198.51.100.9')).status, 200, 'another network');
    assert.ok(browser.cookies.has(DEVICE_COOKIE));
    const known = browser.copy('203.0.113.77');
    const entered = await known.post('/v1/accounts/login', { address, password: PASSWORD });
    assert.equal(entered.status, 200, 'the browser, in the network of the guesser');
  });

  test('the right password is no attempt, however often; a reset gets around the limit', async () => {
    const address = await accounts.fan(newAddress());
    for (let login = 0; login < 15; login++) {
      assert.equal((await logIn(address, PASSWORD, '192.0.2.5')).status, 200);
    }
    for (let guess = 0; guess < 11; guess++) await logIn(address, OTHER, '192.0.2.5');
    const browser = accounts.browser('192.0.2.5');
    await browser.post('/v1/accounts/password-mail', { address });
    const token = await accounts.link(address, /new password/);
    assert.equal((await browser.post('/v1/accounts/password', { token, password: OTHER })).status, 204);
    const entered = await browser.post('/v1/accounts/login', { address, password: OTHER });
    assert.equal(entered.status, 200, entered.text);
  });

  test('a known browser is known until the password is reset, and gets no second device cookie', async () => {
    const address = newAddress();
    const thief = await accounts.loggedIn(address);
    const device = thief.cookies.get(DEVICE_COOKIE);
    const again = await thief.post('/v1/accounts/login', { address, password: PASSWORD });
    assert.equal(again.status, 200);
    assert.equal(thief.cookies.get(DEVICE_COOKIE), device);
    await accounts.browser().post('/v1/accounts/password-mail', { address });
    const token = await accounts.link(address, /new password/);
    assert.equal(
      (await accounts.browser().post('/v1/accounts/password', { token, password: OTHER })).status,
      204,
    );
    const guesses: number[] = [];
    const guesser = thief.copy('192.0.2.140');
    for (let guess = 0; guess < 10; guess++) {
      guesses.push((await guesser.post('/v1/accounts/login', { address, password: PASSWORD })).status);
    }
    assert.deepEqual(new Set(guesses), new Set([401]));
    assert.equal(
      (await logIn(address, OTHER, '192.0.2.140')).status,
      429,
      'counted as a stranger of its network',
    );
  });

  test('an address that does not exist is limited as well', async () => {
    const unknown = newAddress();
    const statuses: number[] = [];
    for (let guess = 0; guess < 11; guess++)
      statuses.push((await logIn(unknown, OTHER, '192.0.2.77')).status);
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429]);
  });

  test('e-mails to one address are limited, in the same way for an address without an account', async () => {
    for (const address of [await accounts.fan(newAddress()), newAddress()]) {
      const statuses: number[] = [];
      for (let asked = 0; asked < 7; asked++) {
        const answer = await accounts.browser('192.0.2.99').post('/v1/accounts/password-mail', { address });
        statuses.push(answer.status);
      }
      assert.deepEqual(statuses, [202, 202, 202, 202, 202, 429, 429]);
    }
  });

  const skip = unlessLinux('the priority of each thread');
  test('the process gives way to others, with every thread', { skip }, () => {
    const { pid = 0 } = accounts.process.child;
    const threads = readdirSync(`/proc/${pid}/task`).map(Number);
    assert.ok(threads.length > 4);
    for (const thread of threads) assert.ok(getPriority(thread) >= 10, `thread ${thread}`);
  });
});

describe('without PostgreSQL', () => {
  let accounts: Accounts;
  let proxy: NetworkProxy;
  before(async () => {
    const server = new URL(serversFromEnv().databaseUrl);
    proxy = await startProxy({ host: server.hostname, port: Number(server.port) });
    accounts = await startAccounts({ ACCOUNTS_DATABASE_TIMEOUT_MS: '1000' }, proxy.port);
  });
  after(async () => {
    await accounts.close();
    await proxy.close();
  });

  test('every route answers 503 with Retry-After, the cookie stays, and afterwards all is as before', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const cookies = [...browser.cookies];
    proxy.cut();
    const answers = [
      await browser.post('/v1/accounts/ticket'),
      await browser.get('/v1/accounts/me'),
      await browser.get('/v1/accounts/sessions'),
      await browser.post('/v1/accounts/login', { address, password: PASSWORD }),
      await browser.post('/v1/accounts', { address: newAddress(), password: PASSWORD }),
      await browser.post('/v1/accounts/password-mail', { address }),
      await browser.post('/v1/accounts/deletion', { password: PASSWORD }),
      await browser.post('/v1/accounts/logout'),
    ];
    for (const { status, body, headers, text } of answers) {
      assert.deepEqual([status, body.type], [503, 'urn:fairline:problem:unavailable'], text);
      assert.equal(headers.get('retry-after'), '1');
    }
    assert.deepEqual([...browser.cookies], cookies);
    // A link that was made up costs no statement.
    const token = `reset.${'a'.repeat(60)}.${'a'.repeat(43)}`;
    const forged = await browser.post('/v1/accounts/password', { token, password: PASSWORD });
    assert.equal(forged.status, 410, forged.text);
    proxy.mend();
    await eventually(async () => (await browser.post('/v1/accounts/ticket')).status === 200);
  });
});
