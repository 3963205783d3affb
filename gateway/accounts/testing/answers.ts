/** For the test of the OpenAPI document: produces every answer of accounts that it promises, through a gateway that passes them on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Issuer, makeKey } from '../../../engine/contract/identity/testing/issuer.ts';
import { signIn, startProvider } from '../../../engine/contract/identity/testing/provider.ts';
import type { System } from '../../../engine/test/system.ts';
import type { Cases, Given } from '../../coupons/testing/answers.ts';
import { accountOperations } from '../contract/operations.ts';
import { newAddress, PASSWORD, type People, people } from './accounts.ts';
import { Browser, type BrowserAnswer } from './browser.ts';
import { identityEnv, providerEnv } from './identity-env.ts';

const OTHER = 'five herons in the reeds';
const CLIENT = '198.51.100.7';
const MORE_THAN_PASS = 130;

export interface AccountGateways {
  /** In front of the process of accounts. */
  readonly port: number;
  readonly url: string;
  /** Of the process of accounts itself. */
  readonly accountsPort: number;
  /** In front of a process that is away. */
  readonly awayUrl: string;
  readonly busy: BusyGateway;
  readonly mailDir: string;
  /** What else the shop's identity provider signs. */
  readonly issuer: Issuer;
  close(): Promise<void>;
}

/** A gateway in front of a process that answers nobody. */
interface BusyGateway {
  readonly url: string;
  readonly behind: Server;
}

/** Starts the process of accounts, where one act with a password runs and one may wait, and three gateways. */
export async function openAccounts(system: System): Promise<AccountGateways> {
  const mailDir = await mkdtemp(join(tmpdir(), 'fairline-answers-'));
  const few = { HASHES_AT_ONCE: '1', MAX_WAITING_HASHES: '1' };
  const provider = await startProvider();
  const issuer = new Issuer([await makeKey('one')], provider.issuer);
  const jwks = join(mailDir, 'jwks.json');
  await writeFile(jwks, JSON.stringify(issuer.jwks()));
  const accounts = await system.startAccounts({
    MAIL_DIR: mailDir,
    ...few,
    ...identityEnv(issuer, jwks),
    ...providerEnv(provider),
  });
  const { port, url } = await system.startGateway({ ACCOUNTS_URL: accounts.url });
  const away = await system.startGateway({ ACCOUNTS_URL: 'http://127.0.0.1:1' });
  const behind = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(behind, 'listening');
  const behindUrl = `http://127.0.0.1:${Reflect.get(Object(behind.address()), 'port')}`;
  const busy = { url: (await system.startGateway({ ACCOUNTS_URL: behindUrl })).url, behind };
  const close = async (): Promise<void> => {
    provider.close();
    behind.close();
    await rm(mailDir, { recursive: true, force: true });
  };
  return { port, url, accountsPort: accounts.port, awayUrl: away.url, busy, mailDir, issuer, close };
}

export interface AccountCasesOptions {
  readonly gateways: AccountGateways;
  /** Without ACCOUNTS_URL. */
  readonly bareUrl: string;
  /** Sends a POST whose body never arrives to the gateway on this port. */
  readonly slowBody: (path: string, port: number) => Promise<Given>;
}

/** `method` and `path` as in the document. */
interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A body that is accepted, of each operation that takes one; without a session, so that it does nothing. */
function bodyOf(id: string): object | undefined {
  if (id === 'verifyAddress' || id === 'exchangeToken') return { token: 'x' };
  if (id === 'resetPassword') return { token: 'x', password: OTHER };
  if (id === 'respondToAuthorization') return { query: 'x' };
  if (id === 'deleteAccount') return { password: OTHER };
  if (id === 'requestVerification' || id === 'requestPasswordReset') return { address: newAddress() };
  return { address: newAddress(), password: OTHER };
}

/** The same with a fault in the field that the document's example shows. */
function wrongBodyOf(id: string): object {
  if (id === 'verifyAddress' || id === 'exchangeToken') return { token: 7 };
  if (id === 'respondToAuthorization') return { query: 7 };
  if (id === 'resetPassword') return { token: 'x', password: 7 };
  return id === 'deleteAccount' ? { password: 7 } : { ...bodyOf(id), address: 'ada' };
}

