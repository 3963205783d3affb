/**
 * better-auth over our tables: sign-up, verification, login. Its endpoints are called as functions
 * and not through its HTTP handler, since routes, answers, cookies and limits are ours; the README says what of it did not fit.
 */
import { betterAuth } from 'better-auth';
import { createEmailVerificationToken } from 'better-auth/api';
import type { Logger } from 'pino';
import { hashPassword, verifyPassword } from '../../../engine/contract/passwords/hashing.ts';
import { LEAST_CHARACTERS, MOST_CHARACTERS } from '../../../engine/contract/passwords/password-rules.ts';
import type { Pool } from '../../../sql/database.ts';
import type { Locale } from '../../../sql/statements/fans/fan-sessions.ts';
import type { MailKind } from '../mail/texts.ts';
import { SESSION_COOKIE } from '../session/session-cookie.ts';

/** The header that carries the client's network to the library; it is set by us only. */
export const NETWORK_HEADER = 'x-client-network';

export interface Recipient {
  readonly address: string;
  readonly locale: Locale;
}

export interface LibraryParts {
  readonly pool: Pool;
  readonly secret: string;
  readonly publicUrl: string;
  readonly sessionS: number;
  readonly linkS: number;
  readonly log: Logger;
  /** Has an e-mail sent, later; `token` is that of its link. */
  readonly mail: (kind: MailKind, to: Recipient, token?: string) => void;
}

export type Library = ReturnType<typeof makeLibrary>;

interface LibraryFan {
  readonly email: string;
}

function recipientOf(fan: LibraryFan): Recipient {
  return { address: fan.email, locale: Reflect.get(fan, 'locale') === 'ko' ? 'ko' : 'en' };
}

/** `api`: the library's endpoints. */
export function makeLibrary(parts: LibraryParts) {
  const { secret, linkS } = parts;
  /** The token of the link that a sign-up sends. The endpoint that sends another takes half a second at least, for whom it answers itself. */
  const verificationToken = (userId: string, address: string): Promise<string> =>
    createEmailVerificationToken(secret, address, undefined, linkS, { userId });
  return { api: makeEndpoints(parts), verificationToken };
}

function makeEndpoints(parts: LibraryParts) {
  const { pool, secret, publicUrl, sessionS, linkS, log, mail } = parts;
  const timestamps = { createdAt: 'created_at', updatedAt: 'updated_at' };
  const library = betterAuth({
    appName: 'fairline',
    baseURL: publicUrl,
    secret,
    database: pool,
    telemetry: { enabled: false },
    // Ours limit by account and network, for this process; the library's count addresses and routes.
    rateLimit: { enabled: false },
    // Its messages and their arguments have addresses of people in them.
    logger: {
      level: 'error',
      log: (_level, message) => log.error({ library: message.slice(0, 60) }, 'the library failed'),
    },
    advanced: {
      cookies: { session_token: { name: SESSION_COOKIE } },
      // The service checks the whole schema, and again until it is right; the library would keep its first verdict.
      database: { validateSchema: false },
      // It would put __Secure- before the name.
      useSecureCookies: false,
      defaultCookieAttributes: { secure: true, httpOnly: true, sameSite: 'lax', path: '/' },
      // It would store IPv6 addresses in a form of its own; see databaseHooks.
      ipAddress: { disableIpTracking: true },
    },
    databaseHooks: {
      session: {
        create: {
          before: async (session, context) => ({
            data: { ...session, ipAddress: context?.headers?.get(NETWORK_HEADER) ?? '' },
          }),
        },
      },
    },
    user: {
      modelName: 'fans',
      fields: { ...timestamps, emailVerified: 'email_verified' },
      additionalFields: { locale: { type: 'string', required: true, input: true } },
    },
    session: {
      modelName: 'fan_sessions',
      fields: {
        ...timestamps,
        userId: 'fan_id',
        expiresAt: 'expires_at',
        ipAddress: 'ip_address',
        userAgent: 'user_agent',
      },
      expiresIn: sessionS,
      // Renewal is ours (extendFanSession).
      disableSessionRefresh: true,
    },
    account: {
      modelName: 'fan_credentials',
      fields: {
        ...timestamps,
        userId: 'fan_id',
        accountId: 'account_id',
        providerId: 'provider_id',
        accessToken: 'access_token',
        refreshToken: 'refresh_token',
        idToken: 'id_token',
        accessTokenExpiresAt: 'access_token_expires_at',
        refreshTokenExpiresAt: 'refresh_token_expires_at',
      },
    },
    emailAndPassword: {
      enabled: true,
      requireEmailVerification: true,
      minPasswordLength: LEAST_CHARACTERS,
      maxPasswordLength: MOST_CHARACTERS,
      password: {
        hash: hashPassword,
        verify: ({ hash, password }) => verifyPassword(hash, password),
      },
    },
    emailVerification: {
      sendOnSignUp: true,
      expiresIn: linkS,
      sendVerificationEmail: async ({ user, token }) => mail('verify', recipientOf(user), token),
    },
  });
  return library.api;
}
