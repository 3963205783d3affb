/** Which pages may call a gateway, and through it the accounts: over HTTP, with real gateways and the process of accounts. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ConfigError } from '../../engine/contract/process/config.ts';
import { eventually } from '../../engine/test/support.ts';
import { type RunningProcess, type System, startSystem, toAnswer } from '../../engine/test/system.ts';
import { newAddress, people } from '../accounts/testing/accounts.ts';
import { readGatewayConfig } from '../config.ts';
import { Cors } from './cors.ts';

const SHOP = 'https://shop.example.com';
const OTHER_SHOP = 'http://localhost:3000';
/** Each differs from a listed origin in one thing. */
const STRANGERS = [
  'https://evil.example',
  'http://shop.example.com',
  'https://shop.example.com:8443',
  'https://shop.example.com.evil.example',
  'https://SHOP.example.com',
  'null',
];

const allowOrigin = ({ headers }: { headers: Headers }): string | null =>
  headers.get('access-control-allow-origin');

describe('pages of other origins', () => {
  let system: System;
  let open: RunningProcess;
  let accounts: RunningProcess;
  let mailDir = '';
  before(async () => {
    system = await startSystem({ log: 'redis' });
    mailDir = await mkdtemp(join(tmpdir(), 'fairline-cors-'));
    const CORS_ORIGINS = `${SHOP}, ${OTHER_SHOP}`;
    accounts = await system.startAccounts({ MAIL_DIR: mailDir, CORS_ORIGINS });
    open = await system.startGateway({ CORS_ORIGINS, ACCOUNTS_URL: accounts.url });
  });
  after(async () => {
    await system.close();
    await rm(mailDir, { recursive: true, force: true });
  });

  const preflight = (path: string, origin: string, url = open.url): Promise<Response> =>
    fetch(url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
  const enter = async (campaign: number, headers: Readonly<Record<string, string>>): Promise<Response> =>
    await fetch(`${open.url}/v1/campaigns/${campaign}/entries`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await system.ticket(`fan-${Math.random()}`)}`, ...headers },
    });

  test('a preflight of a listed origin is answered with the methods of the path', async () => {
    for (const url of [open.url, accounts.url]) {
      const answer = await preflight('/v1/accounts/login', SHOP, url);
      assert.equal(answer.status, 204);
      assert.equal(await answer.text(), '');
      assert.equal(allowOrigin(answer), SHOP);
      assert.equal(answer.headers.get('access-control-allow-credentials'), 'true');
      assert.match(
        answer.headers.get('access-control-allow-headers') ?? '',
        /\bAuthorization, Content-Type\b/,
      );
      assert.equal(answer.headers.get('access-control-max-age'), '7200');
      assert.equal(answer.headers.get('vary'), 'Origin');
    }
    const methods = async (path: string): Promise<string | null> =>
      (await preflight(path, OTHER_SHOP)).headers.get('access-control-allow-methods');
    assert.equal(await methods('/v1/campaigns/1/entries'), 'POST');
    assert.equal(await methods('/v1/campaigns/1/entries/me'), 'GET, DELETE');
    assert.equal(await methods('/v1/accounts/sessions/x'), 'GET, POST, DELETE');
  });

  test('a preflight of any other origin is refused, and the refusal is for no page', async () => {
    for (const origin of STRANGERS) {
      for (const url of [open.url, accounts.url]) {
        const answer = await toAnswer(await preflight('/v1/accounts/login', origin, url));
        assert.deepEqual(
          [answer.status, answer.body.type],
          [403, 'urn:fairline:problem:foreign-origin'],
          origin,
        );
        assert.deepEqual(answer.body.errors, [
          { field: 'origin', value: JSON.stringify(origin), expected: 'an origin that CORS_ORIGINS lists' },
        ]);
        assert.equal(allowOrigin(answer), null, origin);
        assert.equal(answer.headers.get('vary'), 'Origin');
      }
    }
    const metrics = await (await fetch(`${open.url}/metrics`)).text();
    assert.match(metrics, /fairline_refused_total\{reason="origin"\} 6/);
  });

  test('OPTIONS that is no preflight is a method like any other', async () => {
    const plain = await fetch(`${open.url}/v1/campaigns`, { method: 'OPTIONS', headers: { origin: SHOP } });
    assert.deepEqual([plain.status, plain.headers.get('allow'), allowOrigin(plain)], [405, 'GET', SHOP]);
  });

  test('answers, refusals and failures are for listed pages; other pages get the answer without permission to read', async () => {
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    const listed = await eventually(async () => {
      const answer = await enter(campaign, { origin: SHOP });
      return answer.status === 202 && answer;
    });
    assert.equal(allowOrigin(listed), SHOP);
    assert.equal(listed.headers.get('content-type'), 'application/json');
    assert.match(listed.headers.get('access-control-expose-headers') ?? '', /ETag, Location, Retry-After/);
    for (const origin of STRANGERS) {
      const answer = await enter(campaign, { origin });
      assert.deepEqual([answer.status, allowOrigin(answer)], [202, null], origin);
      assert.equal(answer.headers.get('access-control-allow-credentials'), null);
    }
    const unauthenticated = await enter(campaign, { origin: OTHER_SHOP, authorization: 'Bearer x' });
    assert.deepEqual([unauthenticated.status, allowOrigin(unauthenticated)], [401, OTHER_SHOP]);
    const nowhere = await fetch(`${open.url}/nowhere`, { headers: { origin: SHOP } });
    assert.deepEqual([nowhere.status, allowOrigin(nowhere)], [404, SHOP]);
  });

  test('what a cache may keep says that it differs by origin, to everybody; what none keeps only to listed pages', async () => {
    const campaign = await system.offer({ kind: 'coupon', stock: 100 });
    await eventually(async () => (await enter(campaign, {})).status === 202);
    const entered = await enter(campaign, {});
    assert.deepEqual([entered.status, entered.headers.get('vary')], [202, null]);
    for (const headers of [{}, { origin: SHOP }, { origin: 'https://evil.example' }]) {
      const keys = await fetch(`${open.url}/v1/keys`, { headers });
      assert.deepEqual([keys.status, keys.headers.get('vary')], [200, 'Origin']);
    }
  });

  test('a stream is for listed pages', async () => {
    const campaign = await system.offer({ kind: 'raffle', winners: 1 });
    const ticket = await system.ticket('watcher');
    await eventually(async () => {
      const init = { method: 'POST', headers: { authorization: `Bearer ${ticket}` } };
      return (await fetch(`${open.url}/v1/campaigns/${campaign}/entries`, init)).status === 202;
    });
    const watch = async (origin: string): Promise<readonly [number, string | null, string]> => {
      const gone = new AbortController();
      const response = await fetch(`${open.url}/v1/campaigns/${campaign}/queue?ticket=${ticket}`, {
        headers: { origin },
        signal: gone.signal,
      });
      const first = await response.body?.getReader().read();
      gone.abort();
      return [
        response.status,
        allowOrigin(response),
        Buffer.from(first?.value ?? [])
          .toString()
          .slice(0, 6),
      ];
    };
    assert.deepEqual(await watch(SHOP), [200, SHOP, 'retry:']);
    assert.deepEqual(await watch('https://evil.example'), [200, null, 'retry:']);
  });

  test('pages of listed origins use accounts through a gateway and directly; those of others change nothing', async () => {
    for (const { url } of [open, accounts]) {
      const browser = await people(url, mailDir).loggedIn(newAddress());
      for (const headers of [
        { origin: SHOP, 'sec-fetch-site': 'cross-site' },
        { origin: SHOP, 'sec-fetch-site': 'same-site' },
        { origin: OTHER_SHOP },
      ]) {
        const answer = await browser.post('/v1/accounts/ticket', undefined, headers);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(allowOrigin(answer), headers.origin, 'once, not twice');
      }
      for (const origin of STRANGERS) {
        const headers = { origin, 'sec-fetch-site': 'cross-site' };
        const answer = await browser.post('/v1/accounts/logout', undefined, headers);
        assert.deepEqual(
          [answer.status, answer.body.type],
          [403, 'urn:fairline:problem:foreign-origin'],
          origin,
        );
        assert.equal(allowOrigin(answer), null);
      }
      assert.equal((await browser.post('/v1/accounts/ticket')).status, 200, 'still logged in');
    }
  });

  test('without a list nothing is told to any page', async () => {
    const [closed] = system.gateways;
    const answer = await fetch(`${closed?.url}/v1/keys`, { headers: { origin: SHOP } });
    assert.deepEqual([answer.status, allowOrigin(answer), answer.headers.get('vary')], [200, null, null]);
    assert.equal((await preflight('/v1/keys', SHOP, closed?.url)).status, 405);
  });
});

test('requests without Origin, and of strangers, share what they are answered', () => {
  const cors = new Cors([SHOP]);
  assert.equal(cors.linesFor(''), cors.linesFor('https://evil.example'));
  assert.equal(cors.linesFor('').uncached, '');
  assert.equal(cors.linesFor(SHOP), cors.linesFor(SHOP));
});

describe('CORS_ORIGINS', () => {
  const read = (CORS_ORIGINS: string): readonly string[] =>
    readGatewayConfig({
      REDIS_URL: 'redis://127.0.0.1:6379',
      TICKET_SECRET: 'a secret of at least thirty-two characters',
      RECEIPT_SALT_SECRET: 'a salt secret that is long enough',
      CORS_ORIGINS,
    }).CORS_ORIGINS;

  test('takes exact origins, and keeps them as browsers write them', () => {
    assert.deepEqual(read(''), []);
    assert.deepEqual(read('https://Shop.example.com:443/, http://localhost:3000,http://[::1]:80'), [
      'https://shop.example.com',
      'http://localhost:3000',
      'http://[::1]',
    ]);
    assert.deepEqual(read('https://상점.example'), ['https://xn--hg4bs7k.example']);
  });

  test('refuses everything else, and names it', () => {
    const many = Array.from({ length: 101 }, (_, shop) => `https://shop-${shop}.example`).join();
    for (const wrong of [
      '*',
      'null',
      'https://*.example.com',
      'http://shop.example.com',
      'https://shop.example.com/checkout',
      'https://shop.example.com?x',
      'https://user:hunter2@shop.example.com',
      'shop.example.com',
      'https://shop.example.com,',
      'https://shop.example.com\r\nset-cookie: x',
      many,
    ]) {
      assert.throws(
        () => read(wrong),
        (error: unknown) =>
          error instanceof ConfigError && /^CORS_ORIGINS is .*; expected a comma/.test(error.faults[0] ?? ''),
        wrong,
      );
    }
  });
});
