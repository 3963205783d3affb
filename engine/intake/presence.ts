/**
 * Ingests the gateways' stream reports (contract/redis/presence) into the ledger, exactly once. One transaction, by one
 * engine at a time, stores who is present, moves the position up to which reports were read, and ends the streams of gateways
 * that have ended.
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
import type { ClockWatch } from '../clock/clock-watch.ts';
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
 * The number of users whose streams end with their gateway in one turn. More would lock the rows of all rooms for longer. The
 * rest do not count as absent before the turn that ends their streams.
 */
const ENDED_AT_ONCE = 5_000;
/**
 * Pages of reports, and users in them, after which a turn is over. More would hold up the cycle when reports have piled up, or
 * all gateways tell of everybody again, as after an outage.
 */
export const MOST_PAGES = 10;
const MOST_USERS = 40_000;

export interface PresenceOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly clocks: Pick<ClockWatch, 'sharedUs'>;
  /** The simulator sets fewer than usual. */
  readonly endedAtOnce?: number | undefined;
  /** Tests set fewer than usual. */
  readonly mostUsers?: number;
}

/**
 * One turn: ingests new reports of this epoch's presence log. Does nothing while no room needs it, or while another engine
 * does it. Returns whether the ledger has everything reported before this turn, as far as rooms need it; rejects if some of
 * it may be lost. Reports that an earlier epoch's log still held may be gone for good. Nobody knows who was present since its
 * last turn, so that time counts as nobody's absence.
 */
export async function takePresence(options: PresenceOptions, epoch: number): Promise<boolean> {
  const { mostUsers = MOST_USERS } = options;
  let users = 0;
  for (let page = 0; page < MOST_PAGES && users < mostUsers; page++) {
    const taken = await takePage(options, epoch);
    if (taken === 'all' || taken === 'left') return taken === 'all';
    users += taken.users;
  }
  return false;
}

/**
 * Takes one page of reports: the last of them ('all'), one behind which there may be more, with so many users in it, or none
 * ('left' to another engine).
 */
async function takePage(
  options: PresenceOptions,
  epoch: number,
): Promise<'all' | 'left' | { readonly users: number }> {
  const { pool, redis, keys, clocks, endedAtOnce = ENDED_AT_ONCE } = options;
  const state = await readPresenceState(pool);
  // An engine that still knows an older epoch must not move the position back to it.
  if (!state.isWanted) return 'all';
  if (state.epoch > epoch) return 'left';
  const key = keys.presence(epoch);
  const isAnew = state.epoch !== epoch;
  const after = isAnew ? FROM_THE_START : state.position;
  const reports = await readPresence(redis, keys, epoch, after);
  // Read last: later than whatever is reported.
  const nowMs = Math.ceil(clocks.sharedUs / 1_000);
  const last = reports.at(-1)?.position;
  if (last === undefined && !state.anyEnded && !isAnew) return 'all';
  const isTaken = await transaction(pool, async client => {
    const held = await takePresenceLog(client);
    if (held === undefined || held.epoch !== state.epoch || held.position !== state.position) return false;
    await takeRooms(client, isAnew || state.anyEnded ? undefined : roomsOf(reports));
    if (isAnew) await forgetUntold(client);
    for (const { report } of reports) await takeReport(client, report, nowMs);
    // A gateway that has ended only since then may have streams in rooms that this turn has not locked.
    if (state.anyEnded) await endStreams(client, endedAtOnce, nowMs);
    if (last !== undefined || isAnew)
      await movePresenceLog(client, { epoch, position: last ?? FROM_THE_START });
    return true;
  });
  // Trim only after the commit: if another engine's turn fails, the next one must find all of its reports again.
  if (isTaken && last !== undefined) await trimPresence(redis, key, last);
  if (!isTaken) return 'left';
  return reports.length < PAGE_REPORTS ? 'all' : { users: usersOf(reports) };
}

function usersOf(reports: readonly { readonly report: PresenceReport }[]): number {
  const rooms = reports.flatMap(({ report }) => report.rooms);
  return rooms.reduce((sum, { here, gone }) => sum + here.length + gone.length, 0);
}

function roomsOf(reports: readonly { readonly report: PresenceReport }[]): readonly number[] {
  return [...new Set(reports.flatMap(({ report }) => report.rooms.map(({ campaignId }) => campaignId)))];
}

async function takeReport(
  db: Queryable,
  { incarnation, rooms }: PresenceReport,
  nowMs: number,
): Promise<void> {
  if (!(await noteIncarnation(db, incarnation))) return;
  const here = rooms.map(room => ({ campaignId: room.campaignId, userIds: room.here }));
  await addStreams(db, { incarnation, rooms: here });
  const gone = rooms.map(room => ({ campaignId: room.campaignId, userIds: room.gone }));
  await removeStreams(db, { incarnation, rooms: gone }, nowMs);
}
