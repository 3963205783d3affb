/**
 * For tests: a gateway without HTTP. It holds real leases, appends real records to the log and ranks in Redis, but each only
 * when told to, so a test can make it slow, silent, dead or wrong in exactly the way that it needs.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { pino } from 'pino';
import { openPool, type Pool } from '../../sql/database.ts';
import {
  type Campaign,
  createCampaign,
  getCampaign,
  opensAtUs,
} from '../../sql/statements/campaigns/campaigns.ts';
import { announcementOf } from '../campaigns/announce.ts';
import { judgeVariables } from '../config.ts';
import { type LogKind, type LogProducer, type LogWriter, partitionOf } from '../contract/log/log.ts';
import { openProducer } from '../contract/log/open.ts';
import { readConfig } from '../contract/process/config.ts';
import {
  encodeHead,
  ITEM_CLAIM,
  ITEM_ENTRY,
  ITEM_WITHDRAWAL,
  type LogItem,
  RecordEncoder,
  type RecordKind,
} from '../contract/record/record.ts';
import { stampOf } from '../contract/record/stamp.ts';
import { type Keys, keysOf } from '../contract/redis/keys.ts';
import { acquireLease, renewLease } from '../contract/redis/lease/lease.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../contract/redis/redis.ts';
import { TEST_DRAW_SECRET, TEST_SALT_SECRET, testRandomness } from './randomness.ts';
import {
  eventually,
  type SpawnedNode,
  serversFromEnv,
  spawnNode,
  testDatabase,
  testNamespace,
} from './support.ts';

export const quiet: Logger = pino({ level: 'silent' });

/** Short, so that tests of dead gateways are fast; the margin on top is half a second. */
export const TEST_LEASE_MS = 1_000;
export const TEST_PARTITIONS = 3;
const TEST_TOKEN = 'a-token-for-tests-only';

/** A database, a namespace and a log per test, and engines on them. */
export class World {
  readonly env: Readonly<Record<string, string>>;
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly producer: LogProducer;
  readonly #drop: () => Promise<void>;
  readonly #engines: SpawnedNode[] = [];

  private constructor(
    env: Readonly<Record<string, string>>,
    parts: { pool: Pool; redis: RedisClient; keys: Keys; producer: LogProducer; drop: () => Promise<void> },
  ) {
    this.env = env;
    this.pool = parts.pool;
    this.redis = parts.redis;
    this.keys = parts.keys;
    this.producer = parts.producer;
    this.#drop = parts.drop;
  }

