/** The engine's variables. */
import { readNetworks } from './contract/clients/trusted-proxies.ts';
import { logVariables } from './contract/log/open.ts';
import {
  checkShared,
  type Environment,
  matching,
  readConfig,
  receiptVariables,
  secret,
  sharedVariables,
  urls,
  whole,
} from './contract/process/config.ts';
import { providerTerms, providerVariables } from './operators/provider/variables.ts';

/** Variables of everything that works on ledger and projections, with or without the operator's API. */
export const judgeVariables = {
  ...sharedVariables,
  ...logVariables,
  DATABASE_URL: urls(['postgres', 'postgresql'], 'postgres://[user:password@]host[:port]/database'),
  /**
   * Connections besides those that hold locks. Of ten, three are of intake and books, four settle campaigns, one campaign each at
   * a time, and three remain for the API and all else. With fewer they delay each other.
   */
  DATABASE_CONNECTIONS: whole(10, 4, 200),
  /** How long a command to Redis may take; a hanging Redis prolongs a settlement cycle by this. */
  REDIS_TIMEOUT_MS: whole(1_500, 100, 60_000),
  /** The minimum interval between settlement cycles: shorter shows outcomes sooner, but gateways read only every 40 ms. */
  CYCLE_INTERVAL_MS: whole(40, 1, 10_000),
  /**
   * How long a campaign stays in Redis after it has finished and its book exists. Shorter: PostgreSQL answers users who look
   * up their outcome, all at once after a burst. Longer: Redis holds more.
   */
  SHELVE_AFTER_S: whole(300, 1, 31_536_000),
  ...receiptVariables,
  /** Derives the secrets of raffles by commitment. After a change, raffles created under the old one cannot be drawn. */
  DRAW_SECRET: secret(/^.{32,512}$/, 'a secret of 32 to 512 characters, the same for all engines'),
  /** The relays asked for drand rounds, all at once; see draw/drand-relays.ts. None of them is trusted. */
  DRAND_RELAYS: {
    ...urls(['https', 'http'], 'http(s)://host[:port][/path], or a comma-separated list of them'),
    fallback: 'https://api.drand.sh,https://api2.drand.sh,https://api3.drand.sh,https://drand.cloudflare.com',
  },
  /** How long after its close a raffle's round comes. If shorter than clocks and freeze may differ, it could be known early. */
  DRAND_DELAY_S: whole(30, 3, 86_400),
} as const;

export const engineVariables = {
  ...judgeVariables,
  ENGINE_HOST: matching('127.0.0.1', /^[0-9A-Za-z.:-]{1,255}$/, 'an address to listen on, such as 0.0.0.0'),
  /** 0 takes any free port; the ready line names it. */
  ENGINE_PORT: whole(8081, 0, 65_535),
  OPERATOR_TOKEN: secret(
    /^[\x21-\x7e]{16,512}$/,
    '16 to 512 printable characters without spaces, the same that operators send',
  ),
  /**
   * The proxies in front, whose X-Forwarded-For is believed. Without them all operators behind one count as one network to the limits on
   * logins. They must replace what a client sends.
   */
  ENGINE_TRUSTED_PROXIES: {
    fallback: '',
    right: 'a comma-separated list of CIDR blocks or addresses, such as 10.0.0.0/8,fd00::/8',
    secret: false,
    read: readNetworks,
  },
  /**
   * Seals TOTP secrets, hashes recovery codes, and signs device cookies and logins at an identity provider that are under way. After a change
   * operators with a password cannot log in until they have enrolled again.
   */
  OPERATOR_SECRET: secret(/^.{32,512}$/, 'a secret of 32 to 512 characters, the same for all engines'),
  ...providerVariables,
} as const;

export type RuntimeConfig = ReturnType<typeof readConfig<typeof judgeVariables>>;
export type EngineConfig = ReturnType<typeof readConfig<typeof engineVariables>>;

/** Reads and checks the engine's environment. Throws ConfigError with every fault. */
export function readEngineConfig(env: Environment): EngineConfig {
  const config = readConfig(engineVariables, env);
  checkShared(config);
  providerTerms(config);
  return config;
}

/** The same without the API's part. */
export function readRuntimeConfig(env: Environment): RuntimeConfig {
  const config = readConfig(judgeVariables, env);
  checkShared(config);
  return config;
}
