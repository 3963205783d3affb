/** Limits on logins of operators, over HTTP behind a proxy: networks, known browsers, names in other letters, and the queue of hashes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { readNetworks, TrustedProxies } from '../../../contract/clients/trusted-proxies.ts';
import { logIn as logInBy } from '../../../operators/accounts/login.ts';
import { DEVICE_COOKIE, makeAccountParts } from '../../../operators/accounts/parts.ts';
import { type Answer, slug, startApi, type TestApi } from '../../testing/api.ts';
import { enrolBy, freshCode, logIn, PASSWORD, type Person, person } from '../../testing/operators.ts';

const behindProxy = () => ({ proxies: new TrustedProxies(readNetworks('127.0.0.1') ?? []) });

let api: TestApi;
before(async () => {
  api = await startApi(behindProxy());
});
after(() => api.close());

/** A login as the proxy passes it on; `cookie` is what the browser sends. */
function from(on: TestApi, address: string, body: object, cookie = ''): Promise<Answer> {
  const cookies = cookie === '' ? {} : { cookie };
  return logIn(on, body, { 'x-forwarded-for': address, ...cookies });
}

async function failures(on: TestApi, addressOf: (login: number) => string, body: object): Promise<number> {
  let count = 0;
  for (let login = 0; login < 13; login++)
    if ((await from(on, addressOf(login), body)).status === 401) count += 1;
  return count;
}

/** The cookie by which the browser of an answer is known afterwards, as it sends it. */
function deviceIn(answer: Answer): string {
  const cookies = answer.headers.getSetCookie().map(cookie => cookie.split(';', 1)[0] ?? '');
  return cookies.find(cookie => cookie.startsWith(`${DEVICE_COOKIE}=`)) ?? '';
}

async function right(on: TestApi, she: Person): Promise<object> {
  return { name: she.name, password: PASSWORD, code: await freshCode(on, she) };
}

describe('behind a trusted proxy, a login', () => {
  it('is counted by the network of its client, whatever the client says of itself', async () => {
    const she = await person(api);
    const wrong = { name: she.name, password: 'wrong', code: '000000' };
    const hex = (login: number): string => (login + 1).toString(16);
    assert.equal(await failures(api, login => `192.0.2.${login}, 2001:db8:0:1::${hex(login)}`, wrong), 10);
    assert.equal(slug(await from(api, '2001:db8:0:1:9::', wrong)), '429 too-many-requests');
    assert.equal(await failures(api, login => `203.0.113.${login}`, wrong), 10);
    const elsewhere = await from(api, '2001:db8:0:2::1', await right(api, she));
    assert.equal(elsewhere.status, 200);
  });

  it('from a proxy that is not named is counted as of the proxy, and the log says so once', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: line => void lines.push(line) });
    const bare = await startApi({ log });
    try {
      const wrong = { name: 'nobody', password: 'wrong', code: '000000' };
      assert.equal(await failures(bare, login => `203.0.${login}.1`, wrong), 10);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', /ENGINE_TRUSTED_PROXIES does not name/);
    } finally {
      await bare.close();
    }
  });

  it('works from a known browser while strangers have used up all attempts, until there are new credentials', async () => {
    const she = await person(api);
    const first = await from(api, '198.51.100.1', await right(api, she));
    const device = deviceIn(first);
    assert.notEqual(device, '');
    const wrong = { name: she.name, password: 'wrong', code: '000000' };
    for (let network = 0; network < 5; network++) await failures(api, () => `203.0.${network}.1`, wrong);
    const stranger = await from(api, '198.51.100.1', await right(api, she));
    assert.equal(slug(stranger), '429 too-many-requests');
    for (const address of ['198.51.100.1', '203.0.0.1']) {
      const known = await from(api, address, await right(api, she), device);
      assert.equal(known.status, 200, `from ${address}`);
    }
    const other = await person(api);
    const theirs = deviceIn(await from(api, '198.51.100.9', await right(api, other)));
    const borrowed = await from(api, '198.51.100.1', await right(api, she), theirs);
    assert.equal(slug(borrowed), '429 too-many-requests', 'a cookie of another account');

    const link = await other.call('POST', `/v1/operators/${she.id}/link`);
    const again = await enrolBy(api, String(Object(link.body.link).token));
    const former = await from(api, '198.51.100.1', await right(api, again), device);
    assert.equal(slug(former), '429 too-many-requests', 'known with former credentials');
    const enrolled = await from(api, '198.51.100.1', await right(api, again), again.device);
    assert.equal(enrolled.status, 200, 'the browser that enrolled');
  });

  it('has one count for all spellings that lead to one account', async () => {
    const suffix = (await person(api)).name;
    const invited = await api.call('POST', '/v1/operators', {
      body: { name: `Iii ${suffix}`, role: 'viewer' },
    });
    const she = await enrolBy(api, String(Object(invited.body.link).token));
    const spellings = ['iii', 'III', 'İii', 'iİi', 'İİİ', 'ııı', 'iïi'].map(text => `${text} ${suffix}`);
    const { rows } = await api.pool.query<{ name: string }>(
      'select name from unnest($1::text[]) name where lower(name) = lower($2)',
      [spellings, she.name],
    );
    assert.ok(rows.length >= 2);
    let count = 0;
    for (const { name } of rows)
      count += await failures(api, () => '192.0.2.1', { name, password: 'wrong', code: '000000' });
    assert.equal(count, 10);
  });

  it('finds a place in the queue of hashes when a network has sent as many as it may', async () => {
    const other = await startApi(behindProxy());
    try {
      const she = await person(other);
      const wrong = { name: '', password: 'wrong', code: '000000' };
      const body = await right(other, she);
      const storm = Array.from({ length: 55 }, (_, login) =>
        from(other, `203.0.113.${login}`, { ...wrong, name: `nobody ${login}` }),
      );
      const hers = from(other, '198.51.100.1', body);
      const statuses = (await Promise.all(storm)).map(({ status }) => status);
      assert.ok(statuses.includes(429), 'the network has a bound');
      assert.equal((await hers).status, 200);
    } finally {
      await other.close();
    }
  });
});

describe('a login without an account', () => {
  it('opens a sealed secret and computes a code as well', async () => {
    const log = pino({ level: 'silent' });
    const parts = makeAccountParts({ pool: api.pool, secret: api.deps.operatorSecret, log });
    const she = await person(api);
    const opened: string[] = [];
    const { open } = parts.keys;
    parts.keys.open = (sealed, purpose) => {
      const plain = open.call(parts.keys, sealed, purpose);
      if (plain !== undefined) opened.push(`${plain.length} bytes for ${purpose}`);
      return plain;
    };
    const client = { network: '', cookies: '', userAgent: '' };
    for (const name of [she.name, 'nobody']) {
      const login = { name, password: 'wrong', code: '000000' };
      await assert.rejects(logInBy(parts, login, client, 'logIn'), { slug: 'login-refused' });
    }
    assert.deepEqual(opened, [`20 bytes for totp ${she.name}`, '20 bytes for totp ']);
  });
});
