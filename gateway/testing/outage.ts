/** For tests of outages longer than a room's grace: a queue, with a user who leaves during the outage. */
import assert from 'node:assert/strict';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import { users } from '../../engine/test/gateway.ts';
import { eventually } from '../../engine/test/support.ts';
import type { System } from '../../engine/test/system.ts';
import { ANY_VERSION } from './room.ts';

/** Much shorter than the outages. */
export const GRACE_SECONDS = 2;
export const OUTAGE_MS = 5_000;

export interface Line {
  readonly room: number;
  readonly names: readonly string[];
  /** Opens a stream of each. */
  come(base: string, who: readonly string[]): Promise<EventStream[]>;
}

/** A paused room with a queue; the user `leaver` in it will not come back. */
export async function makeLine(system: System): Promise<Line> {
  const room = await system.offer({ kind: 'room', per_second: 10, grace_seconds: GRACE_SECONDS });
  await system.operate('PUT', `/v1/campaigns/${room}/room`, { per_second: 10, paused: true }, ANY_VERSION);
  const names = users(6);
  for (const user of [...names, 'leaver']) assert.equal((await system.enter(user, room)).status, 202);
  const open = async (base: string, user: string): Promise<EventStream> => {
    const authorization = `Bearer ${await system.ticket(user)}`;
    return openEvents(`${base}/v1/campaigns/${room}/queue`, { authorization });
  };
  return { room, names, come: (base, who) => Promise.all(who.map(user => open(base, user))) };
}

export async function moved(system: System, room: number): Promise<string[]> {
  const { rows } = await system.pool.query<{ user_id: string }>(
    'select user_id from room_moves where campaign_id = $1',
    [room],
  );
  return rows.map(row => row.user_id);
}

export async function presentNow(system: System, room: number): Promise<number> {
  const { rows } = await system.pool.query(
    'select from room_people where campaign_id = $1 and absent_since_ms is null',
    [room],
  );
  return rows.length;
}

export async function pass(ms: number): Promise<void> {
  const untilMs = performance.now() + ms;
  await eventually(() => performance.now() > untilMs);
}
