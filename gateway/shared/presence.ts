/**
 * Reports to the engine which users have a stream open at this gateway, for rooms only: a room skips users who are away for
 * too long. One message carries all changes since the last one, of all rooms, so the cost for Redis grows neither with the
 * watchers nor with the rooms, nor with how often they come and go.
 *
 * Reports belong to an incarnation of the gateway and end with it. A new incarnation reports everybody again; a change that
 * could not be reported is sent with the next message, in its then current state.
 */
import type { Keys } from '../../engine/contract/redis/keys.ts';
import { type PresenceReport, tellPresence } from '../../engine/contract/redis/presence/presence.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import type { Board } from './board.ts';

/** Users per message; building it takes about a millisecond of the event loop. */
const MOST_USERS = 2_000;

export interface PresenceParts {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly board: Board;
  /** The lease of the gateway; undefined while it does not serve. */
  readonly identity: () => Identity | undefined;
}

interface Identity {
  readonly incarnation: number;
  readonly epoch: number;
}

interface Room {
  /** The number of streams of each user. */
  readonly streams: Map<string, number>;
  /** Users who have come or left since the last report. */
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
    // After a room has ended, nobody reads or deletes the reports.
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

  /** Reports what is new. Rejects when Redis does not accept it; it then stays pending. */
  async tell(): Promise<void> {
    const identity = this.#parts.identity();
    if (identity === undefined) return;
    if (this.#toldBy !== identity.incarnation) this.#tellAll(identity.incarnation);
    // A message that is not full carries all that was new; what changed while it was sent waits for the next turn.
    let told: number;
    do told = await this.#tellSome(identity);
    while (told === MOST_USERS);
    for (const [campaignId, { streams, changed }] of this.#rooms)
      if (streams.size === 0 && changed.size === 0) this.#rooms.delete(campaignId);
  }

  #tellAll(incarnation: number): void {
    this.#toldBy = incarnation;
    for (const { streams, changed } of this.#rooms.values()) {
      changed.clear();
      for (const userId of streams.keys()) changed.add(userId);
    }
  }

  /** Reports at most MOST_USERS users, and returns how many. */
  async #tellSome({ incarnation, epoch }: Identity): Promise<number> {
    const { rooms, users } = this.#takeChanged();
    if (users === 0) return users;
    try {
      const { redis, keys } = this.#parts;
      await tellPresence(redis, keys.presence(epoch), { incarnation, rooms });
    } catch (error) {
      for (const { campaignId, here, gone } of rooms)
        for (const userId of [...here, ...gone]) this.#rooms.get(campaignId)?.changed.add(userId);
      throw error;
    }
    return users;
  }

  /** The next changes to report. They are no longer pending; a change during the report becomes pending again. */
  #takeChanged(): { readonly rooms: PresenceReport['rooms']; readonly users: number } {
    const rooms: PresenceReport['rooms'] = [];
    let users = 0;
    for (const [campaignId, { streams, changed }] of this.#rooms) {
      if (changed.size === 0) continue;
      if (users === MOST_USERS) break;
      const told = [...changed].slice(0, MOST_USERS - users);
      for (const userId of told) changed.delete(userId);
      users += told.length;
      const here = told.filter(userId => streams.has(userId));
      rooms.push({ campaignId, here, gone: told.filter(userId => !streams.has(userId)) });
    }
    return { rooms, users };
  }
}
