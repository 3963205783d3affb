/** The gateway's variables. Each limit says what it protects; the tests hold each at its limit. */
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
} from '../engine/contract/config.ts';
import { logVariables } from '../engine/contract/log/open.ts';
import { ITEM_HEAD_BYTES, MAX_USER_ID_BYTES, RECORD_HEAD_BYTES } from '../engine/contract/record.ts';
import { SIGNED_HEAD_BYTES } from '../engine/contract/slice-head.ts';
import { readNetworks } from './trusted-proxies.ts';

export const gatewayVariables = {
  ...sharedVariables,
  ...ticketVariables,
  ...shopVariables,
  ...receiptVariables,
  ...logVariables,
  GATEWAY_HOST: matching('127.0.0.1', /^[0-9A-Za-z.:-]{1,255}$/, 'an address to listen on, such as 0.0.0.0'),
  /** 0: any free port; the ready line names it. */
  GATEWAY_PORT: whole(8080, 0, 65_535),
  /** An entry has no fields of its own: a kilobyte is generous, and all of it may wait in memory. */
  MAX_BODY_BYTES: whole(1_024, 2, 1_048_576),
  /** A basket of 100 lines is some 10 KB. */
  MAX_BASKET_BYTES: whole(16_384, 1_024, 1_048_576),
  /** A ticket and a cookie fit. */
  MAX_HEADER_BYTES: whole(4_096, 1_024, 65_536),
  /** A body that is not there by then is refused: a connection is not held for ever. */
  BODY_TIMEOUT_MS: whole(5_000, 100, 60_000),
  /** 4,096 entries with the longest user ids are 582 KB: below the 1 MB that brokers accept. */
  MAX_SLICE_ENTRIES: whole(4_096, 1, 7_000),
  /** Entries that wait for the log: more would only wait longer than their clients do. */
  MAX_WAITING_ENTRIES: whole(50_000, 1, 1_000_000),
  /** Tabs of one person. */
  MAX_WATCHERS_PER_USER: whole(4, 1, 1_000),
  MAX_WATCHERS: whole(100_000, 1, 1_000_000),
  /** Below the descriptors that the process may have. */
  MAX_CONNECTIONS: whole(18_000, 1, 1_000_000),
  /** How much may wait for a watcher who reads slowly. */
  MAX_WATCHER_BUFFER_BYTES: whole(16_384, 64, 16_777_216),
  /** How long a pass to a shop is good; who has one may ask for it again. Longer: one that was stolen is good for longer. */
  PASS_LIFETIME_S: whole(120, 5, 3_600),
  /** How many who have entered are known when they enter again, which then costs the log nothing; 4 bytes each. 0: nobody. */
  REMEMBERED_ENTRANTS: whole(1_048_576, 0, 67_108_864),
  /** How often that is answered, with ten seconds' worth at once: each time costs Redis a look-up. Less refuses who is impatient. */
  REPEATS_PER_SECOND_PER_USER: whole(5, 1, 100_000),
  /** The same of all behind one address (64 bits of an IPv6 one): a whole shop or a carrier's town may be. Repeats alone count. */
  REPEATS_PER_SECOND_PER_PREFIX: whole(500, 1, 100_000),
  WATCHER_EVENTS_PER_SECOND: whole(4, 1, 100),
  WATCHER_COMMENT_MS: whole(15_000, 100, 600_000),
  /** How long a client waits before it connects again; each gets between once and twice that. */
  WATCHER_RETRY_MS: whole(2_000, 100, 600_000),
  /** Shorter: watchers see their place sooner; longer: less work for Redis and for the log. */
  BOARD_INTERVAL_MS: whole(40, 5, 5_000),
  /** How far off the shared clock may be before the gateway says so in /readyz and metrics; entries are taken all the same. */
  CLOCK_WARN_MS: whole(5, 1, 10_000),
  /** Whose X-Request-Start is believed. It must be theirs alone: a client who can reach the gateway past them, or have
   * the header passed on by them, could choose its own stamp within REQUEST_START_WAIT_MS. */
  TRUSTED_PROXIES: {
    fallback: '',
    right: 'CIDR blocks or addresses with commas between, such as 10.0.0.0/8,fd00::/8',
    secret: false,
    read: readNetworks,
  },
  /** How far promises stay behind the time where proxies are trusted. Shorter: a request that took longer from the edge
   * to here is stamped that much late. Longer: places become final, and coupons are granted, that much later. */
  REQUEST_START_WAIT_MS: whole(50, 0, 5_000),
  /** Without it, or with Postgres gone, entries are told without their receipt once more, and /v1/heads says 503. */
  DATABASE_URL: optional(
    urls(['postgres', 'postgresql'], 'postgres://[user:password@]host[:port]/database, as engines have it'),
  ),
  /** How long such an answer waits for Postgres. */
  LEDGER_TIMEOUT_MS: whole(500, 50, 60_000),
  /** How long a gateway warms the path of entries at the most before it joins and listens; 0: not at all. See warm-up.ts. */
  WARM_UP_MS: whole(2_000, 0, 60_000),
  /** off: slices are not signed and nobody gets a receipt. There to measure what they cost. */
  RECEIPTS: oneOf('on', 'on', 'off'),
  /** How long a command to Redis may take before the gateway gives up on it and says 503. */
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
      `MAX_SLICE_ENTRIES is ${config.MAX_SLICE_ENTRIES}, a record of up to ${largestRecord} bytes; with LOG=kafka at most 7000 would be right`,
    ]);
  }
  if (config.BOARD_INTERVAL_MS * 4 > config.LEASE_MS) {
    throw new ConfigError([
      `BOARD_INTERVAL_MS is ${config.BOARD_INTERVAL_MS}; at most a quarter of LEASE_MS (${config.LEASE_MS}) would be right`,
    ]);
  }
  if (config.CLOCK_WARN_MS >= config.CLOCK_STOP_MS) {
    throw new ConfigError([
      `CLOCK_WARN_MS is ${config.CLOCK_WARN_MS}; less than CLOCK_STOP_MS (${config.CLOCK_STOP_MS}) would be right`,
    ]);
  }
  return config;
}