export function accountCases({ gateways, bareUrl, slowBody }: AccountCasesOptions): Cases {
  const { url, awayUrl, busy, mailDir, port } = gateways;
  const { link, loggedIn, fan } = people(url, mailDir);
  const call = (browser: Browser, { method, path, body, headers }: Call): Promise<BrowserAnswer> => {
    const at = path.replace('{id}', 'nobody');
    if (body !== undefined) return browser.post(at, body, headers);
    return browser.ask(method.toUpperCase(), at, undefined, headers);
  };
  const given = async (answer: Promise<BrowserAnswer>): Promise<Given> => {
    const { status, headers, text } = await answer;
    return { status, mediaType: headers.get('content-type') ?? '', text };
  };
  const visitor = (at = url): Browser => new Browser(at, CLIENT);
  const cases: Record<string, () => Promise<Given>> = {};
  for (const { id, method, path, body: schema, session, problems } of accountOperations) {
    const body = schema && (() => bodyOf(id));
    const as = (): Promise<Browser> =>
      session === true ? loggedIn(newAddress()) : Promise.resolve(visitor());
    const asked = async (browser: Browser, more: Partial<Call> = {}): Promise<Given> =>
      await given(call(browser, { method, path, ...(body && { body: body() }), ...more }));
    const raw = async (text: string, mediaType: string): Promise<Given> =>
      await given(visitor().ask('POST', path, text, { 'content-type': mediaType }));
    const shared: Record<string, () => Promise<Given>> = {
      '503 unavailable': () => asked(visitor(awayUrl)),
      '503 not-configured': () => asked(visitor(bareUrl)),
      '403 foreign-origin': async () =>
        await asked(visitor(), { headers: { 'sec-fetch-site': 'cross-site' } }),
      '400 invalid-request': async () => await asked(await as(), { body: wrongBodyOf(id) }),
      '408 request-timeout': () => slowBody(path, port),
      '413 payload-too-large': () => raw(' '.repeat(5_000), 'application/json'),
      '415 unsupported-media-type': () => raw('<a/>', 'text/xml'),
      '401 signed-out': () => asked(visitor()),
      '429 too-many-requests': async () => {
        // More than a gateway passes on of one client: the others are answered once nobody is behind it.
        const waiting = Array.from({ length: MORE_THAN_PASS }, () => asked(visitor(busy.url)));
        const first = await Promise.race(waiting);
        busy.behind.closeAllConnections();
        await Promise.all(waiting);
        return first;
      },
    };
    for (const [name, ask] of Object.entries(shared)) {
      const [, slug] = name.split(' ');
      if (problems.some(each => each === slug)) cases[`${method} ${path} ${name}`] = ask;
    }
  }
  return {
    ...cases,
    ...ownCases({ link, loggedIn, fan }, visitor, given),
    ...shopCases(gateways.issuer, visitor, given),
  };
}

