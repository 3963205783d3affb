/** What a gateway passes on to the process of accounts, and what it keeps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { startProxy } from '../../../engine/test/proxy.ts';
import { eventually } from '../../../engine/test/support.ts';
import { type System, startSystem } from '../../../engine/test/system.ts';
import { SESSION_COOKIE } from '../session/session-cookie.ts';
import { newAddress, PASSWORD, people } from '../testing/accounts.ts';
import { type AccountGateways, openAccounts } from '../testing/answers.ts';
import { Browser, type BrowserAnswer } from '../testing/browser.ts';
import { rawAsk } from '../testing/raw.ts';
import { AccountsClient, TooManyWaiting } from './forward.ts';

describe('a gateway in front of accounts', () => {
  let system: System;
  let gateways: AccountGateways;
  before(async () => {
    system = await startSystem({ log: 'redis' });
    gateways = await openAccounts(system);
  });
  after(async () => {
    await system.close();
    await gateways.close();
  });

  test('a fan signs up, logs in, and enters a campaign with the ticket of the session', async () => {
    const { loggedIn } = people(gateways.url, gateways.mailDir);
    const campaign = await system.offer({ kind: 'coupon', stock: 1 });
    const browser = await loggedIn(newAddress());
    const { body } = await browser.post('/v1/accounts/ticket');
    const authorization = `Bearer ${body.ticket}`;
    const entered = await eventually(async () => {
      const answer = await browser.post(`/v1/campaigns/${campaign}/entries`, undefined, { authorization });
      return answer.status === 202 && answer;
    });
    assert.equal(entered.body.campaign, campaign);
    const { rows } = await eventually(async () => {
      const found = await system.pool.query('select user_id from entries where campaign_id = $1', [campaign]);
      return found.rows.length === 1 && found;
    });
    assert.equal(rows[0]?.user_id, body.user);
  });

  test('no path leads to what is not of accounts', async () => {
    for (const path of [
      '/v1/accounts/../../metrics',
      '/v1/accounts/%2e%2e/%2e%2e/metrics',
      '/v1/accounts/..%2f..%2freadyz',
    ]) {
      const answer = await rawAsk(gateways.port, `GET ${path} HTTP/1.1`);
      assert.match(answer, /^HTTP\/1\.1 404 /, path);
      assert.doesNotMatch(answer, /fairline_accounts|"checks"/, path);
    }
  });

  test('what a client says of its own address is not passed on', async () => {
    const address = newAddress();
    const statuses: number[] = [];
    for (let guess = 0; guess < 11; guess++) {
      const browser = new Browser(gateways.url, `203.0.${guess}.1`);
      const wrong = { address, password: PASSWORD };
      statuses.push((await browser.post('/v1/accounts/login', wrong)).status);
    }
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429], 'one unknown network, not eleven');
  });

  test('bytes beyond ASCII in a cookie of the page, a header or the path keep nobody out', async () => {
    const { loggedIn } = people(gateways.url, gateways.mailDir);
    const browser = await loggedIn(newAddress());
    const session = `${SESSION_COOKIE}=${browser.cookies.get(SESSION_COOKIE)}`;
    const ticket = 'POST /v1/accounts/ticket HTTP/1.1';
    for (const lines of [[`cookie: x=한; ${session}`], [`cookie: ${session}`, 'user-agent: 한 é']]) {
      assert.match(await rawAsk(gateways.port, ticket, lines), /^HTTP\/1\.1 200 /, lines.join());
    }
    assert.match(await rawAsk(gateways.port, 'GET /v1/accounts/한 HTTP/1.1'), /^HTTP\/1\.1 404 /);
    const body = ['content-type: application/json', 'content-length: 2', 'user-agent: é', '', '{}'];
    assert.match(await rawAsk(gateways.port, 'POST /v1/accounts/login HTTP/1.1', body), /^HTTP\/1\.1 400 /);
  });

  test('a cookie whose name only looks like that of the session is none', async () => {
    const { loggedIn } = people(gateways.url, gateways.mailDir);
    const session = `${SESSION_COOKIE}=${(await loggedIn(newAddress())).cookies.get(SESSION_COOKIE)}`;
    for (const port of [gateways.port, gateways.accountsPort]) {
      const ask = (cookies: string): Promise<string> =>
        rawAsk(port, 'POST /v1/accounts/ticket HTTP/1.1', [`cookie: ${cookies}`]);
      for (const blank of ['\u2000', '\u00a0', '\ufeff', '\u3000'])
        assert.match(await ask(`a=b; ${blank}${session}`), /^HTTP\/1\.1 401 /, `U+${blank.charCodeAt(0)}`);
      assert.match(await ask(`${session}; ${session}`), /^HTTP\/1\.1 401 /, 'two');
      assert.match(await ask(`a=b;\t ${session} \t`), /^HTTP\/1\.1 200 /);
    }
  });

  test('several cookies arrive as several', async () => {
    const { loggedIn } = people(gateways.url, gateways.mailDir);
    assert.equal((await loggedIn(newAddress())).cookies.size, 2);
  });

  test('who asks beyond a share of the connections is told to come back', async () => {
    const { url, behind } = gateways.busy;
    const logIn = (): Promise<BrowserAnswer> =>
      new Browser(url, '203.0.113.1').post('/v1/accounts/login', {
        address: newAddress(),
        password: PASSWORD,
      });
    const logins = Array.from({ length: 140 }, logIn);
    const first = await Promise.race(logins);
    assert.deepEqual([first.status, first.body.type], [429, 'urn:fairline:problem:too-many-requests']);
    assert.equal(first.headers.get('retry-after'), '2');
    behind.closeAllConnections();
    const statuses = (await Promise.all(logins)).map(({ status }) => status);
    const refused = statuses.filter(status => status === 429).length;
    // Half of 256 are for all clients whose address is unknown, as these are.
    assert.deepEqual([refused, statuses.filter(status => status === 503).length], [12, 128]);
  });

  test('while the process is away: 503, entries go on, and so do accounts once it is back', async () => {
    const accounts = await system.startAccounts({ MAIL_DIR: gateways.mailDir });
    const proxy = await startProxy({ host: '127.0.0.1', port: accounts.port });
    try {
      const gateway = await system.startGateway({ ACCOUNTS_URL: `http://127.0.0.1:${proxy.port}` });
      const browser = await people(gateway.url, gateways.mailDir).loggedIn(newAddress());
      proxy.cut();
      const away = await browser.post('/v1/accounts/ticket');
      assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '1']);
      assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200);
      proxy.mend();
      await eventually(async () => (await browser.post('/v1/accounts/ticket')).status === 200);
      await accounts.process.stop('SIGKILL');
      assert.equal((await browser.post('/v1/accounts/ticket')).status, 503);
    } finally {
      await proxy.close();
    }
  });
});

describe('requests that hang', () => {
  /** A process of accounts that never answers these paths. */
  const hangingAt = async (hangs: (path: string, client: unknown) => boolean) => {
    const server = createServer((asked, answer) => {
      if (!hangs(asked.url ?? '', asked.headers['x-forwarded-for'])) answer.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new AccountsClient(`http://127.0.0.1:${Reflect.get(Object(server.address()), 'port')}`);
    const ask = (path: string, from: string): Promise<unknown> =>
      client.ask({
        ...{ method: 'POST', path, body: '', client: from },
        headers: { 'x-forwarded-for': from },
      });
    const close = (): void => {
      server.close();
      server.closeAllConnections();
      client.close();
    };
    return { ask, close };
  };

  test('those with passwords keep no ticket waiting', async () => {
    const { ask, close } = await hangingAt(path => path !== '/v1/accounts/ticket');
    const hanging = Promise.allSettled(
      Array.from({ length: 512 }, (_, each) => ask('/v1/accounts/login', `203.0.113.${each % 20}`)),
    );
    await assert.rejects(ask('/v1/accounts/login', '198.51.100.1'), TooManyWaiting);
    assert.equal(Reflect.get(Object(await ask('/v1/accounts/ticket', '198.51.100.1')), 'status'), 200);
    close();
    await hanging;
  });

  test('those of one client leave the connections to others', async () => {
    const { ask, close } = await hangingAt((_path, client) => client === '203.0.113.1');
    const asked = Array.from({ length: 512 }, () => ask('/v1/accounts/me', '203.0.113.1'));
    const hanging = Promise.allSettled(asked);
    await assert.rejects(ask('/v1/accounts/me', '203.0.113.1'), TooManyWaiting);
    assert.equal(Reflect.get(Object(await ask('/v1/accounts/ticket', '203.0.113.2')), 'status'), 200);
    close();
    await hanging;
  });
});
