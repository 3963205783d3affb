/** How many statements a step sends: with many campaigns, lag is the time that these take. */
import { equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPool, type Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { moveAvailability, readAvailability } from '../../sql/statements/progress/availability.ts';
import { addStreams } from '../../sql/statements/rooms/presence.ts';
import { createRoom, findRooms } from '../../sql/statements/rooms/rooms.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { EMPTY_MS } from './room-settling.ts';

const SECOND_US = 1_000_000;

let ledger: TestLedger;
let pool: Pool;
let sent = 0;
before(async () => {
  ledger = await TestLedger.make();
  pool = openPool(ledger.url, { max: 1, applicationName: 'test', onError: () => undefined });
  pool.on('connect', client => {
    const { query } = client;
    Object.assign(client, {
      query: (...args: unknown[]): unknown => {
        sent += 1;
        return Reflect.apply(query, client, args);
      },
    });
  });
});
after(async () => {
  await pool.end();
  await ledger.close();
});

/** The statements of one step, with those that begin and commit. */
async function stepped(campaign: Campaign, afterUs: number): Promise<number> {
  sent = 0;
  equal(await ledger.settle(campaign, afterUs, { pool }), false);
  return sent;
}

test('a step of claims sends no statement that would match nothing', async () => {
  const coupon = await ledger.claimed(1, { withinS: 1, waitlist: 100 });
  await ledger.enter(coupon, 10);
  await stepped(coupon, 20);
  await ledger.enter(coupon, 30, 40, 50);
  equal(await stepped(coupon, 60), 7, 'users enter and wait');
  await ledger.enter(coupon, 70);
  equal(await stepped(coupon, 2 * SECOND_US), 10, 'a user enters, and an offer lapses and passes on');
  equal(await stepped(coupon, 4 * SECOND_US), 8, 'an offer lapses and passes on');
  equal(await stepped(coupon, 4 * SECOND_US + 10), 4, 'nothing is due');
  const { moveCount, waitlistedCount } = await ledger.read(coupon);
  equal(moveCount, 4);
  equal(waitlistedCount, 4);
});

test('a step of a room sends no statement that would match nothing', async () => {
  const room = await ledger.campaign('room', 100);
  const { campaignId } = room;
  await createRoom(ledger.pool, campaignId, {
    ...{ perSecond: 10, capacity: null, paused: false, graceMs: 10_000, passMs: 30_000, visitMs: null },
    singleUse: false,
  });
  const advance = async (): Promise<void> => {
    const from = await readAvailability(ledger.pool);
    ok(
      await moveAvailability(ledger.pool, from, {
        availableMs: from.availableMs + 1,
        throughMs: from.throughMs + 1,
        watermarkMs: from.watermarkMs,
      }),
    );
  };
  await advance();
  await ledger.enter(room, 10);
  equal(await stepped(room, 20), 7, 'somebody enters');
  await addStreams(ledger.pool, { incarnation: 1, rooms: [{ campaignId, userIds: ['user-10'] }] });
  await advance();
  equal(await stepped(room, 20), 12, 'a user is admitted');
  await advance();
  const found = await findRooms(ledger.pool, room.opensAt.getTime() * 1_000 + WINDOW_US - 1, EMPTY_MS);
  ok(!found.some(each => each.campaignId === campaignId), 'the line is empty');
});