/** The answers that only one operation, or some, have. */
function ownCases(
  { link, loggedIn, fan }: Pick<People, 'link' | 'loggedIn' | 'fan'>,
  visitor: () => Browser,
  given: (answer: Promise<BrowserAnswer>) => Promise<Given>,
): Cases {
  const post = (path: string, body?: object, browser = visitor()): Promise<Given> =>
    given(browser.post(path, body));
  const session = (): Promise<Browser> => loggedIn(newAddress());
  const address = newAddress;
  const signUp = async (): Promise<string> => {
    const made = address();
    await visitor().post('/v1/accounts', { address: made, password: PASSWORD });
    return made;
  };
  /** Asks until it is refused. */
  const limited = async (ask: () => Promise<Given>): Promise<Given> => {
    for (let asked = 0; asked < 20; asked++) {
      const answer = await ask();
      if (answer.status === 429) return answer;
    }
    return assert.fail('no request was refused');
  };
  const guesses = async (path: string, body: (address: string) => object): Promise<Given> => {
    const own = address();
    const browser = await loggedIn(own);
    return await limited(() => post(path, body(own), browser));
  };
  const mails = (path: string, more = {}): Promise<Given> => {
    const body = { address: address(), ...more };
    return limited(() => post(path, body));
  };
  const at = '/v1/accounts';
  return {
    [`post ${at} 202 `]: () => post(at, { address: address(), password: PASSWORD }),
    [`post ${at} 429 too-many-requests`]: () => mails(at, { password: PASSWORD }),
    [`post ${at}/verification 204 `]: async () =>
      post(`${at}/verification`, { token: await link(await signUp(), /Confirm/) }),
    [`post ${at}/verification 410 link-refused`]: () => post(`${at}/verification`, { token: 'x' }),
    [`post ${at}/verification-mail 202 `]: async () =>
      post(`${at}/verification-mail`, { address: await signUp() }),
    [`post ${at}/verification-mail 429 too-many-requests`]: () => mails(`${at}/verification-mail`),
    [`post ${at}/login 200 `]: async () =>
      post(`${at}/login`, { address: await fan(address()), password: PASSWORD }),
    [`post ${at}/login 401 login-refused`]: () =>
      post(`${at}/login`, { address: address(), password: OTHER }),
    [`post ${at}/login 429 too-many-requests`]: () => {
      const body = { address: address(), password: OTHER };
      return limited(() => post(`${at}/login`, body));
    },
    [`post ${at}/logout 204 `]: async () => post(`${at}/logout`, undefined, await session()),
    [`post ${at}/logout-everywhere 204 `]: async () =>
      post(`${at}/logout-everywhere`, undefined, await session()),
    [`post ${at}/password-mail 202 `]: () => post(`${at}/password-mail`, { address: address() }),
    [`post ${at}/password-mail 429 too-many-requests`]: () => mails(`${at}/password-mail`),
    [`post ${at}/password 204 `]: async () => {
      const own = await fan(address());
      await visitor().post(`${at}/password-mail`, { address: own });
      return await post(`${at}/password`, { token: await link(own, /new password/), password: OTHER });
    },
    [`post ${at}/password 410 link-refused`]: () => post(`${at}/password`, { token: 'x', password: OTHER }),
    [`post ${at}/password 429 too-many-requests`]: async () => {
      // On a busy machine they come one after another, and the limit on one link refuses before the queue of hashes is full.
      for (let crowd = 0; crowd < 10; crowd++) {
        const own = await fan(address());
        await visitor().post(`${at}/password-mail`, { address: own });
        const body = { token: await link(own, /new password/), password: OTHER };
        const answers = await Promise.all(Array.from({ length: 50 }, () => post(`${at}/password`, body)));
        const full = answers.find(({ status, text }) => status === 429 && !text.includes('This link'));
        if (full !== undefined) return full;
      }
      return assert.fail('no request was refused');
    },
    [`post ${at}/address 202 `]: async () =>
      post(`${at}/address`, { address: address(), password: PASSWORD }, await session()),
    [`post ${at}/address 403 wrong-password`]: async () =>
      post(`${at}/address`, { address: address(), password: OTHER }, await session()),
    [`post ${at}/address 429 too-many-requests`]: () =>
      guesses(`${at}/address`, () => ({ address: address(), password: OTHER })),
    [`post ${at}/ticket 200 `]: async () => post(`${at}/ticket`, undefined, await session()),
    [`get ${at}/me 200 `]: async () => given((await session()).get(`${at}/me`)),
    [`post ${at}/deletion 204 `]: async () => post(`${at}/deletion`, { password: PASSWORD }, await session()),
    [`post ${at}/deletion 403 wrong-password`]: async () =>
      post(`${at}/deletion`, { password: OTHER }, await session()),
    [`post ${at}/deletion 429 too-many-requests`]: () =>
      guesses(`${at}/deletion`, () => ({ password: OTHER })),
    [`get ${at}/sessions 200 `]: async () => given((await session()).get(`${at}/sessions`)),
    [`delete ${at}/sessions/{id} 204 `]: async () => {
      const browser = await session();
      const { body } = await browser.get(`${at}/sessions`);
      const [first] = body.sessions as { id: string }[];
      return await given(browser.delete(`${at}/sessions/${first?.id}`));
    },
    [`delete ${at}/sessions/{id} 404 unknown-session`]: async () =>
      given((await session()).delete(`${at}/sessions/nobody`)),
  };
}

/** Those of fans whose account the shop keeps. */
function shopCases(
  issuer: Issuer,
  visitor: () => Browser,
  given: (answer: Promise<BrowserAnswer>) => Promise<Given>,
): Cases {
  const at = '/v1/accounts/exchange';
  const exchange = async (sub: string, claims = {}, browser = visitor()): Promise<Given> =>
    given(browser.post(at, { token: await issuer.token(sub, { claims }) }));
  const kept = async (path: string, body: object): Promise<Given> => {
    const browser = visitor();
    await exchange('bob', {}, browser);
    return await given(browser.post(path, body));
  };
  const request = '/v1/accounts/authorization-request';
  const response = '/v1/accounts/authorization-response';
  /** Goes through the provider, and comes back. */
  const authorized = async (sub: string): Promise<Given> => {
    const browser = visitor();
    const { body } = await browser.post(request);
    return await given(browser.post(response, { query: await signIn(String(body.url), sub) }));
  };
  return {
    [`post ${request} 200 `]: () => given(visitor().post(request)),
    [`post ${response} 200 `]: () => authorized('ada'),
    [`post ${response} 401 authorization-refused`]: () => authorized('nobody'),
    [`post ${response} 401 token-refused`]: () => authorized('a'.repeat(200)),
    [`post ${response} 429 too-many-requests`]: async () => {
      for (let login = 0; login < 10; login++) await exchange('dora');
      return await authorized('dora');
    },
    [`post ${at} 200 `]: () => exchange('ada'),
    [`post ${at} 401 token-refused`]: () => exchange('ada', { aud: 'another-service' }),
    [`post ${at} 429 too-many-requests`]: async () => {
      for (let login = 0; login < 10; login++) await exchange('carol');
      return await exchange('carol');
    },
    'post /v1/accounts/address 409 kept-by-shop': () =>
      kept('/v1/accounts/address', { address: newAddress(), password: PASSWORD }),
    'post /v1/accounts/deletion 409 kept-by-shop': () =>
      kept('/v1/accounts/deletion', { password: PASSWORD }),
  };
}
