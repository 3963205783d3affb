/**
 * The parts of the warm-up: separate instances of the classes with which entries are accepted in service. The clock is its
 * own, set from the machine's, so no instant of the shared clock is used up. Secrets and signing key are generated here and
 * discarded, so no ticket, receipt or head from the warm-up is valid anywhere. Counts and remembered users are discarded too.
 *
 * Two calls leave this process, so that their code is compiled too; neither changes anything. Redis ranks with ZADD XX, which
 * adds no member, in a campaign number that cannot exist. A log in Redis gets an append of a writer that it refuses; nothing is
 * sent to Kafka (kafka-writer.ts).
 */
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type Network, TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { KeyRing } from '../../engine/contract/keys/key-ring.ts';
import { newPrivateKey } from '../../engine/contract/keys/signing-keys.ts';
import type { LogProducer } from '../../engine/contract/log/log.ts';
import { SliceTree } from '../../engine/contract/record/slice-tree.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { monotonicUs, SharedClock } from '../clock/clock.ts';
import { ClockLimits } from '../clock/clock-limits.ts';
import type { Ledger } from '../cold/ledger.ts';
import { ShelvedCampaigns } from '../cold/shelved.ts';
import type { GatewayConfig } from '../config.ts';
import { AdmissionControl } from '../entry/admission-control.ts';
import { enteringParts, entryServices } from '../entry/entry-parts.ts';
import { type Ranked, type RankedMember, Ranker } from '../entry/rank.ts';
import { SlicePipeline } from '../entry/slices.ts';
import { SoldOutCampaigns } from '../entry/sold-out.ts';
import type { EntriesAppParts } from '../http/app.ts';
import { Cors } from '../http/cors.ts';
import type { HandlerParts } from '../http/routes.ts';
import { Metrics, OF_NOBODY } from '../metrics.ts';
import { AheadCounts } from '../shared/ahead-counts.ts';
import { Board } from '../shared/board.ts';
import { ClaimMoves } from '../shared/claim-moves.ts';
import { Lookups } from '../shared/lookups.ts';
import { Membership, type MembershipParts } from '../shared/membership.ts';
import { Deadlines } from '../stream/deadlines.ts';
import { Etas } from '../stream/eta.ts';
import { Hmac } from '../ticket/hmac.ts';
import { TicketVerifier } from '../ticket/ticket.ts';
import { TicketBatch } from '../ticket/ticket-batch.ts';

/** What the warm-up shares with the gateway that is starting. It sends no query to the ledger. */
export interface WarmUpServers {
  readonly config: GatewayConfig;
  readonly keys: Keys;
  readonly log: Logger;
  readonly redis: RedisClient;
  readonly producer: LogProducer;
  readonly ledger: Ledger;
}

export interface WarmUpParts {
  readonly parts: EntriesAppParts;
  /** The number of slices so far. */
  slices(): number;
  /** Why no more slices are possible; undefined while they are. */
  failure(): string | undefined;
  ticketOf(userId: string): string;
  /** Refuses further entries. */
  end(): void;
}

/** Campaign numbers start at 1. */
const NO_CAMPAIGN = 0;
const GATEWAY = 0;
const INCARNATION = 1;
const EPOCH = '1';
/** As many digits as the counts in a burst have. */
const COUNTED = 100_000;
const OPEN_FOR_US = 3_600_000_000;
const TICKET_LIFETIME_S = 3_600;
/** The trusted proxy of the warm-up, if proxies are trusted in service. */
const LOOPBACK: Network = { address: '127.0.0.0', bits: 8, family: 'ipv4' };

class WarmUpBoard extends Board {
  readonly #campaign: BoardCampaign;

  constructor(redis: RedisClient, keys: Keys, campaign: BoardCampaign) {
    super(redis, keys);
    this.#campaign = campaign;
  }

  override campaign(): BoardCampaign {
    return this.#campaign;
  }
}

/** Never started, so it asks for no lease; acts as if it had joined. */
class WarmUpMembership extends Membership {
  readonly #pipeline: SlicePipeline;

  constructor(parts: MembershipParts, pipeline: SlicePipeline) {
    super(parts);
    this.#pipeline = pipeline;
  }

  override get hasJoined(): boolean {
    return true;
  }

  override get gateway(): number {
    return GATEWAY;
  }

  override pipeline(): SlicePipeline {
    return this.#pipeline;
  }
}

/** Redis ranks nobody (XX); the result is as if everybody had been ranked. */
class WarmUpRanker extends Ranker {
  constructor(redis: RedisClient, keys: Keys) {
    super(redis, keys, 'XX LT');
  }

  override async add(campaignId: number, members: readonly RankedMember[]): Promise<Ranked> {
    await super.add(campaignId, members);
    return { added: members.length, total: COUNTED, epoch: EPOCH, whole: EPOCH };
  }
}

