/** The page of one-time links, in a real browser on http://localhost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launchChromium } from '../../../test/chromium.ts';
import { SESSION_COOKIE } from '../../http/session-cookie.ts';
import { startApi, type TestApi } from '../../testing/api.ts';
import { codeOf, firstOwnerLink, PASSWORD } from '../../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

describe('the page of a one-time link', () => {
  it('runs its own script alone, and is framed by nobody', async () => {
    const answer = await fetch(`${api.url}/enrol`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
  });

  it('makes the first owner, whose session no script and no other port can use', {
    timeout: 180_000,
  }, async context => {
    const browser = await launchChromium();
    if (typeof browser === 'string') {
      context.skip(`!!! NOT TESTED IN A BROWSER: ${browser} !!!`);
      return;
    }
    try {
      const session = await browser.newContext();
      const page = await session.newPage();
      const faults: string[] = [];
      page.on('pageerror', error => faults.push(error.message));
      const here = `http://localhost:${api.port}`;
      await page.goto(`${here}/enrol#${await firstOwnerLink(api)}`);
      await page.locator('#form').waitFor();
      assert.equal(page.url(), `${here}/enrol`, 'the link is gone from the address bar');
      const secret = (await page.locator('#secret').textContent()) ?? '';
      await page.fill('[name=name]', 'Grace');
      await page.fill('[name=password]', 'password1');
      await page.fill('[name=code]', codeOf(secret));
      await page.click('button');
      await page.locator('#fault', { hasText: 'most common' }).waitFor();
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=code]', codeOf(secret));
      await page.click('button');
      await page.locator('#codes li').nth(9).waitFor();
      assert.equal(await page.locator('#state').textContent(), 'Grace, owner.');
      assert.deepEqual(faults, []);

      assert.equal(await page.evaluate('document.cookie'), '');
      const kept = (await session.cookies()).find(({ name }) => name === SESSION_COOKIE);
      assert.deepEqual(
        [kept?.secure, kept?.httpOnly, kept?.sameSite, kept?.path],
        [true, true, 'Strict', '/'],
      );
      const ask = (url: string, init: object): Promise<unknown> =>
        page.evaluate(`fetch('${url}', ${JSON.stringify(init)}).then(answer => answer.status, () => -1)`);
      assert.equal(await ask('/v1/operator', {}), 200);
      assert.equal(
        await ask('/v1/operator/recovery-codes', { method: 'POST' }),
        400,
        'it may ask for changes',
      );

      const other = await startApi({ pool: api.pool });
      try {
        const foreign = await session.newPage();
        await foreign.goto(`http://localhost:${other.port}/livez`);
        const logout = { method: 'POST', mode: 'no-cors', credentials: 'include' };
        await foreign.evaluate(
          `fetch('${here}/v1/operator/logout', ${JSON.stringify(logout)}).then(() => 0, () => -1)`,
        );
        assert.equal(await ask('/v1/operator', {}), 200, 'a page of another port cannot log her out');
      } finally {
        await other.close();
      }
    } finally {
      await browser.close();
    }
  });
});