  static async make(logKind: LogKind, more: Readonly<Record<string, string>> = {}): Promise<World> {
    const servers = serversFromEnv();
    const database = await testDatabase();
    const namespace = testNamespace();
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: servers.redisUrl,
      KAFKA_BROKERS: servers.kafkaBrokers ?? '',
      KAFKA_REPLICATION: '1',
      LOG: logKind,
      NAMESPACE: namespace,
      LOG_PARTITIONS: String(TEST_PARTITIONS),
      LEASE_MS: String(TEST_LEASE_MS),
      LOG_LEVEL: 'info',
      ENGINE_PORT: '0',
      OPERATOR_TOKEN: TEST_TOKEN,
      RECEIPT_SALT_SECRET: TEST_SALT_SECRET,
      DRAW_SECRET: TEST_DRAW_SECRET,
      OPERATOR_SECRET: 'a secret of the operators, for tests alone',
      ...more,
    };
    const config = readConfig(judgeVariables, env);
    const pool = openPool(database.url, { max: 4, applicationName: 'test', onError: () => undefined });
    const redis = connectRedis(config.REDIS_URL, { commandTimeoutMs: 5_000, onError: () => undefined });
    await waitForRedis(redis, 5_000);
    const producer = await openProducer(config, quiet);
    const drop = async (): Promise<void> => {
      await producer.close();
      await pool.end();
      redis.disconnect();
      await database.drop();
    };
    return new World(env, { pool, redis, keys: keysOf(namespace), producer, drop });
  }

  get leaseMs(): number {
    return Number(this.env.LEASE_MS);
  }

  /** Starts an engine as a process, and waits until it is ready. */
  async startEngine(env: Readonly<Record<string, string>> = {}): Promise<SpawnedNode> {
    const engine = spawnNode('engine/main.ts', { ...this.env, ...env });
    this.#engines.push(engine);
    await engine.ready;
    return engine;
  }

  async stopEngines(): Promise<void> {
    await Promise.all(this.#engines.map(engine => engine.stop('SIGKILL')));
  }

  async campaign(
    rules: Partial<Pick<Campaign, 'kind' | 'stock'>> & {
      readonly opensInMs?: number;
      readonly closesInMs?: number;
    },
  ): Promise<Campaign> {
    const nowMs = Math.floor((await this.nowUs()) / 1000);
    return createCampaign(this.pool, {
      kind: rules.kind ?? 'coupon',
      title: 'test',
      stock: rules.stock ?? 10,
      opensAt: new Date(nowMs + (rules.opensInMs ?? -1_000)),
      closesAt: new Date(nowMs + (rules.closesInMs ?? 600_000)),
    });
  }

  /** A running coupon with claims; the time to claim is an hour unless told otherwise. */
  async claimed(rules: {
    readonly stock: number;
    readonly waitlist: number;
    readonly withinS?: number;
    readonly closesInMs?: number;
  }): Promise<Campaign> {
    const { stock, waitlist, withinS = 3_600, closesInMs = 600_000 } = rules;
    const nowMs = Math.floor((await this.nowUs()) / 1000);
    const times = { opensAt: new Date(nowMs - 1_000), closesAt: new Date(nowMs + closesInMs) };
    const campaign = { kind: 'coupon', title: 'test', stock, ...times } as const;
    return createCampaign(this.pool, campaign, id =>
      announcementOf(testRandomness(), id, campaign, undefined, { withinS, waitlist }),
    );
  }

  /** Redis' time in microseconds since the epoch. */
  async nowUs(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1_000_000 + Number(micros);
  }

  /** The row of a campaign as it is now. */
  async read(campaign: Campaign): Promise<Campaign> {
    const row = await getCampaign(this.pool, campaign.campaignId);
    if (row === undefined) throw new Error(`there is no campaign ${campaign.campaignId}`);
    return row;
  }

  /** Waits until a campaign has `count` settled entries. */
  settled(campaign: Campaign, count: number): Promise<Campaign> {
    return eventually(async () => {
      const row = await this.read(campaign);
      return row.settledCount >= count ? row : undefined;
    });
  }

  finished(campaign: Campaign): Promise<Campaign> {
    return eventually(async () => {
      const row = await this.read(campaign);
      return row.finishedAt === null ? undefined : row;
    });
  }

  /** The outcomes of a campaign's entries, by user. */
  async outcomes(campaign: Campaign): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.pool.query<{ user_id: string; outcome: string }>(
      'select user_id, outcome from entry_outcomes where campaign_id = $1 order by stamp',
      [campaign.campaignId],
    );
    return new Map(rows.map(row => [row.user_id, row.outcome]));
  }

  /** A gateway with a lease; one that writes to `partition` if that is given. */
  async join(partition?: number): Promise<TestGateway> {
    const gateway = await eventually(async () => {
      const name = `test ${randomUUID()}`;
      const acquired = await acquireLease(this.redis, this.keys.leases, this.leaseMs, name);
      return acquired.state === 'ok' ? new TestGateway(this, acquired) : undefined;
    });
    if (partition === undefined || gateway.partition === partition) return gateway;
    const found = await this.join(partition);
    await gateway.leave();
    return found;
  }

  async close(): Promise<void> {
    await this.stopEngines();
    await this.#drop();
  }
}

export class TestGateway {
  readonly gateway: number;
  readonly incarnation: number;
  readonly registeredUs: number;
  /** Appends whatever it is told to; the caller must get it right. */
  readonly writer: LogWriter;
  readonly #world: World;
  #sliceNumber = 0;
  #throughUs: number;
  #rankedUs: number;
  #lastUs: number;

