/**
 * Configuration: the environment, checked once at start against a schema. Every variable has a default that works on a
 * laptop; all faults are reported at once, each with name, value and what was expected.
 */
import { signingKey, WrongKey } from '../keys/signing-keys.ts';

/** The environment is invalid; `faults` has a line for each invalid variable. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`invalid configuration:\n${faults.map(fault => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** A variable: how to read its text, and what to report if the text is invalid. */
interface Variable<T> {
  readonly fallback: string | undefined;
  readonly right: string;
  readonly secret: boolean;
  read(text: string): T | undefined;
}

type Values<V extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never;
};

export function whole(fallback: number, from: number, to: number): Variable<number> {
  return {
    fallback: String(fallback),
    right: `a whole number from ${from} to ${to}`,
    secret: false,
    read: text =>
      /^\d{1,15}$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : undefined,
  };
}

export function oneOf<const T extends string>(fallback: T, ...choices: readonly T[]): Variable<T> {
  return {
    fallback,
    right: `one of ${choices.join(', ')}`,
    secret: false,
    read: text => choices.find(choice => choice === text),
  };
}

export function matching(fallback: string | undefined, pattern: RegExp, right: string): Variable<string> {
  return { fallback, right, secret: false, read: text => (pattern.test(text) ? text : undefined) };
}

/** Like `matching`, but never shows the value. */
export function secret(pattern: RegExp, right: string): Variable<string> {
  return { fallback: undefined, right, secret: true, read: text => (pattern.test(text) ? text : undefined) };
}

/** Comma-separated URLs with one of the given schemes. */
export function urls(schemes: readonly string[], right: string): Variable<string> {
  const isRight = (text: string): boolean =>
    URL.canParse(text.trim()) && schemes.includes(new URL(text.trim()).protocol.slice(0, -1));
  return {
    fallback: undefined,
    right,
    // A URL may carry a password.
    secret: true,
    read: text => (text.split(',').every(isRight) ? text : undefined),
  };
}

/** May be absent, which reads as ''. */
export function optional(variable: Variable<string>): Variable<string> {
  return { ...variable, fallback: '', read: text => (text === '' ? '' : variable.read(text)) };
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `variables` from the environment. Throws ConfigError with every fault. */
export function readConfig<V extends Record<string, Variable<unknown>>>(
  variables: V,
  env: Environment,
): Values<V> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const given = env[name] === '' ? undefined : env[name];
    const text = given ?? variable.fallback;
    if (text === undefined) {
      faults.push(`${name} is not set; expected ${variable.right}`);
      continue;
    }
    const value = variable.read(text);
    if (value === undefined) {
      const shown = variable.secret
        ? `(${text.length} characters, not shown)`
        : JSON.stringify(text.slice(0, 100));
      faults.push(`${name} is ${shown}; expected ${variable.right}`);
    }
    values[name] = value;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return values as Values<V>;
}

/** Must be the same for gateway and engine; different values would split one fairline in two. */
export const sharedVariables = {
  /**
   * The nodes of a Cluster are discovered; tested with one replica each that takes over, and the log in Kafka. Sentinel is
   * not supported (redis/redis-mode.ts refuses it): a failover of a single server keeps its address.
   */
  REDIS_URL: urls(
    ['redis', 'rediss'],
    'redis://[user:password@]host[:port], or a comma-separated list of nodes of a Redis Cluster (not of Sentinels)',
  ),
  LOG: oneOf('redis', 'redis', 'kafka'),
  KAFKA_BROKERS: optional(
    matching(
      undefined,
      /^[^\s,:/]+:\d{1,5}(,[^\s,:/]+:\d{1,5})*$/,
      'host:port, or a comma-separated list of them',
    ),
  ),
  /** Separates several fairlines on one Redis and one Kafka: it is the prefix of keys and the name of the topic. */
  NAMESPACE: matching(
    'fairline',
    /^[a-z][a-z0-9-]{0,40}$/,
    'a lower-case letter and up to 40 more of a-z, 0-9, -',
  ),
  /** A change while gateways run would break "one gateway, one partition". */
  LOG_PARTITIONS: whole(8, 1, 256),
  /** Shorter: a pause of the process loses the lease. Longer: a dead gateway delays settling for longer. */
  LEASE_MS: whole(3_000, 500, 60_000),
  /**
   * The maximum difference of clocks. A gateway that is further off stamps nothing, because that would be unfair; an engine
   * that finds Redis, PostgreSQL and itself further apart decides nothing. Below the accuracy of NTP they would stop without a
   * fault.
   */
  CLOCK_STOP_MS: whole(50, 2, 60_000),
  LOG_LEVEL: oneOf('info', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
} as const;

/** Authentication of users: how tickets are signed. */
export const ticketVariables = {
  TICKET_SECRET: secret(/^.{32,512}$/, 'a secret of 32 to 512 characters, the same that signs the tickets'),
  TICKET_AUDIENCE: matching(
    'fairline',
    /^[\x21-\x7e]{1,100}$/,
    '1 to 100 printable characters without spaces',
  ),
} as const;

/** Secrets and keys of receipts: see record/leaf.ts and keys/key-ring.ts. */
export const receiptVariables = {
  /** After a change nobody can check the receipts issued before. */
  RECEIPT_SALT_SECRET: secret(
    /^.{32,512}$/,
    'a secret of 32 to 512 characters, the same for all gateways and engines, never changed',
  ),
  SIGNING_KEYS_DIR: optional(
    matching(undefined, /^[^\0]{1,4096}$/, 'a directory readable only by its owner'),
  ),
  SIGNING_KEY: optional({
    ...secret(/^/, 'an Ed25519 private key in PKCS#8, in base64'),
    read: text => (isPrivateKey(text) ? text : undefined),
  }),
} as const;

/** Authentication of shops: their servers, not their customers' browsers. */
export const shopVariables = {
  /** Without it the routes for shops accept named tokens alone, and answer not-configured to others. */
  SHOP_TOKEN: optional(
    secret(
      /^[\x21-\x7e]{16,512}$/,
      '16 to 512 printable characters without spaces, the same that shops send',
    ),
  ),
} as const;

export type SharedConfig = Values<typeof sharedVariables>;
export type TicketConfig = Values<typeof ticketVariables>;

function isPrivateKey(text: string): boolean {
  try {
    signingKey(text, { use: 'slices', fromMs: 0, revokedMs: undefined });
    return true;
  } catch (error) {
    if (error instanceof WrongKey) return false;
    throw error;
  }
}

/** Rules over several variables, shared by both processes. */
export function checkShared(config: SharedConfig): void {
  if (config.LOG === 'kafka' && config.KAFKA_BROKERS === '') {
    throw new ConfigError([
      'KAFKA_BROKERS is not set, but LOG is kafka; expected host:port of a broker, or LOG=redis',
    ]);
  }
}
