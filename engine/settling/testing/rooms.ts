/** For tests: waiting rooms in a ledger of their own, with people who come, go and are let in. */
import { ok } from 'node:assert/strict';
import { type Campaign, getCampaign, opensAtUs } from '../../../sql/statements/campaigns/campaigns.ts';
import { moveAvailability, readAvailability } from '../../../sql/statements/progress/availability.ts';
import { addStreams, endStreams, removeStreams } from '../../../sql/statements/rooms/presence.ts';
import { createRoom, findRooms, type NewRoom } from '../../../sql/statements/rooms/rooms.ts';
import { TestLedger } from '../../test/settling.ts';
import { EMPTY_MS } from '../room-settling.ts';

export const GRACE_MS = 10_000;
export const PASS_MS = 30_000;
/** An incarnation of a gateway. */
export const GATEWAY = 4_294_967_297;
/** The places of a room's campaign: more than anybody takes. */
export const MANY = 10_000_000;

/** A request of streams at a gateway, one for the user of each instant. */
export function streams(campaignId: number, incarnation: number, instants: readonly number[]) {
  return { incarnation, rooms: [{ campaignId, userIds: instants.map(instant => `user-${instant}`) }] };
}

export class TestRooms {
  readonly ledger: TestLedger;

  private constructor(ledger: TestLedger) {
    this.ledger = ledger;
  }

  static async make(): Promise<TestRooms> {
    return new TestRooms(await TestLedger.make());
  }

  close(): Promise<void> {
    return this.ledger.close();
  }

  /** A room whose pace delays nobody, unless told otherwise. */
  async room(more: Partial<NewRoom> = {}): Promise<Campaign> {
    return this.furnish(await this.ledger.campaign('room', MANY), more);
  }

  async furnish(campaign: Campaign, more: Partial<NewRoom> = {}): Promise<Campaign> {
    await createRoom(this.ledger.pool, campaign.campaignId, {
      perSecond: 10_000,
      capacity: null,
      paused: false,
      graceMs: GRACE_MS,
      passMs: PASS_MS,
      visitMs: null,
      singleUse: false,
      ...more,
    });
    const made = await getCampaign(this.ledger.pool, campaign.campaignId);
    ok(made);
    return made;
  }

  async come(campaign: Campaign, ...instants: number[]): Promise<void> {
    await addStreams(this.ledger.pool, streams(campaign.campaignId, GATEWAY, instants));
  }

  async go(campaign: Campaign, ...instants: number[]): Promise<void> {
    const { pool, clockMs } = this.ledger;
    await removeStreams(pool, streams(campaign.campaignId, GATEWAY, instants), clockMs);
  }

  /** The rooms that have work at this watermark. */
  async idsFound(watermarkUs: number): Promise<readonly number[]> {
    const found = await findRooms(this.ledger.pool, watermarkUs, EMPTY_MS);
    return found.map(({ campaignId }) => campaignId);
  }

  /** Advances available time. */
  async advanceAvailability(ms: number): Promise<void> {
    const from = await readAvailability(this.ledger.pool);
    ok(
      await moveAvailability(this.ledger.pool, from, {
        availableMs: from.availableMs + ms,
        throughMs: from.throughMs + 1,
        watermarkMs: from.watermarkMs,
      }),
    );
  }

  /**
   * Sets available time this far behind the shared clock, which is years ahead of PostgreSQL's; other tests leave it further
   * behind than anything that can still count.
   */
  async setAvailableBehind(ms: number): Promise<void> {
    const { pool, clockMs } = this.ledger;
    await pool.query('update availability set through_ms = $1', [clockMs - ms]);
  }

  /** Settles until nothing is left, after a moment of available time. */
  async settle(campaign: Campaign, afterUs: number): Promise<void> {
    await this.advanceAvailability(1);
    await this.ledger.settle(campaign, afterUs);
  }

  /** Resets the pace, as if a second had passed since the last admission. */
  async later(campaign: Campaign): Promise<void> {
    await this.ledger.pool.query(`update rooms set next_us = 0, recent = '[]' where campaign_id = $1`, [
      campaign.campaignId,
    ]);
  }

  async states(campaign: Campaign): Promise<Record<string, string>> {
    const { rows } = await this.ledger.pool.query<{ user_id: string; state: string }>(
      'select user_id, state from room_people where campaign_id = $1 and stamp is not null order by stamp',
      [campaign.campaignId],
    );
    return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.state]));
  }

  async endGateway(incarnation: number): Promise<void> {
    await this.ledger.pool.query(
      `insert into gateways (gateway, incarnation, log_name, partition, state, through_us, ranked_us, ended_at)
       values (7, $1, 'seven', 0, 'ended', 0, 0, now())`,
      [incarnation],
    );
    await endStreams(this.ledger.pool, 5_000, this.ledger.clockMs);
  }

  /** A finished room: two users came and were admitted by its end. */
  async finished(): Promise<{ readonly campaign: Campaign; readonly closeUs: number }> {
    const campaign = await this.room();
    await this.ledger.enter(campaign, 10, 20);
    await this.come(campaign, 10, 20);
    const closeUs = campaign.closesAt.getTime() * 1000 - opensAtUs(campaign);
    await this.settle(campaign, closeUs);
    await this.later(campaign);
    await this.settle(campaign, closeUs);
    ok((await this.ledger.read(campaign)).finishedAt);
    return { campaign, closeUs };
  }
}
