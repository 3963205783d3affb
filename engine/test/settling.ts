/** For tests of settling: writes campaigns, entries and withdrawals directly into a ledger, and settles on demand. */
import { equal, ok } from 'node:assert/strict';
import { openPool, type Pool } from '../../sql/database.ts';
import type { Announcement } from '../../sql/statements/campaigns/announcement.ts';
import { saveVersion, targetOf } from '../../sql/statements/campaigns/campaign-versions.ts';
import {
  type Campaign,
  createCampaign,
  getCampaign,
  noteRaiseKnown,
  opensAtUs,
} from '../../sql/statements/campaigns/campaigns.ts';
import { findWork } from '../../sql/statements/campaigns/settling.ts';
import { readDrawState } from '../../sql/statements/draws/draws.ts';
import { insertEntries } from '../../sql/statements/entries/entries.ts';
import { insertUserRequests } from '../../sql/statements/entries/user-requests.ts';
import { announcementOf, raisedRules } from '../campaigns/announce.ts';
import type { ClaimRules } from '../draw/rules.ts';
import { type SettlingOptions, settleCampaign } from '../settling/settling.ts';
import { TEST_SALT_SECRET, testRandomness } from './randomness.ts';
import { testDatabase } from './support.ts';

/** How long campaigns are open. */
export const WINDOW_US = 60_000_000;

const OPENS_AT = new Date('2030-01-01T00:00:00Z');
const TIMES = {
  title: 'test',
  opensAt: OPENS_AT,
  closesAt: new Date(OPENS_AT.getTime() + WINDOW_US / 1000),
};

export class TestLedger {
  readonly pool: Pool;
  readonly url: string;
  readonly close: () => Promise<void>;
  /** The total of all outages so far; see outage(). */
  outageUs = 0;
  /** The shared clock, milliseconds since the epoch; not that of PostgreSQL. */
  readonly clockMs = OPENS_AT.getTime() + 3_600_000;
  /** The available time up to which the users present in rooms are known. */
  presentMs = Number.MAX_SAFE_INTEGER;
  /** How far available time is behind the watermark. */
  availableBehindUs = 0;

  private constructor(url: string, pool: Pool, close: () => Promise<void>) {
    this.url = url;
    this.pool = pool;
    this.close = close;
  }

  static async make(): Promise<TestLedger> {
    const database = await testDatabase();
    const pool = openPool(database.url, { max: 6, applicationName: 'test', onError: () => undefined });
    return new TestLedger(database.url, pool, async () => {
      await pool.end();
      await database.drop();
    });
  }

  campaign(
    kind: Campaign['kind'],
    stock: number,
    announce?: (campaignId: number) => Announcement,
  ): Promise<Campaign> {
    return createCampaign(this.pool, { kind, stock, ...TIMES }, announce);
  }

  /** Entries of user-<instant> at these instants, microseconds after the opening, all from gateway 0. */
  async enter(campaign: Campaign, ...instants: number[]): Promise<void> {
    const inserted = await insertEntries(this.pool, columns(campaign, instants), 'all');
    equal(inserted, instants.length);
  }

  async withdraw(campaign: Campaign, ...instants: number[]): Promise<void> {
    await insertUserRequests(this.pool, 'withdrawals', columns(campaign, instants));
  }

  /** A coupon with claims. */
  claimed(stock: number, claims: ClaimRules): Promise<Campaign> {
    return this.announced(stock, claims);
  }

  /** A coupon with announced rules. */
  announced(stock: number, claims?: ClaimRules): Promise<Campaign> {
    return this.campaign('coupon', stock, id =>
      announcementOf(testRandomness(), id, { stock, ...TIMES }, undefined, claims),
    );
  }

  /** Raises the stock of a coupon with announced rules. */
  async raise(campaign: Campaign, stock: number, knownUs: number | null = 0): Promise<void> {
    const before = await this.read(campaign);
    const rules = (await readDrawState(this.pool, campaign.campaignId))?.rules ?? '';
    const wanted = {
      ...{
        campaignId: campaign.campaignId,
        action: 'raise' as const,
        baseVersion: before.version,
        askedBy: 'Ada',
      },
      ...{ target: { ...targetOf(before), stock }, reason: 'there are more', decideBy: null },
    } as const;
    ok(await saveVersion(this.pool, wanted, raisedRules(rules, stock)));
    if (knownUs !== null) await noteRaiseKnown(this.pool, campaign.campaignId, stock, knownUs);
  }

