/**
 * For tests of archives: a whole service with a coupon, a raffle and a room that have ended and left Redis, and baskets with
 * refunds.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EventStream, openEvents } from '../../test/events.ts';
import { availableLogs, eventually } from '../../test/support.ts';
import { type Answer, type System, startSystem } from '../../test/system.ts';
import { type Archived, archiveCampaign, fileNameOf } from '../archive.ts';
import { archiving } from '../archiving.ts';
import { restoreCampaign } from '../restore.ts';

export const USERS: readonly string[] = Array.from({ length: 30 }, (_, index) => `user-${index}`);
/** This many users hold a code, and each has a basket with a refund. */
export const STOCK = 3;
/** They withdraw from the raffle in time, and have terms in it. */
export const LEAVERS: readonly string[] = USERS.slice(0, 2);
/** Has terms in the raffle, but never enters it. */
const STRANGER = 'stranger';
/** They enter the room. The first withdraws, the last never has a stream and is skipped, and the others are admitted. */
export const VISITORS: readonly string[] = USERS.slice(0, 5);
/** How long a grant may be used: until after the test has done so. */
const VALID_MS = 20_000;
const LIMIT_MS = 60_000;
const LINES = [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }];

const TABLES = [
  ...['campaigns', 'entries', 'slices', 'grants', 'alternates', 'rank_marks', 'archives'],
  ...['withdrawals', 'claims', 'entrant_terms'],
  ...['books', 'redemptions', 'redemption_uses', 'refunds', 'shop_requests', 'coupons'],
  ...['rooms', 'room_people', 'room_moves'],
] as const;

/** Every row of every table, as text. */
export type Dump = ReadonlyMap<string, readonly string[]>;

export class Scene {
  readonly system: System;
  readonly directory: string;
  readonly coupon: number;
  readonly raffle: number;
  readonly room: number;
  /** The redemption ids of the baskets. */
  readonly baskets: readonly number[];

  private constructor(
    system: System,
    directory: string,
    ids: Pick<Scene, 'coupon' | 'raffle' | 'room' | 'baskets'>,
  ) {
    this.system = system;
    this.directory = directory;
    this.coupon = ids.coupon;
    this.raffle = ids.raffle;
    this.room = ids.room;
    this.baskets = ids.baskets;
  }

  static async make(): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), 'fairline-archive-'));
    const log = availableLogs().includes('kafka') ? 'kafka' : 'redis';
    const system = await startSystem({ log, engineEnv: { SHELVE_AFTER_S: '1' } });
    const valid_until = new Date(Date.now() + VALID_MS).toISOString();
    const terms = { discount: 'percentage', basis_points: 1_000, valid_until };
    const coupon = await system.offer({ kind: 'coupon', stock: STOCK, terms });
    const raffle = await system.offer({ kind: 'raffle', winners: 2, alternates: 1 });
    await Promise.all(USERS.flatMap(user => [system.enter(user, coupon), system.enter(user, raffle)]));
    const baskets: number[] = [];
    for (const { user, code } of await holders(system, coupon)) {
      const basket = { user, currency: 'EUR', codes: [code], lines: LINES };
      const redeemed = await shop(system, '/v1/redemptions', basket);
      assert.equal(redeemed.status, 201, redeemed.text);
      baskets.push(Number(redeemed.body.id));
      const refunded = await refundOne(system, Number(redeemed.body.id));
      assert.equal(refunded.status, 201, refunded.text);
    }
    const entrants = [...LEAVERS, STRANGER].map(user => ({ user, tickets: 2 }));
    const settled = await system.operate('PUT', `/v1/campaigns/${raffle}/entrants`, { entrants });
    assert.equal(settled.status, 200, settled.text);
    for (const user of LEAVERS) {
      const left = await system.ask(user, 'DELETE', `/v1/campaigns/${raffle}/entries/me`);
      assert.equal(left.status, 202, left.text);
    }
    for (const id of [coupon, raffle]) await closeNow(system, id);
    const room = await visitedRoom(system);
    await enterTooLate(system, coupon);
    return new Scene(system, directory, { coupon, raffle, room, baskets });
  }

  /** Resolves when all campaigns can be archived. */
  async over(): Promise<void> {
    const text = 'select from campaigns where campaign_id = any ($1) and shelved_at is not null';
    const limit = { timeoutMs: LIMIT_MS };
    const { pool } = this.system;
    await eventually(
      async () => (await pool.query(text, [[this.coupon, this.raffle, this.room]])).rows.length === 3,
      limit,
    );
    await eventually(
      async () =>
        (await pool.query(`select from room_people where state in ('admitted', 'inside')`)).rows.length === 0,
      limit,
    );
    await eventually(
      async () => (await pool.query('select from coupons where valid_until < now()')).rows.length === 1,
      limit,
    );
  }

  async close(): Promise<void> {
    await this.system.close();
    await rm(this.directory, { recursive: true });
  }

  fileOf(id: number): string {
    return join(this.directory, fileNameOf(id));
  }

  archive(id: number): Promise<Archived> {
    const terms = { directory: this.directory, keepsRedemptions: false };
    return archiving(this.system.pool, ledger => archiveCampaign(ledger, id, terms));
  }

  restore(id: number): Promise<unknown> {
    return archiving(this.system.pool, ledger => restoreCampaign(ledger, this.fileOf(id)));
  }

  me(user: string, id: number): Promise<Answer> {
    return this.system.ask(user, 'GET', `/v1/campaigns/${id}/entries/me`);
  }

  /** Refunds one more item that was sold in a basket. */
  refund(basket: number): Promise<Answer> {
    return refundOne(this.system, basket);
  }

  async dump(): Promise<Dump> {
    const tables = new Map<string, readonly string[]>();
    for (const table of TABLES) {
      const text = `select row_to_json(t)::text as row from ${table} t order by 1`;
      const { rows } = await this.system.pool.query<{ row: string }>(text);
      tables.set(
        table,
        rows.map(({ row }) => row),
      );
    }
    return tables;
  }
}

