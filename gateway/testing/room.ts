/** For the tests of waiting rooms: users in a queue, on a whole system. */
import assert from 'node:assert/strict';
import { type EventStream, openEvents } from '../../engine/test/events.ts';
import type { Answer, System } from '../../engine/test/system.ts';

const SECOND_US = 1_000_000;
/** For changes that apply to any version. */
export const ANY_VERSION = { 'if-match': '*' };
/** On a busy machine gateways report late: the availability clock then runs slower, and nobody is admitted. */
export const SLOWLY = { timeoutMs: 180_000 };

export async function watch(system: System, user: string, room: number, gateway = 0): Promise<EventStream> {
  const authorization = `Bearer ${await system.ticket(user)}`;
  return openEvents(`${system.gateways[gateway]?.url}/v1/campaigns/${room}/queue`, { authorization });
}

/** Enters all users and opens a stream for each, spread over the gateways. */
export async function line(system: System, room: number, names: readonly string[]): Promise<EventStream[]> {
  const gateways = system.gateways.length;
  for (const [index, user] of names.entries()) {
    assert.equal((await system.enter(user, room, index % gateways)).status, 202);
  }
  return Promise.all(names.map((user, index) => watch(system, user, room, index % gateways)));
}

export async function stateOf(system: System, room: number, user: string): Promise<string | undefined> {
  const { rows } = await system.pool.query<{ state: string }>(
    'select state from room_people where campaign_id = $1 and user_id = $2',
    [room, user],
  );
  return rows[0]?.state;
}

export async function present(system: System, room: number): Promise<number> {
  const { rows } = await system.pool.query<{ there: number }>(
    'select count(*) as there from room_people where campaign_id = $1 and stamp is not null and absent_since_ms is null',
    [room],
  );
  return rows[0]?.there ?? 0;
}

/** The largest number of admissions within any second, by the ledger. */
export async function mostInASecond(system: System, room: number): Promise<number> {
  const { rows } = await system.pool.query<{ most: number }>(
    `select coalesce(max(n), 0) as most
       from (select count(*) over (order by admitted_us range between $2 preceding and current row) as n
               from room_people where campaign_id = $1 and serial is not null) as windows`,
    [room, SECOND_US - 1],
  );
  return rows[0]?.most ?? 0;
}

export function setRoom(
  system: System,
  room: number,
  terms: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  return system.operate('PUT', `/v1/campaigns/${room}/room`, terms, ANY_VERSION);
}
