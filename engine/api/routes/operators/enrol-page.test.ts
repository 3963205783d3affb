/** The page of one-time links, in a real browser on http://localhost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import decodeQR from 'qr/decode.js';
import { launchChromium } from '../../../test/chromium.ts';
import { SESSION_COOKIE } from '../../http/session-cookie.ts';
import { startApi, type TestApi } from '../../testing/api.ts';
import { codeOf, firstOwnerLink, PASSWORD } from '../../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

/** What a camera reads in the picture of the page, as it is shown. */
async function scanned(page: Page): Promise<string> {
  const shot = await page.locator('#qr svg').screenshot();
  const blank = await page.context().newPage();
  try {
    const pixels = await blank.evaluate(`(async () => {
      const image = await createImageBitmap(await (await fetch('data:image/png;base64,${shot.toString('base64')}')).blob());
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      const { width, height, data } = context.getImageData(0, 0, image.width, image.height);
      return { width, height, data: [...data] };
    })()`);
    const { width, height, data } = Object(pixels);
    return decodeQR({ width, height, data: Uint8ClampedArray.from(data) });
  } finally {
    await blank.close();
  }
}

describe('the page of a one-time link', () => {
  it('runs its own script alone, and is framed by nobody', async () => {
    const answer = await fetch(`${api.url}/enrol`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(
      policy,
      /^default-src 'none'; script-src 'sha256-[^']+' 'sha256-[^']+'; style-src 'sha256-[^']+'; /,
    );
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
  });

  it('is in the language that the browser prefers', async () => {
    for (const [accepted, language] of [
      [undefined, 'en'],
      ['ko', 'ko'],
      ['ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7', 'ko'],
      ['en-US,en;q=0.9,ko;q=0.8', 'en'],
      ['fr, ko;q=0.4, en;q=0.5', 'en'],
      ['fr;q=1, KO-kr;q=0.1, *;q=0.5', 'ko'],
      ['de', 'en'],
      ['ko;q=x,,;', 'en'],
    ] as const) {
      for (const path of ['/enrol', '/login']) {
        const headers = accepted === undefined ? {} : { 'accept-language': accepted };
        const page = await (await fetch(api.url + path, { headers })).text();
        assert.match(page, new RegExp(`<html lang="${language}">`), accepted);
        assert.equal(/[가-힣]/.test(page), language === 'ko', accepted);
        assert.doesNotMatch(page, /%\w+%/);
      }
    }
  });

  it('says in words what went wrong, and where to go', { timeout: 180_000 }, async context => {
    const browser = await launchChromium();
    if (typeof browser === 'string') {
      context.skip(`!!! NOT TESTED IN A BROWSER: ${browser} !!!`);
      return;
    }
    try {
      const page = await (await browser.newContext({ locale: 'ko-KR' })).newPage();
      const enrol = `http://localhost:${api.port}/enrol`;
      const shown = async (fault: string): Promise<void> => {
        await page.locator('#fault', { hasText: fault }).waitFor();
        assert.equal(await page.locator('#state').textContent(), '', 'nothing is read any more');
        assert.ok(await page.isVisible('#elsewhere a[href="/login"]'));
        assert.equal(await page.isVisible('#form'), false);
      };
      await page.goto(enrol);
      await shown('# 뒤에 링크가 없습니다');
      await page.goto('about:blank');
      await page.goto(`${enrol}#fairline_link_${'A'.repeat(43)}`);
      await shown('새 링크를 요청하세요');
      await page.route('**/v1/operator/enrolment', route =>
        route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }),
      );
      await page.goto('about:blank');
      await page.goto(`${enrol}#${await firstOwnerLink(api)}`);
      await shown('엔진에 연결할 수 없습니다');
    } finally {
      await browser.close();
    }
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
      const uri = await scanned(page);
      assert.equal(uri, await page.getAttribute('#uri', 'href'));
      assert.equal(new URL(uri).searchParams.get('secret'), secret);
      await page.fill('[name=name]', 'Grace');
      await page.fill('[name=password]', 'password1');
      await page.fill('[name=code]', codeOf(secret));
      await page.click('button');
      await page.locator('#fault', { hasText: /^Choose another password: .*most common/ }).waitFor();
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=code]', codeOf(secret));
      await page.click('button');
      await page.locator('#codes li').nth(9).waitFor();
      assert.equal(await page.locator('#state').textContent(), 'Grace, owner.');
      assert.deepEqual(faults, []);
      const [campaigns] = await Promise.all([
        page.waitForResponse(`${here}/v1/campaigns`),
        page.click('#done a[href="/v1/campaigns"]'),
      ]);
      assert.equal(campaigns.status(), 200, 'the page leads on, with the session');
      await page.goBack();

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
