/** The process that keeps accounts, over the servers that its configuration names. */
import type { Logger } from 'pino';
import { HashingQueue } from '../../engine/contract/passwords/hashing.ts';
import { PasswordRules } from '../../engine/contract/passwords/password-rules.ts';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { openPool, type Pool } from '../../sql/database.ts';
import { checkSchema } from '../../sql/schema/schema.ts';
import {
  deleteEndedFanRows,
  dropUnverifiedPassword,
  endFanGrants,
  markFanVerified,
} from '../../sql/statements/fans/fans.ts';
import { listen } from '../http/listen.ts';
import { TrustedProxies } from '../http/trusted-proxies.ts';
import { Attempts } from './attempts.ts';
import type { AccountsConfig } from './config.ts';
import { buildAccountsApp } from './http/app.ts';
import { type Library, makeLibrary, type Recipient } from './library/library.ts';
import { Links } from './library/links.ts';
import { fileDelivery, Outgoing, smtpDelivery } from './mail/outgoing.ts';
import { type MailKind, mailText } from './mail/texts.ts';
import { AccountsMetrics } from './metrics.ts';
import { TicketMint } from './session/mint-ticket.ts';
import { SessionCookies } from './session/session-cookie.ts';
import { Sessions } from './session/sessions.ts';

export interface AccountsService {
  readonly port: number;
  stop(): Promise<void>;
}

/** Look-ups of sessions share statements, and acts with a password run few at a time. */
const CONNECTIONS = 8;
const SCHEMA_RETRY_MS = 1_000;
const SWEEP_MS = 3_600_000;
/** After it somebody else's mistyped address is free again. */
const UNVERIFIED_DAYS = 7;

/** Resolves when it listens; it serves once the database has the schema that an engine makes, which /readyz shows. */
export async function startAccounts(config: AccountsConfig, log: Logger): Promise<AccountsService> {
  const pool = openPool(config.DATABASE_URL, {
    max: CONNECTIONS,
    applicationName: 'fairline accounts',
    timeoutMs: config.ACCOUNTS_DATABASE_TIMEOUT_MS,
    onError: error => log.warn({ reason: error.message }, 'lost a connection to Postgres'),
  });
  const hashing = new HashingQueue({ atOnce: config.HASHES_AT_ONCE, mostWaiting: config.MAX_WAITING_HASHES });
  const metrics = new AccountsMetrics({
    waitingHashes: () => hashing.waiting,
    waitingMails: () => outgoing.waiting,
  });
  metrics.watchProcess();
  const outgoing = new Outgoing({
    deliver:
      config.SMTP_URL === ''
        ? fileDelivery(config.MAIL_DIR, config.MAIL_FROM)
        : smtpDelivery(config.SMTP_URL, config.MAIL_FROM),
    log,
    done: how => metrics.mailed(how),
  });
  const attempts = new Attempts(config.ACCOUNTS_SECRET);
  const mail = mailer({ config, attempts, outgoing, metrics });
  const links = new Links({ secret: config.ACCOUNTS_SECRET, lifeS: config.LINK_LIFETIME_S });
  const library = openLibrary({ config, pool, links, log, mail });
  const cookies = new SessionCookies(config.ACCOUNTS_SECRET, config.SESSION_LIFETIME_S);
  const database = watchDatabase(pool, log);
  const app = buildAccountsApp({
    ...{ config, metrics, pool, library, hashing, attempts, cookies, links, mail },
    proxies: new TrustedProxies(config.ACCOUNTS_TRUSTED_PROXIES),
    rules: new PasswordRules(),
    sessions: new Sessions({ pool, cookies, lifeS: config.SESSION_LIFETIME_S }),
    mint: new TicketMint({
      secret: config.TICKET_SECRET,
      audience: config.TICKET_AUDIENCE,
      lifetimeS: config.TICKET_LIFETIME_S,
    }),
    hindrance: database.hindrance,
    failed: error => log.error({ reason: messageOf(error) }, 'an act failed'),
  });
  const port = await listen(app, {
    host: config.ACCOUNTS_HOST,
    port: config.ACCOUNTS_PORT,
    prefix: 'ACCOUNTS',
  });
  log.info({ port, mail: config.SMTP_URL === '' ? config.MAIL_DIR : 'SMTP' }, 'listening');
  return {
    port,
    async stop() {
      database.stop();
      app.close();
      await outgoing.stop();
      await pool.end();
    },
  };
}

