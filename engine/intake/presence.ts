/**
 * Takes what gateways tell of streams (contract/redis/presence) into the ledger, exactly once: who is there, the place up to
 * which it was read, and the end of what a gateway that has ended had told, in one transaction by one engine at a time.
 */
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import {
  addStreams,
  endStreams,
  forgetUntold,
  movePresenceLog,
  noteIncarnation,
  readPresenceState,
  removeStreams,
  takePresenceLog,
  takeRooms,
} from '../../sql/statements/rooms/presence.ts';
import type { Keys } from '../contract/redis/keys.ts';
import {
  PAGE_REPORTS,
  type PresenceReport,
  readPresence,
  trimPresence,
} from '../contract/redis/presence/presence.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

const FROM_THE_START = '0-0';
/**
 * People whose streams end with a gateway, in one turn. More would hold the rows of all rooms for longer; of those that are left
 * nobody counts as absent before the turn that comes to them.
 */
const ENDED_AT_ONCE = 5_000;
/** Pages of reports taken in one turn. More would hold up the pass when reports have piled up, as after an outage. */
export const MOST_PAGES = 10;

export interface PresenceOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  /** Fewer than usual, for the simulator. */
  readonly endedAtOnce?: number | undefined;
}

/**
 * One turn: takes what is new on the board of this epoch. Nothing where no room needs it, or another engine does it. Answers
 * whether the ledger has all that was told before this turn, as far as rooms need it; rejects when some of it may be lost. What was told on a board before, and not
 * taken, may be gone for good: of the time since the last turn there nobody knows who was there, and it is nobody's absence.
 */
export async function takePresence(options: PresenceOptions, epoch: number): Promise<boolean> {
  for (let page = 0; page < MOST_PAGES; page++) {
    const taken = await takePage(options, epoch);
    if (taken !== 'more') return taken === 'all';
  }
  return false;
}

/** Takes one page of reports: the last of them ('all'), one behind which there may be more, or none ('left' to another engine). */
async function takePage(options: PresenceOptions, epoch: number): Promise<'all' | 'more' | 'left'> {
  const { pool, redis, keys, endedAtOnce = ENDED_AT_ONCE } = options;
  const state = await readPresenceState(pool);
  // An engine that still knows an older board must not take the reading back to it.
  if (!state.isWanted) return 'all';
  if (state.epoch > epoch) return 'left';
  const key = keys.presence(epoch);
  const isAnew = state.epoch !== epoch;
  const after = isAnew ? FROM_THE_START : state.position;
  const reports = await readPresence(redis, keys, epoch, after);
  const last = reports.at(-1)?.position;
  if (last === undefined && !state.anyEnded && !isAnew) return 'all';
  const isTaken = await transaction(pool, async client => {
    const held = await takePresenceLog(client);
    if (held === undefined || held.epoch !== state.epoch || held.position !== state.position) return false;
    await takeRooms(client, isAnew || state.anyEnded ? undefined : roomsOf(reports));
    if (isAnew) await forgetUntold(client);
    for (const { report } of reports) await takeReport(client, report);
    // One that has ended only since then may have streams in rooms that are not taken.
    if (state.anyEnded) await endStreams(client, endedAtOnce);
    if (last !== undefined || isAnew)
      await movePresenceLog(client, { epoch, position: last ?? FROM_THE_START });
    return true;
  });
  // Another engine that was at it may fail, and the next one has to find all of it again.
  if (isTaken && last !== undefined) await trimPresence(redis, key, last);
  if (!isTaken) return 'left';
  return reports.length < PAGE_REPORTS ? 'all' : 'more';
}

function roomsOf(reports: readonly { readonly report: PresenceReport }[]): readonly number[] {
  return [...new Set(reports.flatMap(({ report }) => report.rooms.map(({ campaignId }) => campaignId)))];
}

async function takeReport(db: Queryable, { incarnation, rooms }: PresenceReport): Promise<void> {
  if (!(await noteIncarnation(db, incarnation))) return;
  const here = rooms.map(room => ({ campaignId: room.campaignId, userIds: room.here }));
  await addStreams(db, { incarnation, rooms: here });
  const gone = rooms.map(room => ({ campaignId: room.campaignId, userIds: room.gone }));
  await removeStreams(db, { incarnation, rooms: gone });
}