  /** Claims of user-<who> at these instants, microseconds after the opening. */
  async claim(
    campaign: Campaign,
    ...claims: readonly (readonly [who: number, atUs: number])[]
  ): Promise<void> {
    await insertUserRequests(this.pool, 'claims', sentBy(campaign, claims));
  }

  /** Withdrawals of user-<who> at these instants, microseconds after the opening. */
  async leave(
    campaign: Campaign,
    ...wishes: readonly (readonly [who: number, atUs: number])[]
  ): Promise<void> {
    await insertUserRequests(this.pool, 'withdrawals', sentBy(campaign, wishes));
  }

  /** By the user's instant: the outcome, with the serial if there is one. */
  async shown(campaign: Campaign): Promise<Record<string, string>> {
    const { rows } = await this.pool.query<{ user_id: string; outcome: string; serial: number | null }>(
      'select user_id, outcome, serial from entry_outcomes where campaign_id = $1 order by stamp',
      [campaign.campaignId],
    );
    return Object.fromEntries(
      rows.map(row => [row.user_id.slice(5), row.outcome + (row.serial === null ? '' : ` ${row.serial}`)]),
    );
  }

  /** An outage, as available time measures it. */
  async outage(us: number): Promise<void> {
    this.outageUs += us;
    const toMs = OPENS_AT.getTime() + this.outageUs / 1_000;
    await this.pool.query('insert into outages (from_ms, to_ms, outage_ms) values ($1, $2, $3)', [
      toMs - us / 1_000,
      toMs,
      this.outageUs / 1_000,
    ]);
  }

  /** Settles up to `afterUs` after the opening. Returns whether there is more to do at once. */
  async settle(
    campaign: Campaign,
    afterUs: number,
    more: Partial<SettlingOptions> = {},
    goOn: () => boolean = () => true,
    stopping: AbortSignal = new AbortController().signal,
  ): Promise<boolean> {
    const raffles = { randomness: testRandomness(), saltSecret: TEST_SALT_SECRET };
    const options = { pool: this.pool, raffles, onDecided: () => undefined, ...more };
    const watermarkUs = opensAtUs(campaign) + afterUs;
    const availability = { throughUs: watermarkUs - this.availableBehindUs, outageUs: this.outageUs };
    const { clockMs, presentMs } = this;
    const instants = { watermarkUs, nowUs: watermarkUs, clockMs, availability, presentMs };
    const turn = await settleCampaign(options, campaign.campaignId, () => instants, goOn, stopping);
    return turn.more;
  }

  /** By the user's instant: the serial, or the outcome if there is none. */
  async outcomes(campaign: Campaign): Promise<Record<string, string | number>> {
    const { rows } = await this.pool.query<{ user_id: string; outcome: string; serial: number | null }>(
      'select user_id, outcome, serial from entry_outcomes where campaign_id = $1 order by stamp',
      [campaign.campaignId],
    );
    return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.serial ?? row.outcome]));
  }

  async read(campaign: Campaign): Promise<Campaign> {
    const row = await getCampaign(this.pool, campaign.campaignId);
    if (row === undefined) throw new Error('the campaign is gone');
    return row;
  }

  async findsWork(campaign: Campaign, afterUs: number): Promise<boolean> {
    const instantUs = opensAtUs(campaign) + afterUs;
    const work = await findWork(this.pool, instantUs, instantUs);
    return work.some(({ campaignId }) => campaignId === campaign.campaignId);
  }
}

export function columns({ campaignId }: Campaign, instants: readonly number[]) {
  return {
    campaignIds: instants.map(() => campaignId),
    userIds: instants.map(instant => `user-${instant}`),
    stamps: instants.map(instant => instant * 1024),
  };
}

function sentBy({ campaignId }: Campaign, wishes: readonly (readonly [who: number, atUs: number])[]) {
  return {
    campaignIds: wishes.map(() => campaignId),
    userIds: wishes.map(([who]) => `user-${who}`),
    stamps: wishes.map(([, atUs]) => atUs * 1024),
  };
}