export function assembleWarmUp(servers: WarmUpServers): WarmUpParts {
  const { config, keys, log, redis, ledger } = servers;
  const clock = new SharedClock(monotonicUs, config.CLOCK_STOP_MS * 1_000);
  const atUs = monotonicUs();
  clock.sample({ askedUs: atUs, answeredUs: atUs, redisUs: Date.now() * 1_000 });
  const board = new WarmUpBoard(redis, keys, campaignAt(clock.now()));
  const metrics = new Metrics(OF_NOBODY);
  const secret = randomBytes(32).toString('base64url');
  const verifier = new TicketVerifier(new Hmac(secret), config.TICKET_AUDIENCE);
  const tickets = new TicketBatch(verifier, secret);
  const proxies = new TrustedProxies(config.TRUSTED_PROXIES.length === 0 ? [] : [LOOPBACK]);
  const ranker = new WarmUpRanker(redis, keys);
  const promiseBehindUs = proxies.some ? config.REQUEST_START_WAIT_MS * 1_000 : 0;
  const { membership, slices, failure, end } = joinNothing(servers, {
    ...{ board, clock, ranker, tickets, promiseBehindUs },
    sliceAppended: entries => metrics.sliceAppended(entries),
  });
  const shelved = new ShelvedCampaigns(ledger);
  const moves = new ClaimMoves({ redis, keys, board, log });
  const clockLimits = new ClockLimits(clock, { warnMs: config.CLOCK_WARN_MS, stopMs: config.CLOCK_STOP_MS });
  const entering = enteringParts({
    ...{ config, metrics, verifier, tickets, clock, clockLimits, membership, board, shelved, ranker },
    ...entryServices({ config, log, ledger, proxies, clock, metrics }),
    admission: new AdmissionControl({ soldOut: new SoldOutCampaigns({ redis, keys, board, log }), metrics }),
    lookups: new Lookups({ redis, keys, board, shelved, epochs: { isLatest: async () => true } }),
    aheadCounts: new AheadCounts({ redis, keys, board, log }),
    claimants: { moves, deadlines: new Deadlines({ clock, metrics, log }) },
    etas: new Etas(board),
  });
  const failed = (error: unknown): void => log.error({ err: error }, 'a handler failed in the warm-up');
  const cors = new Cors(config.CORS_ORIGINS);
  const handling: HandlerParts = { membership, clock, clockLimits, config, metrics, cors, failed };
  return {
    parts: { handling, entering },
    ticketOf: ticketSigner(secret, config.TICKET_AUDIENCE),
    ...{ slices, failure, end },
  };
}

type Joining = Pick<
  MembershipParts,
  'board' | 'clock' | 'ranker' | 'tickets' | 'promiseBehindUs' | 'sliceAppended'
>;

/** A membership without a lease, with a pipeline whose appends write nothing to the log. */
function joinNothing({ config, keys, log, redis, producer }: WarmUpServers, joining: Joining) {
  let slices = 0;
  let failure: string | undefined;
  const ring = new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: newPrivateKey() }, log);
  const tree = new SliceTree(randomBytes(32).toString('base64url'));
  const parts: MembershipParts = {
    ...{ ...joining, keys, log, producer, redis, name: '' },
    // The warm-up reads no entry from Redis, so nothing needs to be confirmed.
    confirmMs: 0,
    leaseMs: config.LEASE_MS,
    partitions: config.LOG_PARTITIONS,
    maxSliceEntries: config.MAX_SLICE_ENTRIES,
    ...(config.RECEIPTS === 'on' ? { signing: { keys: ring, tree } } : {}),
    sliceAppended: entries => {
      joining.sliceAppended(entries);
      slices += 1;
    },
  };
  const pipeline = new SlicePipeline(
    {
      ...{ ...parts, gateway: GATEWAY, incarnation: INCARNATION, epoch: EPOCH },
      writer: { append: bytes => producer.warmUp(bytes), leave: async () => undefined },
      failed: why => {
        failure = why;
      },
    },
    joining.clock.promise(),
  );
  return {
    membership: new WarmUpMembership(parts, pipeline),
    slices: () => slices,
    failure: () => failure,
    end: () => void pipeline.end(),
  };
}

/** An open campaign that does not close. */
function campaignAt(nowUs: number): BoardCampaign {
  return {
    campaignId: NO_CAMPAIGN,
    revision: 1,
    kind: 'raffle',
    title: '',
    stock: 1,
    opensAtUs: nowUs - OPEN_FOR_US,
    closesAtUs: Number.MAX_SAFE_INTEGER,
    settledStamp: -1,
    settledCount: 0,
    granted: 0,
    gone: 0,
    soldOut: false,
    finished: false,
  };
}

/** Synchronous, and a tenth of the cost of signTicket: the warm-up needs thousands of tickets. */
function ticketSigner(secret: string, audience: string): (userId: string) => string {
  const key = createSecretKey(secret, 'utf8');
  const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = base64url({ alg: 'HS256', typ: 'JWT' });
  const exp = Math.floor(Date.now() / 1_000) + TICKET_LIFETIME_S;
  return userId => {
    const signed = `${header}.${base64url({ sub: userId, aud: audience, exp })}`;
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };
}
