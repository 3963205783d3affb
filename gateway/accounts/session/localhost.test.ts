/** What clients do with the cookie on plain http://localhost, and with requests of other origins: a real browser, and curl. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { launchChromium } from '../../../engine/test/chromium.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from '../testing/accounts.ts';
import { SESSION_COOKIE } from './session-cookie.ts';

const run = promisify(execFile);

describe('the cookie on http://localhost', () => {
  let accounts: Accounts;
  let port = '';
  before(async () => {
    accounts = await startAccounts();
    ({ port } = new URL(accounts.url));
  });
  after(() => accounts.close());

  /** Asks from the page; the answer's status, 0 if the page may not know it. */
  const ask = async (page: Page, url: string, init: object): Promise<number> =>
    await page.evaluate(
      `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(answer => answer.status, () => -1)`,
    );
  const post = { method: 'POST', credentials: 'include' };

  test('Chromium keeps it and sends it back, hides it from scripts, and no other origin can use it', {
    timeout: 180_000,
  }, async context => {
    const browser = await launchChromium();
    if (typeof browser === 'string') {
      context.skip(`!!! NOT TESTED IN A BROWSER: ${browser} !!!`);
      return;
    }
    try {
      const address = await accounts.fan(newAddress());
      const session = await browser.newContext();
      const page = await session.newPage();
      const here = `http://localhost:${port}`;
      await page.goto(`${here}/livez`);
      const login = {
        ...post,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ address, password: PASSWORD }),
      };
      assert.equal(await ask(page, '/v1/accounts/ticket', post), 401);
      assert.equal(await ask(page, '/v1/accounts/login', login), 200);
      assert.equal(await ask(page, '/v1/accounts/ticket', post), 200);
      assert.equal(await page.evaluate('document.cookie'), '');
      const kept = (await session.cookies()).find(({ name }) => name === SESSION_COOKIE);
      assert.deepEqual([kept?.secure, kept?.httpOnly, kept?.sameSite, kept?.path], [true, true, 'Lax', '/']);

      const foreign = await session.newPage();
      await foreign.goto(`http://127.0.0.1:${port}/livez`);
      assert.equal(await ask(foreign, `${here}/v1/accounts/logout`, { ...post, mode: 'no-cors' }), 0);
      assert.equal(await ask(foreign, `${here}/v1/accounts/ticket`, post), -1, 'it may not read the answer');
      assert.equal(await ask(foreign, '/v1/accounts/ticket', post), 401, 'another host has other cookies');
      assert.equal(await ask(page, '/v1/accounts/ticket', post), 200, 'still logged in');

      const neighbour = await session.newPage();
      await neighbour.goto(`http://neighbour.localhost:${port}/livez`);
      assert.equal(await ask(neighbour, `${here}/v1/accounts/logout`, { ...post, mode: 'no-cors' }), 0);
      assert.equal(
        await ask(page, '/v1/accounts/ticket', post),
        200,
        'a host of the same site cannot log it out',
      );

      assert.equal(await ask(page, '/v1/accounts/logout', post), 204);
      assert.equal(await ask(page, '/v1/accounts/ticket', post), 401);
    } finally {
      await browser.close();
    }
  });

  test('curl keeps it and sends it back', async context => {
    const version = await run('curl', ['--version']).then(
      ({ stdout }) => /^curl (\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [0, 0],
      () => [0, 0],
    );
    const [major = 0, minor = 0] = version;
    if (major < 7 || (major === 7 && minor < 79)) {
      context.skip('needs curl 7.79');
      return;
    }
    const directory = await mkdtemp(join(tmpdir(), 'fairline-curl-'));
    try {
      const address = await accounts.fan(newAddress());
      const jar = join(directory, 'jar');
      const curl = async (...args: readonly string[]): Promise<string> =>
        (await run('curl', ['-sS', '-c', jar, '-b', jar, '-w', '%{http_code}', '-o', '/dev/null', ...args]))
          .stdout;
      const here = `http://localhost:${port}`;
      const body = JSON.stringify({ address, password: PASSWORD });
      const json = 'content-type: application/json';
      assert.equal(await curl('-H', json, '-d', body, `${here}/v1/accounts/login`), '200');
      assert.ok((await readFile(jar, 'utf8')).includes(SESSION_COOKIE));
      assert.equal(await curl('-X', 'POST', `${here}/v1/accounts/ticket`), '200');
      assert.equal(await curl('-X', 'POST', `${here}/v1/accounts/logout`), '204');
      assert.equal(await curl('-X', 'POST', `${here}/v1/accounts/ticket`), '401');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
