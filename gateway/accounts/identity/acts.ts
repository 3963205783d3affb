/** Logins of fans whose account the shop keeps: what the provider says of them becomes a session of ours, once. */
import { randomInt } from 'node:crypto';
import { permit } from '../../../engine/contract/limits/taking.ts';
import type { Pool } from '../../../sql/database.ts';
import { keepNewestFanSessions } from '../../../sql/statements/fans/fan-sessions.ts';
import { admitShopFan } from '../../../sql/statements/fans/shop-fans.ts';
import type { ActAnswer, Asker } from '../act-parts.ts';
import { localeOf } from '../acts.ts';
import type { Attempts } from '../attempts.ts';
import type {
  AuthorizationResponseBody,
  AuthorizationView,
  ExchangeBody,
  FanView,
} from '../contract/contract.ts';
import { shopNotConfigured, tooManyExchanges, tooManyLogins } from '../problems.ts';
import { MOST_SESSIONS, MOST_USER_AGENT_CHARACTERS } from '../session/acts.ts';
import type { SessionCookies } from '../session/session-cookie.ts';
import type { Sessions } from '../session/sessions.ts';
import type { ShopProvider } from './shop-provider.ts';
import type { ShopTokens } from './shop-tokens.ts';

export interface IdentityParts {
  readonly pool: Pool;
  readonly attempts: Attempts;
  readonly cookies: SessionCookies;
  readonly sessions: Pick<Sessions, 'lifeS'>;
  /** undefined if no key of the shop's provider is configured. */
  readonly shopTokens: Pick<ShopTokens, 'fanOf'> | undefined;
  /** undefined if this service is no client of the shop's provider. */
  readonly shopProvider: Pick<ShopProvider, 'begin' | 'complete'> | undefined;
}

/** Makes a session of a token that the shop's provider has issued. */
export async function exchangeToken(
  parts: IdentityParts,
  asker: Asker,
  { token }: ExchangeBody,
): Promise<ActAnswer> {
  if (parts.shopTokens === undefined) throw shopNotConfigured('IDP_JWKS');
  permit(parts.attempts.loginFrom(asker.network), tooManyLogins);
  return await admit(parts, asker, await parts.shopTokens.fanOf(token));
}

/** Begins a login at the shop's provider: tells the page where to send the browser. */
export async function requestAuthorization(parts: IdentityParts, asker: Asker): Promise<ActAnswer> {
  const { url, cookie } = await providerOf(parts).begin(asker.cookies);
  const view: AuthorizationView = { url };
  return { status: 200, body: view, cookies: [cookie] };
}

/** Completes it, once the browser is back on the page. */
export async function respondToAuthorization(
  parts: IdentityParts,
  asker: Asker,
  { query }: AuthorizationResponseBody,
): Promise<ActAnswer> {
  const provider = providerOf(parts);
  permit(parts.attempts.loginFrom(asker.network), tooManyLogins);
  return await admit(parts, asker, await provider.complete(asker.cookies, query));
}

function providerOf({ shopProvider }: IdentityParts): Pick<ShopProvider, 'begin' | 'complete'> {
  if (shopProvider === undefined) throw shopNotConfigured('IDP_CLIENT_ID');
  return shopProvider;
}

/** Logs a fan in of whom the provider has said that it is them. */
async function admit(parts: IdentityParts, asker: Asker, fanId: string): Promise<ActAnswer> {
  const { pool, attempts, cookies, sessions } = parts;
  permit(attempts.exchange(fanId), tooManyExchanges);
  const token = randomText();
  const locale = localeOf(asker.language);
  const madeAt = await admitShopFan(pool, {
    ...{ fanId, locale, token, sessionId: randomText(), lifeS: sessions.lifeS },
    network: asker.network,
    userAgent: asker.userAgent.slice(0, MOST_USER_AGENT_CHARACTERS),
  });
  await keepNewestFanSessions(pool, fanId, MOST_SESSIONS);
  const view: FanView = { id: fanId, address: null, locale, made_at: madeAt.toISOString() };
  return { status: 200, body: view, cookies: [cookies.keep(token)] };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** 190 random bits, in the form of the library's tokens. */
function randomText(): string {
  return Array.from({ length: 32 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
