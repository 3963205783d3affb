/** What a browser makes of the list of origins, and of cookies that are SameSite=Lax: pages in Chromium, a gateway, and accounts behind it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { launchChromium } from '../../engine/test/chromium.ts';
import { eventually } from '../../engine/test/support.ts';
import { startSystem } from '../../engine/test/system.ts';
import { newAddress, PASSWORD, people } from '../accounts/testing/accounts.ts';

interface Shop {
  readonly port: number;
  readonly server: Server;
}

/** A shop: a page on an origin of its own. */
async function startShop(): Promise<Shop> {
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<p>a shop'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: Number(Reflect.get(Object(server.address()), 'port')) };
}

interface Seen {
  /** -1 if the page may not know. */
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a script of the page sees of an answer. */
async function ask(page: Page, url: string, init: object): Promise<Seen> {
  return await page.evaluate(
    `fetch(${JSON.stringify(url)}, ${JSON.stringify({ credentials: 'include', ...init })}).then(
      async answer => ({ status: answer.status, retryAfter: answer.headers.get('retry-after'),
        body: await answer.json().catch(() => ({})) }),
      () => ({ status: -1, retryAfter: null, body: {} }))`,
  );
}

/** The first event with a position, of an EventSource of the page; 'refused' if it may not listen. */
async function watch(page: Page, url: string): Promise<string> {
  return await page.evaluate(
    `new Promise(resolve => {
      const source = new EventSource(${JSON.stringify(url)}, { withCredentials: true });
      source.addEventListener('position', event => { source.close(); resolve(event.data); });
      source.onerror = () => { source.close(); resolve('refused'); };
    })`,
  );
}

test("a shop's page logs in, enters and watches from its own origin; one that is not listed reads nothing", {
  timeout: 180_000,
}, async context => {
  const chromium = await launchChromium();
  if (typeof chromium === 'string') {
    context.skip(`!!! NOT TESTED IN A BROWSER: ${chromium} !!!`);
    return;
  }
  const mailDir = await mkdtemp(join(tmpdir(), 'fairline-cors-'));
  const [shop, stranger] = [await startShop(), await startShop()];
  const system = await startSystem({ log: 'redis' });
  try {
    // To a browser another port is another origin of the same site, and 127.0.0.1 another site than localhost.
    const CORS_ORIGINS = `http://localhost:${shop.port},http://127.0.0.1:${shop.port}`;
    const accounts = await system.startAccounts({ MAIL_DIR: mailDir, CORS_ORIGINS });
    const gateway = await system.startGateway({ CORS_ORIGINS, ACCOUNTS_URL: accounts.url });
    const queue = `http://localhost:${gateway.port}`;
    const campaign = await system.offer({ kind: 'raffle', winners: 1 });
    const address = await people(gateway.url, mailDir).fan(newAddress());
    const session = await chromium.newContext();
    const opened = async (url: string): Promise<Page> => {
      const page = await session.newPage();
      await page.goto(url);
      return page;
    };
    const login = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address, password: PASSWORD }),
    };
    const post = { method: 'POST' };

    const page = await opened(`http://localhost:${shop.port}`);
    assert.equal((await ask(page, `${queue}/v1/accounts/login`, login)).status, 200);
    const minted = await ask(page, `${queue}/v1/accounts/ticket`, post);
    assert.equal(minted.status, 200, 'a cookie that is SameSite=Lax goes to other origins of its site');
    const authorization = `Bearer ${minted.body.ticket}`;
    const entries = `${queue}/v1/campaigns/${campaign}/entries`;
    await eventually(
      async () => (await ask(page, entries, { ...post, headers: { authorization } })).status === 202,
    );
    const position = await watch(
      page,
      `${queue}/v1/campaigns/${campaign}/queue?ticket=${minted.body.ticket}`,
    );
    assert.equal(JSON.parse(position).ahead, 0);
    let limited: Seen | undefined;
    for (let guess = 0; guess < 20 && limited?.status !== 429; guess++) {
      const wrong = { ...login, body: JSON.stringify({ address: 'nobody@example.com', password: PASSWORD }) };
      limited = await ask(page, `${queue}/v1/accounts/login`, wrong);
    }
    assert.ok(Number(limited?.retryAfter) > 0, 'the page sees how long to wait');

    const foreign = await opened(`http://localhost:${stranger.port}`);
    for (const url of [`${queue}/v1/accounts/ticket`, `${queue}/v1/accounts/me`, `${queue}/v1/keys`]) {
      assert.equal((await ask(foreign, url, url.endsWith('ticket') ? post : {})).status, -1, url);
    }
    const stolen = { ...post, headers: { authorization } };
    assert.equal((await ask(foreign, entries, stolen)).status, -1, 'not even with the ticket');
    const watched = `${queue}/v1/campaigns/${campaign}/queue?ticket=${minted.body.ticket}`;
    assert.equal(await watch(foreign, watched), 'refused');
    await ask(foreign, `${queue}/v1/accounts/logout`, { ...post, mode: 'no-cors' });
    assert.equal((await ask(page, `${queue}/v1/accounts/ticket`, post)).status, 200, 'still logged in');

    const otherSite = await opened(`http://127.0.0.1:${shop.port}`);
    assert.equal((await ask(otherSite, `${queue}/v1/accounts/login`, login)).status, 200);
    const without = await ask(otherSite, `${queue}/v1/accounts/ticket`, post);
    assert.deepEqual(
      [without.status, without.body.type],
      [401, 'urn:fairline:problem:signed-out'],
      'listed, but of another site: it reads answers, and the cookie is not sent',
    );
    const entered = await ask(otherSite, entries, {
      ...post,
      headers: { authorization: `Bearer ${await system.ticket('a fan of the shop')}` },
    });
    assert.equal(entered.status, 202, "a ticket that the shop's server has signed needs no cookie");
  } finally {
    await chromium.close();
    await system.close();
    for (const { server } of [shop, stranger]) {
      server.closeAllConnections();
      server.close();
    }
    await rm(mailDir, { recursive: true, force: true });
  }
});
