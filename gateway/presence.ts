/**
 * Who has a stream open at this gateway, told to the engine as far as it matters: of rooms, in which who is away for too
 * long is skipped. What has changed since the last time is told in one message, so the cost for Redis does not grow with
 * the people who watch, and not with how often they come and go.
 *
 * What is told is told of an incarnation of the gateway, and ends with it. With a new one everybody is told again; what
 * could not be told is told the next time, as it stands then.
 */
import type { Keys } from '../engine/contract/keys.ts';
import { tellPresence } from '../engine/contract/presence/presence.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import type { Board } from './board.ts';

/** Users named in one message; it takes the loop a millisecond or so. */
const MOST_USERS = 2_000;

export interface PresenceParts {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly board: Board;
  /** Of the gateway; undefined while it does not serve. */
  readonly identity: () => { readonly incarnation: number; readonly epoch: number } | undefined;
}

interface Room {
  /** How many streams each user has. */
  readonly streams: Map<string, number>;
  /** Who has come or gone since it was last told. */
  readonly changed: Set<string>;
}

export class Presence {
  readonly #parts: PresenceParts;
  readonly #rooms = new Map<number, Room>();
  #toldBy: number | undefined;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  opened(campaignId: number, userId: string): void {
    const campaign = this.#parts.board.campaign(campaignId);
    // Where a room has ended nobody reads what is told, nor lets go of it.
    if (campaign?.kind !== 'room' || campaign.finished) return;
    const room = this.#rooms.get(campaignId) ?? { streams: new Map(), changed: new Set() };
    this.#rooms.set(campaignId, room);
    const before = room.streams.get(userId) ?? 0;
    room.streams.set(userId, before + 1);
    if (before === 0) room.changed.add(userId);
  }

  closed(campaignId: number, userId: string): void {
    const room = this.#rooms.get(campaignId);
    const before = room?.streams.get(userId);
    if (room === undefined || before === undefined) return;
    if (before > 1) room.streams.set(userId, before - 1);
    else {
      room.streams.delete(userId);
      room.changed.add(userId);
    }
  }

  /** Tells what is new. Rejects when Redis does not take it; it is news until it does. */
  async tell(): Promise<void> {
    const identity = this.#parts.identity();
    if (identity === undefined) return;
    if (this.#toldBy !== identity.incarnation) this.#tellAll(identity.incarnation);
    for (const [campaignId, room] of this.#rooms) {
      while (room.changed.size > 0) await this.#tellSome(identity, campaignId, room);
      if (room.streams.size === 0) this.#rooms.delete(campaignId);
    }
  }

  #tellAll(incarnation: number): void {
    this.#toldBy = incarnation;
    for (const { streams, changed } of this.#rooms.values()) {
      changed.clear();
      for (const userId of streams.keys()) changed.add(userId);
    }
  }

  async #tellSome(
    { incarnation, epoch }: { readonly incarnation: number; readonly epoch: number },
    campaignId: number,
    { streams, changed }: Room,
  ): Promise<void> {
    const here: string[] = [];
    const gone: string[] = [];
    for (const userId of changed) {
      if (here.length + gone.length === MOST_USERS) break;
      (streams.has(userId) ? here : gone).push(userId);
    }
    const told = [...here, ...gone];
    // What changes while it is on its way is news again.
    for (const userId of told) changed.delete(userId);
    try {
      const { redis, keys } = this.#parts;
      await tellPresence(redis, keys.presence(epoch), { incarnation, rooms: [{ campaignId, here, gone }] });
    } catch (error) {
      for (const userId of told) changed.add(userId);
      throw error;
    }
  }
}