  constructor(
    world: World,
    acquired: {
      readonly gateway: number;
      readonly incarnation: number;
      readonly registeredUs: number;
      readonly token: string;
    },
  ) {
    this.#world = world;
    this.gateway = acquired.gateway;
    this.incarnation = acquired.incarnation;
    this.registeredUs = acquired.registeredUs;
    this.writer = world.producer.writer({
      ...acquired,
      partition: this.partition,
      givenAtMs: acquired.registeredUs / 1000,
      nowMs: Date.now,
    });
    this.#throughUs = acquired.registeredUs;
    this.#rankedUs = acquired.registeredUs;
    this.#lastUs = acquired.registeredUs;
  }

  get partition(): number {
    return partitionOf(this.gateway, TEST_PARTITIONS);
  }

  async renew(): Promise<boolean> {
    const { redis, keys, leaseMs } = this.#world;
    return (await renewLease(redis, keys.leases, this, leaseMs)).state === 'ok';
  }

  /** Stamps a request of each user now, one after another, without logging them. */
  async stamp(
    campaign: Campaign,
    users: readonly string[],
    kind: LogItem['kind'] = ITEM_ENTRY,
  ): Promise<LogItem[]> {
    const nowUs = await this.#world.nowUs();
    return users.map(userId => {
      this.#lastUs = Math.max(this.#lastUs + 1, nowUs);
      const stamp = stampOf(this.#lastUs, opensAtUs(campaign), this.gateway);
      return { kind, campaignId: campaign.campaignId, stamp, userId };
    });
  }

  /** Appends a slice that promises everything up to now, and ranks it unless told otherwise. */
  async log(items: readonly LogItem[], { rank = true } = {}): Promise<void> {
    this.#sliceNumber += 1;
    this.#throughUs = Math.max(this.#lastUs, await this.#world.nowUs());
    this.#lastUs = this.#throughUs;
    await this.writer.append(this.encode('slice', items));
    if (rank) await this.rank(items);
  }

  async rank(items: readonly LogItem[]): Promise<void> {
    const { redis, keys } = this.#world;
    for (const item of items) {
      if (item.kind !== ITEM_ENTRY) continue;
      await redis.zadd(keys.campaign(item.campaignId).rank, 'LT', item.stamp, item.userId);
    }
    this.#rankedUs = this.#throughUs;
  }

  /** Stamps, logs and ranks entries. */
  async enter(
    campaign: Campaign,
    users: readonly string[],
    options: { rank?: boolean } = {},
  ): Promise<LogItem[]> {
    const items = await this.stamp(campaign, users);
    await this.log(items, options);
    return items;
  }

  async withdraw(campaign: Campaign, users: readonly string[]): Promise<void> {
    await this.log(await this.stamp(campaign, users, ITEM_WITHDRAWAL));
  }

  async claim(campaign: Campaign, users: readonly string[]): Promise<void> {
    await this.log(await this.stamp(campaign, users, ITEM_CLAIM));
  }

  /** Promises everything up to now, as ranked too if everything logged was ranked. */
  async through(kind: RecordKind = 'through'): Promise<void> {
    const isRanked = this.#rankedUs === this.#throughUs;
    this.#sliceNumber += 1;
    this.#throughUs = Math.max(this.#lastUs, await this.#world.nowUs());
    this.#lastUs = this.#throughUs;
    if (isRanked) this.#rankedUs = this.#throughUs;
    const head = encodeHead(this.#head(kind));
    await (kind === 'leave' ? this.writer.leave(head) : this.writer.append(head));
  }

  async leave(): Promise<void> {
    await this.through('leave');
  }

  encode(kind: RecordKind, items: readonly LogItem[]): Buffer {
    const encoder = new RecordEncoder();
    encoder.begin();
    for (const item of items) encoder.add(item.kind, item.campaignId, item.stamp, item.userId);
    return encoder.finish(this.#head(kind));
  }

  #head(kind: RecordKind) {
    return {
      kind,
      gateway: this.gateway,
      incarnation: this.incarnation,
      sliceNumber: this.#sliceNumber,
      throughUs: this.#throughUs,
      rankedUs: this.#rankedUs,
    };
  }
}

/** `count` user names. */
export function users(count: number, prefix = 'user'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Describes broken invariants, as far as rows can show them; empty if all hold. */
export async function brokenInvariants(pool: Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ broken: string }>(`
    select 'campaign ' || campaign_id || ': more granted than places' as broken
      from campaigns where granted_count > places
    union all
    select 'campaign ' || c.campaign_id || ': serials are not 1..n without gaps'
      from campaigns c left join grants g using (campaign_id)
     group by c.campaign_id
    having count(g.serial) <> c.granted_count or coalesce(max(g.serial), 0) <> c.granted_count
    union all
    select 'campaign ' || c.campaign_id || ': settled_count is not the number of entries up to settled_stamp'
      from campaigns c
     where c.settled_count <> (
       select count(*) from entries e where e.campaign_id = c.campaign_id and e.stamp <= c.settled_stamp)
    union all
    select 'campaign ' || c.campaign_id || ': gone numbers are not 1..n without gaps'
      from campaigns c
      left join (select campaign_id, gone_number from withdrawals where honoured
                 union all select campaign_id, gone_number from room_moves) as gone using (campaign_id)
     group by c.campaign_id
    having count(distinct gone.gone_number) <> c.gone_count or count(gone.gone_number) <> c.gone_count
        or coalesce(max(gone.gone_number), 0) <> c.gone_count
    union all
    select 'campaign ' || c.campaign_id || ': ' || p.user_id || ' is ' || p.state || ', but was counted otherwise'
      from campaigns c join room_people p using (campaign_id)
      left join grants g using (campaign_id, user_id)
     where p.serial is distinct from g.serial or (p.stamp <= coalesce(c.cancelled_stamp, c.settled_stamp) and p.state = 'waiting' and not exists (
       select from room_moves m where m.campaign_id = c.campaign_id and m.user_id = p.user_id and m.move = 'returned'))
    union all
    select 'campaign ' || campaign_id || ': ' || user_id || ' was granted and has withdrawn'
      from grants join withdrawals using (campaign_id, user_id) where honoured
    union all
    -- In a coupon, of those who are settled and have not withdrawn, the n-th by stamp has the serial n.
    select 'campaign ' || campaign_id || ': ' || user_id || ' was overtaken'
      from (select c.campaign_id, e.user_id, g.serial, c.granted_count, c.places,
                   row_number() over (partition by c.campaign_id order by e.stamp) as turn
              from campaigns c
              join entries e on e.campaign_id = c.campaign_id and e.stamp <= c.settled_stamp
              left join grants g on g.campaign_id = e.campaign_id and g.user_id = e.user_id
              left join withdrawals w on w.campaign_id = e.campaign_id and w.user_id = e.user_id and w.honoured
             where c.kind = 'coupon' and c.claim_within_s is null and w.user_id is null
               and (c.cancelled_stamp is null or e.stamp <= c.cancelled_stamp)) as settled
     where serial is distinct from case when turn <= places then turn end
    union all
    select 'campaign ' || campaign_id || ': ' || count(*) || ' hold the serial ' || serial
      from claimants where state in ('offered', 'claimed') group by campaign_id, serial having count(*) > 1
    union all
    -- Claimants are the first users by stamp, and number n is the n-th of them.
    select 'campaign ' || campaign_id || ': ' || user_id || ' does not hold the number of their rank'
      from (select c.campaign_id, k.user_id, k.number,
                   row_number() over (partition by c.campaign_id order by e.stamp) as turn
              from campaigns c join claimants k using (campaign_id) join entries e using (campaign_id, user_id)
             where c.kind = 'coupon') as placed
     where number <> turn
    union all
    -- Of those who wait, everybody before one who was offered something was too, or has left.
    select 'campaign ' || waiting.campaign_id || ': ' || waiting.user_id || ' was skipped'
      from claimants waiting
     where waiting.state = 'waitlisted' and exists (
       select from claimants k where k.campaign_id = waiting.campaign_id
          and k.waitlist_position > waiting.waitlist_position and k.serial is not null)
    union all
    select 'campaign ' || campaign_id || ': claimant moves are not 1..n without gaps'
      from campaigns c where move_count <> (select count(*) from claimant_moves m where m.campaign_id = c.campaign_id)`);
  return rows.map(row => row.broken);
}