/** A holder and a user without a grant send requests that came too late. */
async function enterTooLate(system: System, coupon: number): Promise<void> {
  const users = `select e.campaign_id, e.user_id, e.stamp from entries e left join grants g using (campaign_id, user_id)
    where e.campaign_id = $1 and (g.serial = 1 or e.stamp = (select max(stamp) from entries where campaign_id = $1))`;
  for (const [table, answer] of [
    ['withdrawals', 'false, null'],
    ['claims', 'true'],
  ]) {
    const text = `insert into ${table} select campaign_id, user_id, stamp + 1, ${answer} from (${users}) as users`;
    assert.equal((await system.pool.query(text, [coupon])).rowCount, 2);
  }
}

async function holders(system: System, coupon: number): Promise<{ user: string; code: string }[]> {
  return await eventually(async () => {
    const found: { user: string; code: string }[] = [];
    for (const user of USERS) {
      const { body } = await system.ask(user, 'GET', `/v1/campaigns/${coupon}/entries/me`);
      if (body.outcome === 'granted') found.push({ user, code: String(body.code) });
    }
    return found.length === STOCK && found;
  });
}

/** A room that was closed after everybody in its line was admitted. */
async function visitedRoom(system: System): Promise<number> {
  const wanted = { kind: 'room', per_second: 100, grace_seconds: 1, pass_seconds: 1 };
  const room = await system.offer(wanted);
  await setRoom(system, room, { per_second: 100, paused: true });
  for (const user of VISITORS) assert.equal((await system.enter(user, room)).status, 202);
  const streams: EventStream[] = [];
  for (const user of VISITORS.slice(0, -1)) {
    const authorization = `Bearer ${await system.ticket(user)}`;
    streams.push(
      await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${room}/queue`, { authorization }),
    );
  }
  const isIn = (state: string, count: number) => async (): Promise<boolean> =>
    (await system.pool.query('select from room_people where state = $1', [state])).rows.length === count;
  await eventually(isIn('skipped', 1), { timeoutMs: LIMIT_MS });
  const [leaver = ''] = VISITORS;
  assert.equal((await system.ask(leaver, 'DELETE', `/v1/campaigns/${room}/entries/me`)).status, 202);
  await eventually(isIn('withdrawn', 1), { timeoutMs: LIMIT_MS });
  await setRoom(system, room, { per_second: 100 });
  await eventually(isIn('waiting', 0), { timeoutMs: LIMIT_MS });
  await closeNow(system, room);
  for (const stream of streams) stream.close();
  return room;
}

async function setRoom(system: System, room: number, terms: object): Promise<void> {
  const answer = await system.operate('PUT', `/v1/campaigns/${room}/room`, terms, { 'if-match': '*' });
  assert.equal(answer.status, 200, answer.text);
}

async function closeNow(system: System, id: number): Promise<void> {
  assert.equal((await system.operate('POST', `/v1/campaigns/${id}/close`, {})).status, 200);
}

function refundOne(system: System, basket: number): Promise<Answer> {
  return shop(system, `/v1/redemptions/${basket}/refunds`, { lines: [{ line: 1, quantity: 1 }] });
}

function shop(system: System, path: string, body: object): Promise<Answer> {
  return system.shop('POST', path, {
    body: JSON.stringify(body),
    headers: { 'idempotency-key': randomUUID() },
  });
}
