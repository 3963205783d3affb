/** A login at a provider in Chromium: across sites, from a page of a listed origin, with cookies that are SameSite=Lax. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { CLIENT_SECRET, startProvider } from '../../../engine/contract/identity/testing/provider.ts';
import { launchChromium } from '../../../engine/test/chromium.ts';
import { startAccounts } from '../testing/accounts.ts';
import { providerEnv } from '../testing/identity-env.ts';

test('the browser goes from the shop to the provider and back, and has a session then', {
  timeout: 180_000,
}, async context => {
  const chromium = await launchChromium();
  if (typeof chromium === 'string') {
    context.skip(`!!! NOT TESTED IN A BROWSER: ${chromium} !!!`);
    return;
  }
  const shop = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<p>a shop'));
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  const origin = `http://localhost:${Reflect.get(Object(shop.address()), 'port')}`;
  const returnUrl = `${origin}/welcome`;
  // At 127.0.0.1, which to a browser is another site than localhost.
  const provider = await startProvider(CLIENT_SECRET, returnUrl);
  const accounts = await startAccounts({
    ...providerEnv(provider),
    IDP_RETURN_URL: returnUrl,
    CORS_ORIGINS: origin,
  });
  try {
    const service = `http://localhost:${new URL(accounts.url).port}/v1/accounts`;
    const page = await (await chromium.newContext()).newPage();
    const post = (path: string, body: string): Promise<Record<string, unknown>> =>
      page.evaluate(
        `fetch('${service}/${path}', { method: 'POST', credentials: 'include', ...${body} }).then(answer => answer.json())`,
      );
    await page.goto(origin);
    const { url } = await post('authorization-request', '{}');
    await page.goto(`${url}&login_hint=ada`);
    assert.ok(page.url().startsWith(`${returnUrl}?`), page.url());
    const response = `{ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: location.search }) }`;
    const fan = await post('authorization-response', response);
    assert.equal(fan.id, 'shop:ada', JSON.stringify(fan));
    assert.equal((await post('ticket', '{}')).user, 'shop:ada');
  } finally {
    await chromium.close();
    await accounts.close();
    provider.close();
    shop.closeAllConnections();
    shop.close();
  }
});