type SendMail = (kind: MailKind, to: Recipient, token?: string) => void;

/** Where the links in e-mails lead; the token is in the fragment, which browsers send to no server and proxies do not log. */
const FRAGMENTS: Readonly<Record<MailKind, string>> = {
  verify: 'verify',
  'new-address': 'verify',
  reset: 'reset',
  exists: '',
  'address-notice': '',
};

/** Without these somebody stays locked out, or does not learn that their account is being taken. */
const URGENT: ReadonlySet<MailKind> = new Set(['reset', 'address-notice']);

interface MailerParts {
  readonly config: AccountsConfig;
  readonly attempts: Attempts;
  readonly outgoing: Outgoing;
  readonly metrics: AccountsMetrics;
}

function mailer({ config, attempts, outgoing, metrics }: MailerParts): SendMail {
  return (kind, { address, locale }, token = '') => {
    // The notice warns of a theft. Changes of address are limited instead, before they are asked for.
    if (kind !== 'address-notice' && !attempts.maySendTo(address, kind)) return metrics.mailed('suppressed');
    const fragment = FRAGMENTS[kind] === '' ? '' : `#${FRAGMENTS[kind]}=${token}`;
    const facts = {
      link: `${config.ACCOUNTS_PUBLIC_URL}/account${fragment}`,
      minutes: Math.floor(config.LINK_LIFETIME_S / 60),
    };
    outgoing.send({ to: address, urgent: URGENT.has(kind), ...mailText(kind, locale, facts) });
  };
}

interface LibraryNeeds {
  readonly config: AccountsConfig;
  readonly pool: Pool;
  readonly links: Links;
  readonly log: Logger;
  readonly mail: SendMail;
}

function openLibrary({ config, pool, links, log, mail }: LibraryNeeds): Library {
  const library = makeLibrary({
    pool,
    secret: config.ACCOUNTS_SECRET,
    publicUrl: config.ACCOUNTS_PUBLIC_URL,
    sessionS: config.SESSION_LIFETIME_S,
    linkS: config.LINK_LIFETIME_S,
    links,
    log,
    mail,
    signedUpAgain: async ({ isVerified, fanId, ...fan }) => {
      if (isVerified) return mail('exists', fan);
      // Nobody knows which of the two reads the e-mails to this address. So neither's password is kept, or a link to verify that was sent
      // before would confirm the account with that of whoever came first. Whoever reads them sets one by a link that resets it.
      await dropUnverifiedPassword(pool, fanId);
      // After the answer, which must not take longer for this.
      setImmediate(() => {
        library.api
          .requestPasswordReset({ body: { email: fan.address } })
          .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'a link could not be made'));
      });
    },
    // After the library's transaction: so this also ends a session that a login beside it has made.
    passwordReset: async fanId => {
      await markFanVerified(pool, fanId);
      await endFanGrants(pool, fanId);
    },
  });
  return library;
}

interface Database {
  readonly hindrance: () => string | undefined;
  readonly stop: () => void;
}

/** Checks the schema until it is right, as engines do before they start, and deletes what has ended from time to time. */
function watchDatabase(pool: Pool, log: Logger): Database {
  let hindrance: string | undefined = 'not asked yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const again = (ms: number, work: () => Promise<void>): void => {
    if (!stopped) timer = setTimeout(() => void work(), ms);
  };
  const sweep = async (): Promise<void> => {
    await deleteEndedFanRows(pool, UNVERIFIED_DAYS).catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, 'what has ended could not be deleted; retrying'),
    );
    again(SWEEP_MS, sweep);
  };
  const check = async (): Promise<void> => {
    try {
      await checkSchema(pool);
      hindrance = undefined;
      await sweep();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== hindrance)
        log.warn({ reason }, 'the database is not ready; an engine migrates it when it starts');
      hindrance = reason;
      again(SCHEMA_RETRY_MS, check);
    }
  };
  void check();
  return {
    hindrance: () => hindrance,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
