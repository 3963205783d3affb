/** What the nginx of docker-compose.yml tells the process of accounts, with another proxy before it that ends TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findNginx, startNginx } from '../../engine/stack/testing/nginx.ts';
import { PROJECT } from '../../engine/test/program.ts';
import { identityVariables } from './identity/variables.ts';
import { SESSION_COOKIE } from './session/session-cookie.ts';
import { newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';
import { Browser } from './testing/browser.ts';
import { rawAsk } from './testing/raw.ts';

/** The `http` block of the compose file, but with these addresses in place of its containers'. */
async function httpBlock(port: number, otherPort: number, accountsPort: number): Promise<string> {
  const compose = await readFile(join(PROJECT, 'docker-compose.yml'), 'utf8');
  const [, http = ''] = /^ {6}http \{\n(.*?)^ {6}\}\n/ms.exec(compose) ?? [];
  const replaced: readonly (readonly [RegExp, string])[] = [
    [/\$\$/g, '$'],
    [/^ *access_log off;\n/m, ''],
    [/^ *resolver .*\n/m, ''],
    [/server accounts:8082 resolve/, `server 127.0.0.1:${accountsPort}`],
    [/server (gateway|engine)-\d:\d+ resolve/g, 'server 127.0.0.1:1'],
    [/listen 80 /, `listen 127.0.0.1:${port} `],
    [/listen 81;/, `listen 127.0.0.1:${otherPort};`],
    [/set_real_ip_from 172\.16\.0\.0\/12;/, 'set_real_ip_from 127.0.0.1;'],
  ];
  return replaced.reduce((text, [pattern, by]) => {
    assert.match(text, pattern);
    return text.replace(pattern, () => by);
  }, http);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = Number(Reflect.get(Object(server.address()), 'port'));
  server.close();
  return port;
}

describe('behind the nginx of docker-compose.yml', async () => {
  const nginx = await findNginx();
  const skip = typeof nginx === 'string' ? `!!! NGINX WAS NOT TESTED: ${nginx} !!!` : false;
  if (typeof nginx === 'string') process.stderr.write(`!!! NGINX WAS NOT TESTED: ${nginx} !!!\n`);

  test('the client is the last public address before the proxies, and no cookie turns into that of the session', {
    skip,
  }, async () => {
    assert.ok(typeof nginx !== 'string');
    const accounts = await startAccounts();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    let stop = async (): Promise<void> => undefined;
    try {
      stop = await startNginx(
        nginx,
        await httpBlock(port, await freePort(), Number(new URL(accounts.url).port)),
        async () => (await fetch(`${url}/v1/accounts/me`)).status === 401,
      );
      const address = await accounts.fan(newAddress());
      const browser = new Browser(url, '203.0.113.9, 198.51.100.7');
      assert.equal((await browser.post('/v1/accounts/login', { address, password: PASSWORD })).status, 200);
      const { body } = await browser.get('/v1/accounts/sessions');
      const [session] = body.sessions as { network: string }[];
      assert.equal(session?.network, '198.51.100.0', 'not what the client says of itself');
      const ask = (cookies: string): Promise<string> =>
        rawAsk(port, 'POST /v1/accounts/ticket HTTP/1.1', [`cookie: ${cookies}`]);
      const cookie = `${SESSION_COOKIE}=${browser.cookies.get(SESSION_COOKIE)}`;
      assert.match(await ask(cookie), /^HTTP\/1\.1 200 /);
      for (const blank of ['\u2000', '\u00a0'])
        assert.match(await ask(blank + cookie), /^HTTP\/1\.1 401 /, `U+${blank.charCodeAt(0)}`);
    } finally {
      await stop();
      await accounts.close();
    }
  });
});

test("docker-compose.yml passes every setting of the shop's own accounts, with its default", async () => {
  const compose = await readFile(join(PROJECT, 'docker-compose.yml'), 'utf8');
  for (const [name, { fallback }] of Object.entries(identityVariables))
    assert.ok(compose.includes(`    ${name}: \${${name}:-${fallback ?? ''}}\n`), name);
});
