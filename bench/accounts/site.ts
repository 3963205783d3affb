/** A fairline with accounts: fans who have a password and a session each. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { hashPassword } from '../../engine/contract/passwords/hashing.ts';
import { programArguments } from '../../engine/test/program.ts';
import { SessionCookies } from '../../gateway/accounts/session/session-cookie.ts';
import { startChild, startPeer } from '../peers/process.ts';
import { Closing, type Stoppable } from '../system/closing.ts';
import { type Fairline, makeSite, type Process, startEngine, startFairline } from '../system/fairline.ts';
import type { Servers } from '../system/servers.ts';

export const PASSWORD = 'three owls by the harbour';
const LIFE_S = 3_600;

export interface AccountsSite extends Stoppable {
  readonly fairline: Fairline;
  readonly gateway: Process;
  /** Base URL of the process of accounts. */
  readonly accounts: string;
  /** Base URL of the bare echo. */
  readonly echo: string;
  readonly fans: readonly Fan[];
}

export interface Fan {
  readonly address: string;
  /** The session's cookie, as long as everybody's. */
  readonly cookie: string;
}

/** Starts everything; nobody has logged in, so each session is a row that was put there. */
export async function startAccountsSite(servers: Servers, count: number): Promise<AccountsSite> {
  const closing = new Closing();
  try {
    const mailDir = await mkdtemp(join(tmpdir(), 'fairline-bench-mail-'));
    await closing.own(Promise.resolve({ stop: () => rm(mailDir, { recursive: true, force: true }) }));
    const site = await closing.own(makeSite(servers, 'redis', { TRUSTED_PROXIES: '127.0.0.1/32' }));
    const secret = randomBytes(32).toString('base64url');
    // An engine makes the schema, which accounts wait for.
    await (await startEngine(site)).stop();
    const fans = await makeFans(site.databaseUrl, new SessionCookies(secret, LIFE_S), count);
    const child = await closing.own(
      startChild({
        name: 'accounts',
        command: process.execPath,
        args: programArguments('gateway/accounts/main.ts'),
        env: {
          ...site.env,
          ...{ ACCOUNTS_SECRET: secret, ACCOUNTS_PORT: '0', MAIL_DIR: mailDir, SMTP_URL: undefined },
          SESSION_LIFETIME_S: String(LIFE_S),
        },
        isReady: line => line.ready === 'accounts',
      }),
    );
    const accounts = `http://127.0.0.1:${child.ready.port}`;
    const env = { ...site.env, ACCOUNTS_URL: accounts };
    const fairline = await closing.own(startFairline({ ...site, env }));
    const [gateway] = fairline.gateways;
    if (gateway === undefined) throw new Error('there is no gateway');
    const echo = await closing.own(startPeer('echo'));
    return { fairline, gateway, accounts, echo: echo.base, fans, stop: () => closing.close() };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function makeFans(
  databaseUrl: string,
  cookies: SessionCookies,
  count: number,
): Promise<readonly Fan[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    // One hash for all: a login compares with it, and takes as long as with any other.
    const hash = await hashPassword(PASSWORD);
    const { rows } = await client.query<{ email: string; token: string }>(
      `with ids as (
         select number, lpad(number::text, 32, 'f') as id, lpad(number::text, 32, 't') as token
           from generate_series(1, $1::integer) number
       ), made as (
         insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
         select id, '', 'fan-' || number || '@example.com', true, 'en', now(), now() from ids returning id, email, credential_version
       ), credentials as (
         insert into fan_credentials (id, fan_id, account_id, provider_id, password, created_at, updated_at)
         select id, id, id, 'credential', $2, now(), now() from made
       )
       insert into fan_sessions (id, fan_id, token, expires_at, ip_address, user_agent, created_at, updated_at, credential_version)
       select id, id, token, now() + make_interval(secs => $3), '', '', now(), now(), credential_version from made join ids using (id)
       returning token, (select email from made where made.id = fan_id) as email`,
      [count, hash, LIFE_S],
    );
    return rows.map(({ email, token }) => ({
      address: email,
      // Not percent-encoded: then all are of one length.
      cookie: decodeURIComponent(cookies.pair(token)),
    }));
  } finally {
    await client.end();
  }
}
