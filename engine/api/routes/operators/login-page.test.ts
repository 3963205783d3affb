/** The page /login, in a real browser on http://localhost, behind a proxy that keeps `Host`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { test } from 'node:test';
import { startProvider } from '../../../contract/identity/testing/provider.ts';
import { launchChromium } from '../../../test/chromium.ts';
import { startApi, type TestApi } from '../../testing/api.ts';
import { freshCode, PASSWORD, person } from '../../testing/operators.ts';
import { termsOf } from '../../testing/provider.ts';

test('without a provider there is no button for one', async () => {
  const api = await startApi();
  try {
    const page = await (await fetch(`${api.url}/login`)).text();
    assert.doesNotMatch(page, /id="provider"/);
    assert.match(page, /<button type="submit">/);
  } finally {
    await api.close();
  }
});

test('the browser goes to the provider and back, or logs in with a password', {
  timeout: 180_000,
}, async context => {
  const chromium = await launchChromium();
  if (typeof chromium === 'string') {
    context.skip(`!!! NOT TESTED IN A BROWSER: ${chromium} !!!`);
    return;
  }
  let api: TestApi | undefined;
  const front = createServer((req, res) => {
    const { method, url: path, headers } = req;
    const onward = request({ host: '127.0.0.1', port: api?.port, method, path, headers }, answer => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    req.pipe(onward.on('error', () => res.destroy()));
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const login = `http://localhost:${Reflect.get(Object(front.address()), 'port')}/login`;
  // At 127.0.0.1, which to a browser is another site than localhost.
  const provider = await startProvider(undefined, login, () => ({
    preferred_username: 'ada',
    groups: ['shop'],
  }));
  try {
    const on = await startApi({
      operatorProvider: termsOf(provider.issuer, { OPERATOR_OIDC_RETURN_URL: login }),
    });
    api = on;
    const page = await (await chromium.newContext()).newPage();
    const faults: string[] = [];
    page.on('pageerror', error => faults.push(error.message));
    await page.goto(login);
    await page.click('#provider');
    await page.locator('#state', { hasText: 'You are logged in: ada, editor.' }).waitFor();
    assert.equal(page.url(), login, 'the code is gone from the address bar');
    const me = await page.evaluate(`fetch('/v1/operator').then(answer => answer.json())`);
    assert.deepEqual([Object(me).name, Object(me).role], ['ada', 'editor']);
    assert.ok(await page.isVisible('#done a[href="/v1/campaigns"]'), 'the page leads on');

    await page.goto(`${login}?error=access_denied&state=x`);
    await page.locator('#fault', { hasText: 'was not completed' }).waitFor();
    const she = await person(on, 'viewer');
    await page.fill('[name=name]', she.name);
    await page.fill('[name=password]', PASSWORD);
    await page.fill('[name=code]', '000000');
    await page.click('#form button');
    await page.locator('#fault', { hasText: 'is wrong' }).waitFor();
    await page.fill('[name=code]', await freshCode(on, she));
    await page.click('#form button');
    await page.locator('#state', { hasText: `You are logged in: ${she.name}, viewer.` }).waitFor();
    assert.deepEqual(faults, []);
  } finally {
    await chromium.close();
    front.closeAllConnections();
    front.close();
    provider.close();
    await api?.close();
  }
});
