/** For tests of intake: a ledger per suite, log partitions fed by hand, and records as gateways write them. */
import { openPool, type Pool } from '../../../sql/database.ts';
import { type Campaign, createCampaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { nextPosition } from '../../../sql/statements/progress/log-partitions.ts';
import type { LogHandler } from '../../contract/log/log.ts';
import { ITEM_ENTRY, type LogItem, RecordEncoder, type RecordHead } from '../../contract/record/record.ts';
import { quiet } from '../../test/gateway.ts';
import { type TestDatabase, testDatabase } from '../../test/support.ts';
import { type IntakeCounts, makeIntake } from '../intake.ts';

/** One partition of a log, fed by hand. */
class Partition {
  readonly #intake: LogHandler;
  readonly #pool: Pool;
  readonly #logName: string;
  readonly #partition: number;
  #position = '';
  #counts: IntakeCounts | undefined;

  constructor(pool: Pool, logName: string, partition: number) {
    this.#pool = pool;
    this.#logName = logName;
    this.#partition = partition;
    this.#intake = makeIntake({
      pool,
      logName,
      log: quiet,
      onBatch: counts => {
        this.#counts = counts;
      },
    });
  }

  /** Ingests these records as one batch, like a consumer that continues at its position. */
  async take(...records: Buffer[]): Promise<IntakeCounts> {
    const from = this.#position || (await this.#intake.start(this.#partition));
    const indexed = records.map(bytes => ({ position: `at-${++positions}`, bytes }));
    const next = indexed.at(-1)?.position ?? from;
    await this.#intake.batch({ partition: this.#partition, from, next, records: indexed });
    this.#position = next;
    if (this.#counts === undefined) throw new Error('nothing was counted');
    return this.#counts;
  }

  position(): Promise<string> {
    return nextPosition(this.#pool, this.#logName, this.#partition);
  }
}

/** Makes positions distinct, including those of two consumers of one partition. */
let positions = 0;

/** The position of the last record taken, or of one `before` it. */
export function takenAt(before = 0): string {
  return `at-${positions - before}`;
}

let incarnations = 100;

/** An incarnation number that is not in use. */
export function newIncarnation(): number {
  return ++incarnations;
}

/** A record as a gateway writes it, with an incarnation of its own unless given. */
export function record(items: readonly LogItem[], head: Partial<RecordHead> = {}): Buffer {
  const encoder = new RecordEncoder();
  encoder.begin();
  for (const item of items) encoder.add(item.kind, item.campaignId, item.stamp, item.userId);
  return encoder.finish({
    kind: 'slice',
    gateway: 1,
    incarnation: head.incarnation ?? newIncarnation(),
    sliceNumber: 1,
    throughUs: 1_000,
    rankedUs: 900,
    ...head,
  });
}

export function entry(campaign: Campaign, userId: string, stamp: number): LogItem {
  return { kind: ITEM_ENTRY, campaignId: campaign.campaignId, stamp, userId };
}

export class IntakeLedger {
  readonly pool: Pool;
  readonly #database: TestDatabase;

  private constructor(database: TestDatabase) {
    this.#database = database;
    this.pool = openPool(database.url, { max: 6, applicationName: 'test', onError: () => undefined });
  }

  static async make(): Promise<IntakeLedger> {
    return new IntakeLedger(await testDatabase());
  }

  partition(logName: string, partition = 0): Partition {
    return new Partition(this.pool, logName, partition);
  }

  campaign(windowMs = 3_600_000): Promise<Campaign> {
    const opensAt = new Date('2030-01-01T00:00:00Z');
    const closesAt = new Date(opensAt.getTime() + windowMs);
    return createCampaign(this.pool, { kind: 'coupon', title: 'test', stock: 5, opensAt, closesAt });
  }

  /** Stamps by user. */
  async stamps(campaign: Campaign): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ user_id: string; stamp: number }>(
      'select user_id, stamp from entries where campaign_id = $1 order by user_id',
      [campaign.campaignId],
    );
    return Object.fromEntries(rows.map(row => [row.user_id, row.stamp]));
  }

  async deadLettersOf(logName: string) {
    const { rows } = await this.pool.query<{
      position: string;
      item: number | null;
      reason: string;
      record: Buffer;
    }>(
      'select position, item, reason, record from dead_letters where log_name = $1 order by dead_letter_id',
      [logName],
    );
    return rows;
  }

  async gatewayOf(incarnation: number) {
    const { rows } = await this.pool.query(
      'select gateway, partition, state, through_us, ranked_us, slice_number from gateways where incarnation = $1',
      [incarnation],
    );
    return rows[0];
  }

  async close(): Promise<void> {
    await this.pool.end();
    await this.#database.drop();
  }
}
