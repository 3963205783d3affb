/**
 * Turns of a room in which more users move than fit in one: each is bounded, and together they decide what a single one
 * would.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Campaign, getCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { moveAvailability, readAvailability } from '../../sql/statements/progress/availability.ts';
import {
  addStreams,
  endStreams,
  noteIncarnation,
  removeStreams,
} from '../../sql/statements/rooms/presence.ts';
import { createRoom } from '../../sql/statements/rooms/rooms.ts';
import { brokenInvariants } from '../test/gateway.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';

const GRACE_MS = 10_000;
const PASS_MS = 30_000;
const MANY = 10_000_000;
const [GATEWAY, OTHER] = [4_294_967_297, 4_294_967_298];

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** A room that admits one user per turn, provided that no turn takes a minute. */
async function room(): Promise<Campaign> {
  const { campaignId } = await ledger.campaign('room', MANY);
  const terms = { perSecond: 0.01, capacity: null, paused: false, visitMs: null, singleUse: false };
  await createRoom(ledger.pool, campaignId, { ...terms, graceMs: GRACE_MS, passMs: PASS_MS });
  const campaign = await getCampaign(ledger.pool, campaignId);
  ok(campaign);
  return campaign;
}

const streams = ({ campaignId }: Campaign, incarnation: number, instants: readonly number[]) => ({
  incarnation,
  rooms: [{ campaignId, userIds: instants.map(instant => `user-${instant}`) }],
});

async function advanceAvailability(ms: number): Promise<void> {
  const from = await readAvailability(ledger.pool);
  ok(
    await moveAvailability(ledger.pool, from, {
      availableMs: from.availableMs + ms,
      throughMs: from.throughMs + 1,
      watermarkMs: from.watermarkMs,
    }),
  );
}

/** Resets the pace, as if a second had passed since the last admission. */
async function later({ campaignId }: Campaign): Promise<void> {
  await ledger.pool.query(`update rooms set next_us = 0, recent = '[]' where campaign_id = $1`, [campaignId]);
}

async function states({ campaignId }: Campaign): Promise<Record<string, string>> {
  const { rows } = await ledger.pool.query<{ user_id: string; state: string }>(
    'select user_id, state from room_people where campaign_id = $1 and stamp is not null order by stamp',
    [campaignId],
  );
  return Object.fromEntries(rows.map(row => [row.user_id.slice(5), row.state]));
}

/** Settles in one transaction, like an engine that is killed after it. Returns whether there is more to do. */
async function step(campaign: Campaign, afterUs: number, movesAtOnce?: number): Promise<boolean> {
  await advanceAvailability(1);
  return await ledger.settle(campaign, afterUs, { movesAtOnce }, () => false);
}

/** Twelve users: some leave, some are absent for the grace, and some do not use their pass. */
async function story(movesAtOnce: number | undefined): Promise<unknown[]> {
  const campaign = await room();
  const all = Array.from({ length: 12 }, (_, index) => index + 1);
  const seen: unknown[] = [];
  const turn = async (afterUs = 100): Promise<void> => {
    await later(campaign);
    while (await step(campaign, afterUs, movesAtOnce));
    seen.push(await states(campaign));
  };
  await ledger.enter(campaign, ...all);
  await addStreams(ledger.pool, streams(campaign, GATEWAY, all));
  await ledger.leave(campaign, [1, 50], [2, 40], [3, 30], [4, 45]);
  await turn();
  await removeStreams(ledger.pool, streams(campaign, GATEWAY, [9, 10, 11]), ledger.clockMs);
  await advanceAvailability(GRACE_MS);
  await turn();
  await addStreams(ledger.pool, streams(campaign, GATEWAY, [9, 10, 11]));
  await ledger.leave(campaign, [11, 70], [5, 60]);
  await turn();
  await advanceAvailability(PASS_MS);
  await turn();
  // After the close the room finishes.
  await removeStreams(ledger.pool, streams(campaign, GATEWAY, [12]), ledger.clockMs);
  for (let turns = 0; turns < 3; turns++) {
    await advanceAvailability(PASS_MS);
    await turn(WINDOW_US);
  }
  return seen;
}

test('the size of a step does not change a room', async () => {
  const expected = await story(undefined);
  for (const movesAtOnce of [1, 2, 3]) deepEqual(await story(movesAtOnce), expected);
  const [first] = expected;
  deepEqual(
    Object.values(Object(first)).filter(state => state === 'withdrawn').length,
    4,
    'all withdrew before anybody was admitted',
  );
  deepEqual(await brokenInvariants(ledger.pool), []);
});

test('passes of a finished room expire over several steps', async () => {
  const campaign = await room();
  await ledger.enter(campaign, 1, 2, 3, 4, 5);
  await addStreams(ledger.pool, streams(campaign, GATEWAY, [1, 2, 3, 4, 5]));
  while ((await ledger.read(campaign)).finishedAt === null) {
    await later(campaign);
    await step(campaign, WINDOW_US);
  }
  await ledger.leave(campaign, [1, 10], [2, 20], [3, 30]);
  await advanceAvailability(PASS_MS);
  const expired: number[] = [];
  let more = true;
  while (more) {
    more = await step(campaign, WINDOW_US, 2);
    expired.push(Object.values(await states(campaign)).filter(state => state === 'expired').length);
  }
  deepEqual(expired, [2, 4, 5]);
  const { rows } = await ledger.pool.query(
    'select from withdrawals where campaign_id = $1 and honoured is null',
    [campaign.campaignId],
  );
  equal(rows.length, 0);
});

test('streams of ended gateways end in batches, one gateway after another', async () => {
  const campaign = await room();
  const all = [1, 2, 3, 4, 5];
  await ledger.enter(campaign, ...all);
  for (const incarnation of [GATEWAY, OTHER]) {
    ok(await noteIncarnation(ledger.pool, incarnation));
    await addStreams(ledger.pool, streams(campaign, incarnation, incarnation === OTHER ? [4, 5] : all));
    await ledger.pool.query(
      `insert into gateways (gateway, incarnation, log_name, partition, state, through_us, ranked_us, ended_at)
       values ($1::bigint % 1024, $1, $1::text, 0, 'ended', 0, 0, now())`,
      [incarnation],
    );
  }
  const readStreams = async (): Promise<readonly number[]> => {
    const { rows } = await ledger.pool.query<{ here: number; incarnations: number }>(
      `select (select count(*) from room_people where absent_since_ms is null and campaign_id = $1) as here,
              (select count(*) from presence_gateways) as incarnations`,
      [campaign.campaignId],
    );
    return rows.flatMap(({ here, incarnations }) => [here, incarnations]);
  };
  const seen: (readonly number[])[] = [];
  for (let turn = 0; turn < 5; turn++) {
    await endStreams(ledger.pool, 2, ledger.clockMs);
    seen.push(await readStreams());
  }
  deepEqual(seen, [
    [3, 2],
    [2, 2],
    [2, 1],
    [0, 1],
    [0, 0],
  ]);
});
