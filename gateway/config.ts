/** The gateway's variables. Each limit says what it protects; tests check each at its limit. */

import { readNetworks } from '../engine/contract/clients/trusted-proxies.ts';
import { logVariables } from '../engine/contract/log/open.ts';
import {
  ConfigError,
  checkShared,
  type Environment,
  matching,
  oneOf,
  optional,
  readConfig,
  receiptVariables,
  sharedVariables,
  shopVariables,
  ticketVariables,
  urls,
  whole,
} from '../engine/contract/process/config.ts';
import { ITEM_HEAD_BYTES, MAX_USER_ID_BYTES, RECORD_HEAD_BYTES } from '../engine/contract/record/record.ts';
import { SIGNED_HEAD_BYTES } from '../engine/contract/record/slice-head.ts';
import { corsVariables } from './http/origins.ts';

export const gatewayVariables = {
  ...sharedVariables,
  ...ticketVariables,
  ...shopVariables,
  ...receiptVariables,
  ...logVariables,
  ...corsVariables,
  GATEWAY_HOST: matching('127.0.0.1', /^[0-9A-Za-z.:-]{1,255}$/, 'an address to listen on, such as 0.0.0.0'),
  /** 0 takes any free port; the ready line names it. */
  GATEWAY_PORT: whole(8080, 0, 65_535),
  /** An entry has no fields: a kilobyte is generous, and the whole body may wait in memory. */
  MAX_BODY_BYTES: whole(1_024, 2, 1_048_576),
  /** A basket of 100 lines is some 10 KB. */
  MAX_BASKET_BYTES: whole(16_384, 1_024, 1_048_576),
  /** Fits a ticket and a cookie. */
  MAX_HEADER_BYTES: whole(4_096, 1_024, 65_536),
  /** A body that has not arrived by then is refused, so that no connection is held forever. */
  BODY_TIMEOUT_MS: whole(5_000, 100, 60_000),
  /** 4,096 entries with the longest user ids are 582 KB: below the 1 MB that brokers accept. */
  MAX_SLICE_ENTRIES: whole(4_096, 1, 7_000),
  /** Entries waiting for the log: more would only wait longer than their clients do. */
  MAX_WAITING_ENTRIES: whole(50_000, 1, 1_000_000),
  /** Tabs of one person. */
  MAX_WATCHERS_PER_USER: whole(4, 1, 1_000),
  MAX_WATCHERS: whole(100_000, 1, 1_000_000),
  /** Keep it below the process's limit of file descriptors. */
  MAX_CONNECTIONS: whole(18_000, 1, 1_000_000),
  /** The output buffered for a watcher that reads slowly. */
  MAX_WATCHER_BUFFER_BYTES: whole(16_384, 64, 16_777_216),
  /** The lifetime of a pass to a shop; its holder may request a new one. Longer: a stolen pass stays valid for longer. */
  PASS_LIFETIME_S: whole(120, 5, 3_600),
  /**
   * How many entrants are remembered, so that their repeated entries cost the log nothing; 4 bytes each. Of claims and withdrawals that
   * are not decided, as many, at most 8,192 (own-requests.ts). 0: none.
   */
  REMEMBERED_ENTRANTS: whole(1_048_576, 0, 67_108_864),
  /**
   * The rate of answered repeats, with a burst of ten seconds' worth: each costs Redis a look-up. Less: more users get 429. Each
   * gateway counts for itself, so a user who reaches several of them gets as many times this rate.
   */
  REPEATS_PER_SECOND_PER_USER: whole(5, 1, 100_000),
  /** The same for everybody behind one address (64 bits of IPv6), perhaps a whole office or town. Only repeats count. */
  REPEATS_PER_SECOND_PER_PREFIX: whole(500, 1, 100_000),
  WATCHER_EVENTS_PER_SECOND: whole(4, 1, 100),
  WATCHER_COMMENT_MS: whole(15_000, 100, 600_000),
  /** How long a client waits before it reconnects; each gets a random value between once and twice this. */
  WATCHER_RETRY_MS: whole(2_000, 100, 600_000),
  /** Shorter: watchers see their position sooner. Longer: less work for Redis and the log. */
  BOARD_INTERVAL_MS: whole(40, 5, 5_000),
  /** The error bound of the shared clock that raises a warning in /readyz and metrics; entries are still accepted. */
  CLOCK_WARN_MS: whole(5, 1, 10_000),
  /** The proxies whose X-Request-Start and X-Forwarded-For are accepted. They must set X-Request-Start themselves: a client
   * that can bypass them, or whose header they pass on, could choose its own stamp within REQUEST_START_WAIT_MS. */
  TRUSTED_PROXIES: {
    fallback: '',
    right: 'a comma-separated list of CIDR blocks or addresses, such as 10.0.0.0/8,fd00::/8',
    secret: false,
    read: readNetworks,
  },
  /** How far promises lag the time if proxies are trusted. Shorter: a request that took longer from the edge is stamped
   * that much later. Longer: positions become final, and coupons are granted, that much later. */
  REQUEST_START_WAIT_MS: whole(50, 0, 5_000),
  /** Without it, or while Postgres is down, repeated entries are answered without a receipt, and /v1/heads answers 503. */
  DATABASE_URL: optional(
    urls(
      ['postgres', 'postgresql'],
      'postgres://[user:password@]host[:port]/database, the same as for the engines',
    ),
  ),
  /**
   * The process that keeps fans' accounts, to which /v1/accounts is passed on. Without it these routes answer not-configured; shops
   * with accounts of their own need none.
   */
  ACCOUNTS_URL: optional(
    urls(['http'], 'http://host:port, the address of a process started by npm run accounts'),
  ),
  /** How long answers from Postgres are waited for. */
  LEDGER_TIMEOUT_MS: whole(500, 50, 60_000),
  /**
   * The longest that a gateway warms up the path of entries before it joins and listens; 0: no warm-up. See
   * warm-up/warm-up.ts.
   */
  WARM_UP_MS: whole(2_000, 0, 60_000),
  /** off: slices are not signed and nobody gets a receipt; it exists to measure their cost. */
  RECEIPTS: oneOf('on', 'on', 'off'),
  /** How long a command to Redis may take before the gateway gives up and answers 503. */
  REDIS_TIMEOUT_MS: whole(1_500, 100, 60_000),
} as const;

