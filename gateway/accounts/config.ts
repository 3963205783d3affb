/** The variables of the process that keeps accounts. Each limit says what it protects. */
import { readNetworks } from '../../engine/contract/clients/trusted-proxies.ts';
import { readOrigin } from '../../engine/contract/identity/settings.ts';
import {
  ConfigError,
  type Environment,
  matching,
  oneOf,
  optional,
  readConfig,
  secret,
  ticketVariables,
  urls,
  whole,
} from '../../engine/contract/process/config.ts';
import { corsVariables } from '../http/origins.ts';
import { checkIdentity, identityVariables } from './identity/variables.ts';

const DAY_S = 86_400;

export const accountsVariables = {
  ...ticketVariables,
  ...corsVariables,
  ...identityVariables,
  /** Signs cookies and the links in e-mails: after a change everybody logs in again, and asks for links again. */
  ACCOUNTS_SECRET: secret(
    /^.{32,512}$/,
    'a secret of 32 to 512 characters, the same for all processes that keep accounts',
  ),
  ACCOUNTS_HOST: matching('127.0.0.1', /^[0-9A-Za-z.:-]{1,255}$/, 'an address to listen on, such as 0.0.0.0'),
  /** 0 takes any free port; the ready line names it. */
  ACCOUNTS_PORT: whole(8082, 0, 65_535),
  /** The origin of the pages, to which the links in e-mails lead. Beside it only pages of CORS_ORIGINS may use a session. */
  ACCOUNTS_PUBLIC_URL: {
    fallback: 'http://localhost:8080',
    right:
      'an origin such as https://tickets.example.com; http:// only for localhost, as browsers keep the cookies nowhere else',
    secret: false,
    read: readOrigin,
  },
  DATABASE_URL: urls(
    ['postgres', 'postgresql'],
    'postgres://[user:password@]host[:port]/database, the same as for the engines',
  ),
  /** How long a statement, or the wait for a connection, may take before the answer is 503. */
  ACCOUNTS_DATABASE_TIMEOUT_MS: whole(3_000, 50, 60_000),
  /** How long a session lasts after its last renewal, which comes with the first ticket of a day. */
  SESSION_LIFETIME_S: whole(30 * DAY_S, 60, 365 * DAY_S),
  /** off: the shop keeps all accounts, and nobody has a second one here. */
  LOCAL_ACCOUNTS: oneOf('on', 'on', 'off'),
  /** Shorter: pages ask for tickets more often. Longer: a ticket outlives the end of its session by that much. */
  TICKET_LIFETIME_S: whole(600, 30, 3_600),
  /** Longer: a link in a stolen mailbox works for longer. Shorter: slow e-mails come too late. */
  LINK_LIFETIME_S: whole(3_600, 60, DAY_S),
  /** Each takes a core for some 30 ms, and 19 MiB. More than four need UV_THREADPOOL_SIZE as well. */
  HASHES_AT_ONCE: whole(2, 1, 64),
  /** More would wait longer than their clients do. */
  MAX_WAITING_HASHES: whole(200, 1, 100_000),
  /** smtp://[user:password@]host[:port]; without it each e-mail becomes a file in MAIL_DIR. */
  SMTP_URL: optional(urls(['smtp', 'smtps'], 'smtp://[user:password@]host[:port], or smtps://')),
  MAIL_DIR: matching('.stack/mail', /^[^\0]{1,4096}$/, 'a directory for e-mails while SMTP_URL is not set'),
  MAIL_FROM: matching(
    'fairline <no-reply@localhost>',
    /^[^\r\n<>",;:]{0,100}<[^\s<>@,;]{1,64}@[^\s<>@,;]{1,255}>$/,
    'a sender such as Example <no-reply@example.com>',
  ),
  /**
   * The gateways or the proxy in front, whose X-Forwarded-For is believed. Without them all clients are one network to the limits on
   * attempts.
   */
  ACCOUNTS_TRUSTED_PROXIES: {
    fallback: '127.0.0.1,::1',
    right: 'a comma-separated list of CIDR blocks or addresses, such as 10.0.0.0/8,fd00::/8',
    secret: false,
    read: readNetworks,
  },
  MAX_HEADER_BYTES: whole(4_096, 1_024, 65_536),
  /** A body that has not arrived by then is refused, so that no connection is held forever. */
  BODY_TIMEOUT_MS: whole(5_000, 100, 60_000),
  MAX_CONNECTIONS: whole(2_000, 1, 1_000_000),
  /**
   * The process gives way to the gateways on the same machine (nice, 0 to 19): a storm of logins is hashing, which can wait, and stamps
   * cannot.
   */
  ACCOUNTS_NICE: whole(10, 0, 19),
  LOG_LEVEL: oneOf('info', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
} as const;

export type AccountsConfig = ReturnType<typeof readConfig<typeof accountsVariables>>;

/** Reads and checks the environment. Throws ConfigError with every fault. */
export function readAccountsConfig(env: Environment): AccountsConfig {
  const config = readConfig(accountsVariables, env);
  if (config.TICKET_LIFETIME_S >= config.SESSION_LIFETIME_S) {
    throw new ConfigError([
      `TICKET_LIFETIME_S is ${config.TICKET_LIFETIME_S}; expected less than SESSION_LIFETIME_S (${config.SESSION_LIFETIME_S})`,
    ]);
  }
  const isPublic = config.ACCOUNTS_PUBLIC_URL.startsWith('https:');
  if (config.SMTP_URL === '' && isPublic && config.LOCAL_ACCOUNTS === 'on') {
    throw new ConfigError([
      'SMTP_URL is not set and ACCOUNTS_PUBLIC_URL is for everybody; expected a mail server, since e-mails would only pile up in MAIL_DIR',
    ]);
  }
  if (config.ACCOUNTS_SECRET === config.TICKET_SECRET) {
    throw new ConfigError(['ACCOUNTS_SECRET is TICKET_SECRET; expected a secret of its own']);
  }
  checkIdentity(config);
  return config;
}
