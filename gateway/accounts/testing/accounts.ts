/** The process that keeps accounts on a database of its own, and browsers that talk to it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accountsUrl,
  eventually,
  type SpawnedNode,
  spawnNode,
  testDatabase,
} from '../../../engine/test/support.ts';
import { openPool, type Pool } from '../../../sql/database.ts';
import { Browser } from './browser.ts';
import { linkToken, type ReadMail, readMails } from './mailbox.ts';

export const PASSWORD = 'three owls by the harbour';

export interface Accounts {
  readonly url: string;
  readonly pool: Pool;
  readonly process: SpawnedNode;
  readonly ticketSecret: string;
  readonly mailDir: string;
  /** Of its database, as the role of accounts. */
  readonly databaseUrl: string;
  /** A browser without cookies, in this network (an address in X-Forwarded-For). */
  browser(address?: string): Browser;
  /** The e-mails to an address, the oldest first, once there are at least `least`. */
  mails(to: string, least?: number): Promise<readonly ReadMail[]>;
  /** The token of the last link to this address whose subject matches. */
  link(to: string, subject: RegExp): Promise<string>;
  /** Signs up and verifies; resolves with the address. */
  fan(address: string): Promise<string>;
  /** A browser that has logged in as a new fan. */
  loggedIn(address: string): Promise<Browser>;
  close(): Promise<void>;
}

let fans = 0;

/** An address that nobody has. */
export function newAddress(): string {
  fans += 1;
  return `fan-${fans}-${randomBytes(3).toString('hex')}@example.com`;
}

/** `databasePort`: of a proxy in front of PostgreSQL, for the process only. */
export async function startAccounts(
  env: Readonly<Record<string, string>> = {},
  databasePort?: number,
): Promise<Accounts> {
  const database = await testDatabase();
  const url = new URL(accountsUrl(database.url));
  if (databasePort !== undefined) url.port = String(databasePort);
  const mailDir = await mkdtemp(join(tmpdir(), 'fairline-mail-'));
  const ticketSecret = randomBytes(24).toString('base64url');
  const started = spawnNode('gateway/accounts/main.ts', {
    DATABASE_URL: url.href,
    TICKET_SECRET: ticketSecret,
    ACCOUNTS_SECRET: randomBytes(24).toString('base64url'),
    ACCOUNTS_PORT: '0',
    MAIL_DIR: mailDir,
    LOG_LEVEL: 'warn',
    ...env,
  });
  const pool = openPool(database.url, { max: 2, applicationName: 'test', onError: () => undefined });
  const close = async (): Promise<void> => {
    await started.stop();
    await pool.end();
    await database.drop();
    await rm(mailDir, { recursive: true, force: true });
  };
  try {
    const ready: unknown = JSON.parse(await started.ready);
    const address = `http://127.0.0.1:${Reflect.get(Object(ready), 'port')}`;
    await eventually(async () => (await fetch(`${address}/readyz`)).ok);
    const databaseUrl = url.href;
    const parts = { url: address, pool, process: started, ticketSecret, mailDir, databaseUrl, close };
    return { ...parts, ...people(address, mailDir) };
  } catch (error) {
    await close();
    throw error;
  }
}

export type People = Pick<Accounts, 'browser' | 'mails' | 'link' | 'fan' | 'loggedIn'>;

/** Of the accounts at this address, whose e-mails are in `mailDir`. */
export function people(url: string, mailDir: string): People {
  const browser = (address = '198.51.100.7'): Browser => new Browser(url, address);
  const mails = (to: string, least = 1): Promise<readonly ReadMail[]> =>
    eventually(async () => {
      const read = (await readMails(mailDir)).filter(mail => mail.to === to);
      return read.length >= least && read;
    });
  const link = (to: string, subject: RegExp): Promise<string> =>
    eventually(async () => {
      const found = (await readMails(mailDir)).filter(mail => mail.to === to && subject.test(mail.subject));
      return found.length > 0 && linkToken(found.at(-1)?.text ?? '');
    });
  const fan = async (address: string): Promise<string> => {
    const signedUp = await browser().post('/v1/accounts', { address, password: PASSWORD, locale: 'en' });
    assert.equal(signedUp.status, 202, signedUp.text);
    const token = await link(address, /Confirm/);
    const verified = await browser().post('/v1/accounts/verification', { token });
    assert.equal(verified.status, 204, verified.text);
    return address;
  };
  const loggedIn = async (address: string): Promise<Browser> => {
    const one = browser();
    const answer = await one.post('/v1/accounts/login', { address: await fan(address), password: PASSWORD });
    assert.equal(answer.status, 200, answer.text);
    return one;
  };
  return { browser, mails, link, fan, loggedIn };
}