export type GatewayConfig = ReturnType<typeof readConfig<typeof gatewayVariables>>;

/** Reads and checks the gateway's environment. Throws ConfigError with every fault. */
export function readGatewayConfig(env: Environment): GatewayConfig {
  const config = readConfig(gatewayVariables, env);
  checkShared(config);
  const largestRecord =
    config.MAX_SLICE_ENTRIES * (ITEM_HEAD_BYTES + MAX_USER_ID_BYTES) + RECORD_HEAD_BYTES + SIGNED_HEAD_BYTES;
  if (config.LOG === 'kafka' && largestRecord > 1_000_000) {
    throw new ConfigError([
      `MAX_SLICE_ENTRIES is ${config.MAX_SLICE_ENTRIES}, a record of up to ${largestRecord} bytes; expected at most 7000 with LOG=kafka`,
    ]);
  }
  if (config.BOARD_INTERVAL_MS * 4 > config.LEASE_MS) {
    throw new ConfigError([
      `BOARD_INTERVAL_MS is ${config.BOARD_INTERVAL_MS}; expected at most a quarter of LEASE_MS (${config.LEASE_MS})`,
    ]);
  }
  if (config.CLOCK_WARN_MS >= config.CLOCK_STOP_MS) {
    throw new ConfigError([
      `CLOCK_WARN_MS is ${config.CLOCK_WARN_MS}; expected less than CLOCK_STOP_MS (${config.CLOCK_STOP_MS})`,
    ]);
  }
  return config;
}
