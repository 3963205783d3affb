/** The process that keeps accounts, over the servers that its configuration names. */
import type { Logger } from 'pino';
import { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { AuthorizationStates } from '../../engine/contract/identity/authorization-state.ts';
import { OpenIdClient } from '../../engine/contract/identity/open-id-client.ts';
import { HashingQueue } from '../../engine/contract/passwords/hashing.ts';
import { PasswordRules } from '../../engine/contract/passwords/password-rules.ts';
import { messageOf } from '../../engine/contract/process/message-of.ts';
import { openPool, type Pool } from '../../sql/database.ts';
import { checkSchema } from '../../sql/schema/schema.ts';
import { deleteEndedFanRows } from '../../sql/statements/fans/fan-sweep.ts';
import { claimProviderName } from '../../sql/statements/fans/shop-fans.ts';
import { Cors } from '../http/cors.ts';
import { listen } from '../http/listen.ts';
import { Attempts } from './attempts.ts';
import type { AccountsConfig } from './config.ts';
import { buildAccountsApp } from './http/app.ts';
import { ActsUnderWay } from './http/under-way.ts';
import { IssuerKeys, readerOf } from './identity/issuer-keys.ts';
import { ShopProvider } from './identity/shop-provider.ts';
import { ShopTokens } from './identity/shop-tokens.ts';
import { makeLibrary, type Recipient } from './library/library.ts';
import { Links } from './library/links.ts';
import { fileDelivery, Outgoing, type Rank, smtpDelivery } from './mail/outgoing.ts';
import { type MailKind, mailText } from './mail/texts.ts';
import { AccountsMetrics } from './metrics.ts';
import { UnknownNetworks } from './network.ts';
import { TicketMint } from './session/mint-ticket.ts';
import { AUTHORIZATION_COOKIE, SessionCookies } from './session/session-cookie.ts';
import { Sessions } from './session/sessions.ts';

export interface AccountsService {
  readonly port: number;
  stop(): Promise<void>;
}

/** Acts with a password run few at a time. */
const CONNECTIONS = 8;
/** Look-ups of sessions share statements. What else is asked for, however much, keeps no ticket waiting for a connection. */
const LOOK_UP_CONNECTIONS = 2;
/** For acts under way at a stop; the whole stop has 8 s. */
const ACTS_LIMIT_MS = 5_000;
const SCHEMA_RETRY_MS = 1_000;
const SWEEP_MS = 3_600_000;
/** After it somebody else's mistyped address is free again. */
const UNVERIFIED_DAYS = 7;

/** Resolves when it listens; it serves once the database has the schema that an engine makes, which /readyz shows. */
export async function startAccounts(config: AccountsConfig, log: Logger): Promise<AccountsService> {
  const open = (max: number): Pool =>
    openPool(config.DATABASE_URL, {
      max,
      applicationName: 'fairline accounts',
      timeoutMs: config.ACCOUNTS_DATABASE_TIMEOUT_MS,
      onError: error => log.warn({ reason: error.message }, 'lost a connection to Postgres'),
    });
  const [pool, lookUps] = [open(CONNECTIONS), open(LOOK_UP_CONNECTIONS)];
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
  const library = makeLibrary({
    ...{ pool, log, mail },
    secret: config.ACCOUNTS_SECRET,
    publicUrl: config.ACCOUNTS_PUBLIC_URL,
    sessionS: config.SESSION_LIFETIME_S,
    linkS: config.LINK_LIFETIME_S,
  });
  const cookies = new SessionCookies(config.ACCOUNTS_SECRET, config.SESSION_LIFETIME_S);
  const database = watchDatabase(pool, log, config);
  const acts = new ActsUnderWay();
  const app = buildAccountsApp({
    ...{ config, metrics, pool, library, hashing, attempts, cookies, links, mail },
    cors: new Cors(config.CORS_ORIGINS),
    proxies: new TrustedProxies(config.ACCOUNTS_TRUSTED_PROXIES),
    unknown: new UnknownNetworks(share =>
      log.warn(
        { share },
        'the networks of most clients are unknown, so they share limits: list the proxies in ACCOUNTS_TRUSTED_PROXIES, and let them set X-Forwarded-For',
      ),
    ),
    rules: new PasswordRules(),
    sessions: new Sessions({ pool: lookUps, cookies, lifeS: config.SESSION_LIFETIME_S }),
    shopTokens: openShopTokens(config, log),
    shopProvider: openShopProvider(config, log),
    mint: new TicketMint({
      secret: config.TICKET_SECRET,
      audience: config.TICKET_AUDIENCE,
      lifetimeS: config.TICKET_LIFETIME_S,
    }),
    acts,
    hindrance: () => (acts.isStopping ? 'the process is stopping' : database.hindrance()),
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
      await acts.stop(ACTS_LIMIT_MS);
      app.close();
      await outgoing.stop();
      await Promise.all([pool.end(), lookUps.end()]);
    },
  };
}

function openShopTokens(config: AccountsConfig, log: Logger): ShopTokens | undefined {
  if (config.IDP_JWKS === '') return undefined;
  const keys = new IssuerKeys({ read: readerOf(config.IDP_JWKS), log });
  void keys.start();
  return new ShopTokens({
    name: config.IDP_NAME,
    issuer: config.IDP_ISSUER,
    audience: config.IDP_AUDIENCE,
    algorithms: config.IDP_ALGORITHMS,
    keys,
  });
}

function openShopProvider(config: AccountsConfig, log: Logger): ShopProvider | undefined {
  if (config.IDP_CLIENT_ID === '') return undefined;
  const client = new OpenIdClient({
    what: "the shop's provider",
    issuer: config.IDP_ISSUER,
    algorithms: config.IDP_ALGORITHMS,
    clientId: config.IDP_CLIENT_ID,
    clientSecret: config.IDP_CLIENT_SECRET,
    returnUrl: config.IDP_RETURN_URL,
    scope: 'openid',
    states: new AuthorizationStates(AUTHORIZATION_COOKIE, config.ACCOUNTS_SECRET),
    log,
  });
  return new ShopProvider(config.IDP_NAME, client);
}

type SendMail = (kind: MailKind, to: Recipient, token?: string) => void;

/** Where the links in e-mails lead; the token is in the fragment, which browsers send to no server and proxies do not log. */
const FRAGMENTS: Readonly<Record<MailKind, string>> = {
  verify: 'verify',
  'new-address': 'verify',
  reset: 'reset',
  exists: '',
  'address-notice': '',
  'address-changed': '',
  'password-changed': '',
};

/** Notices tell of what may be a theft, and need a password or a link: so they are few, and always sent. Without a reset somebody is locked out. */
const RANKS: Readonly<Partial<Record<MailKind, Rank>>> = {
  reset: 'urgent',
  'address-notice': 'notice',
  'address-changed': 'notice',
  'password-changed': 'notice',
};

interface MailerParts {
  readonly config: AccountsConfig;
  readonly attempts: Attempts;
  readonly outgoing: Outgoing;
  readonly metrics: AccountsMetrics;
}

function mailer({ config, attempts, outgoing, metrics }: MailerParts): SendMail {
  return (kind, { address, locale }, token = '') => {
    const rank = RANKS[kind];
    if (rank !== 'notice' && !attempts.maySendTo(address, kind)) return metrics.mailed('suppressed');
    const fragment = FRAGMENTS[kind] === '' ? '' : `#${FRAGMENTS[kind]}=${token}`;
    const facts = {
      link: `${config.ACCOUNTS_PUBLIC_URL}/account${fragment}`,
      minutes: Math.floor(config.LINK_LIFETIME_S / 60),
    };
    outgoing.send({ to: address, ...(rank && { rank }), ...mailText(kind, locale, facts) });
  };
}

interface Database {
  readonly hindrance: () => string | undefined;
  readonly stop: () => void;
}

/** Checks the schema until it is right, as engines do before they start, and deletes what has ended from time to time. */
function watchDatabase(pool: Pool, log: Logger, config: AccountsConfig): Database {
  let hindrance: string | undefined = 'not asked yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const again = (ms: number, work: () => Promise<void>): void => {
    if (!stopped) timer = setTimeout(() => void work(), ms);
  };
  const sweep = async (): Promise<void> => {
    try {
      await deleteEndedFanRows(pool, UNVERIFIED_DAYS);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'what has ended could not be deleted; retrying');
    }
    again(SWEEP_MS, sweep);
  };
  const check = async (): Promise<void> => {
    try {
      await checkSchema(pool);
      await checkIssuer(pool, config);
      hindrance = undefined;
      await sweep();
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== hindrance)
        log.warn({ reason }, 'accounts are not ready; an engine migrates the database when it starts');
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

/** Rejects if the ids of IDP_NAME are those of another issuer's people: to give them to others would hand over what these have. */
async function checkIssuer(
  pool: Pool,
  { IDP_NAME, IDP_ISSUER, IDP_FORMER_ISSUER }: AccountsConfig,
): Promise<void> {
  if (IDP_ISSUER === '') return;
  const issuer = await claimProviderName(pool, IDP_NAME, IDP_ISSUER, IDP_FORMER_ISSUER);
  if (issuer === IDP_ISSUER) return;
  throw new Error(
    `IDP_ISSUER is ${JSON.stringify(IDP_ISSUER)}, but the fans of IDP_NAME ${JSON.stringify(IDP_NAME)} are people of ` +
      `${JSON.stringify(issuer)}; expected another IDP_NAME, or that issuer in IDP_FORMER_ISSUER if each sub is still the same person`,
  );
}
