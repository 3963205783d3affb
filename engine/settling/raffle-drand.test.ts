/** Raffles drawn with a round of drand, from a relay on this machine. */
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type Campaign, opensAtUs } from '../../sql/statements/campaigns/campaigns.ts';
import { readDrawState, readProof } from '../../sql/statements/draws/draws.ts';
import { toBoard } from '../contract/redis/board/board-campaign.ts';
import { roundTimeMs } from '../draw/drand.ts';
import { quicknet, quicknetRound } from '../draw/quicknet.ts';
import { DRAW_FUNCTION, rulesText } from '../draw/rules.ts';
import { TEST_SALT_SECRET, testRandomness } from '../test/randomness.ts';
import { TestLedger, WINDOW_US } from '../test/settling.ts';
import { eventually } from '../test/support.ts';
import type { RaffleOptions } from './raffle-settling.ts';
import { entrant, expectedOf, instants, PLAIN, plainPool, raffle, winnersOf } from './testing/raffles.ts';

let ledger: TestLedger;
before(async () => {
  ledger = await TestLedger.make();
});
after(() => ledger.close());

/** A relay that fails until `mend` is called, then serves the real round. */
async function relay(): Promise<{
  url: string;
  asked: () => number;
  mend: () => void;
  close: () => Promise<void>;
}> {
  let asked = 0;
  let isMended = false;
  const server = createServer((_, response) => {
    asked += 1;
    if (isMended) response.end(JSON.stringify(quicknetRound));
    else response.writeHead(500).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    mend: () => {
      isMended = true;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const PERIOD_MS = quicknet.periodSeconds * 1000;
/** When the round became known. */
const KNOWN_MS = roundTimeMs(quicknet, quicknetRound.round);

/** Enters `entrants` users and freezes the pool as if `frozenMs` before the round became known. */
async function freezeBefore(campaign: Campaign, entrants: number, frozenMs = PERIOD_MS): Promise<void> {
  const entered = instants(entrants);
  await ledger.enter(campaign, ...entered);
  const pool = entered.map(instant => entrant(instant));
  await ledger.pool.query(
    'update campaigns set frozen_at = $2, frozen_count = $3, pool_root = $4 where campaign_id = $1',
    [campaign.campaignId, new Date(KNOWN_MS - frozenMs), entrants, plainPool(campaign, pool).root],
  );
}

/** A raffle of the past, whose round exists; its announced close was `closedMs` before the round became known. */
async function drandRaffle(round: number = quicknetRound.round, closedMs = 2 * PERIOD_MS): Promise<Campaign> {
  return await ledger.campaign('raffle', 2, campaign => ({
    rules: rulesText({
      kind: 'raffle',
      campaign,
      title: 'test',
      opensAtUs: 0,
      closesAtUs: (KNOWN_MS - closedMs) * 1000,
      draw: {
        ...PLAIN,
        function: DRAW_FUNCTION,
        tiers: [{ name: 'prize', winners: 2 }],
        randomness: { source: 'drand', chain_hash: quicknet.chainHash, round },
      },
    }),
    nonce: null,
  }));
}

function drandOptions(url: string): RaffleOptions {
  return { randomness: testRandomness({ relays: [url] }), saltSecret: TEST_SALT_SECRET };
}

test('waits for a drand relay while other campaigns settle, then draws with the round', async () => {
  const only = await relay();
  const campaign = await drandRaffle();
  await freezeBefore(campaign, 12);
  const settling = ledger.settle(campaign, WINDOW_US, { raffles: drandOptions(only.url) });
  await eventually(() => only.asked() > 0);
  const coupon = await ledger.campaign('coupon', 1);
  await ledger.enter(coupon, 1);
  await ledger.settle(coupon, WINDOW_US);
  deepEqual(await ledger.outcomes(coupon), { 1: 1 });
  // The raffle's row is not locked meanwhile: anybody may change it.
  await ledger.pool.query('update campaigns set gone_ranked = 0 where campaign_id = $1', [
    campaign.campaignId,
  ]);
  const frozen = await ledger.read(campaign);
  deepEqual([frozen.frozenCount, frozen.seed], [12, null]);
  // The root is shown before the round is known, so anybody who notes it can check the draw against it.
  ok(frozen.poolRoot !== null);
  equal(toBoard(frozen).poolRoot, frozen.poolRoot.toString('base64url'));
  only.mend();
  await settling;
  await only.close();
  const state = await readDrawState(ledger.pool, campaign.campaignId);
  equal(state?.randomness?.toString('hex'), quicknetRound.randomness);
  equal(state?.signature?.toString('hex'), quicknetRound.signature);
  deepEqual(
    (await winnersOf(ledger, campaign)).map(({ user }) => user),
    await expectedOf(
      ledger,
      campaign,
      instants(12).map(instant => entrant(instant)),
    ),
  );
  const proof = JSON.parse((await readProof(ledger.pool, campaign.campaignId, 0, 9)).join(''));
  deepEqual(proof.source, { round: quicknetRound.round, signature: quicknetRound.signature });
});

test('a pool frozen after its round was known is drawn with the later round that the freeze implies', async () => {
  const only = await relay();
  only.mend();
  // Announced three rounds earlier and three periods after the close; frozen when that round was due.
  const campaign = await drandRaffle(quicknetRound.round - 3, 6 * PERIOD_MS);
  await freezeBefore(campaign, 5, 3 * PERIOD_MS);
  await ledger.settle(campaign, WINDOW_US, { raffles: drandOptions(only.url) });
  await only.close();
  const state = await readDrawState(ledger.pool, campaign.campaignId);
  equal(state?.drandRound, quicknetRound.round);
  equal(state?.randomness?.toString('hex'), quicknetRound.randomness);
  equal((await ledger.read(campaign)).grantedCount, 2);
  const proof = JSON.parse((await readProof(ledger.pool, campaign.campaignId, 0, 9)).join(''));
  deepEqual(proof.source, {
    frozen_at_us: (KNOWN_MS - 3 * PERIOD_MS) * 1000,
    round: quicknetRound.round,
    signature: quicknetRound.signature,
  });
});

test('a stop ends the wait, and the next engine continues', async () => {
  const only = await relay();
  const campaign = await drandRaffle();
  await freezeBefore(campaign, 3);
  const stopping = new AbortController();
  const raffles = drandOptions(only.url);
  const settling = ledger.settle(campaign, WINDOW_US, { raffles }, () => true, stopping.signal);
  await eventually(() => only.asked() > 0);
  stopping.abort();
  await rejects(settling, { name: 'AbortError' });
  equal((await ledger.read(campaign)).seed, null);
  only.mend();
  await ledger.settle(campaign, WINDOW_US, { raffles });
  await only.close();
  equal((await ledger.read(campaign)).grantedCount, 2);
});

test('uses the first round after the close plus the delay, and a commitment belongs to one raffle', async () => {
  const closesAt = new Date('2030-01-01T00:00:00.001Z');
  const randomness = testRandomness({ drandDelayMs: 30_000 });
  const { announced } = randomness.announce('drand', { campaignId: 1, closesAt });
  ok(announced.source === 'drand');
  equal(announced.chain_hash, quicknet.chainHash);
  const dueMs = (quicknet.genesisUnixSeconds + (announced.round - 1) * quicknet.periodSeconds) * 1000;
  ok(dueMs >= closesAt.getTime() + 30_000 && dueMs < closesAt.getTime() + 33_000);
  const one = randomness.announce('commit', { campaignId: 1, closesAt });
  const other = randomness.announce('commit', { campaignId: 1, closesAt });
  notEqual(JSON.stringify(one.announced), JSON.stringify(other.announced));
  match(JSON.stringify(one.announced), /"commitment":"[\w-]{43}"/);
});

test('an early close changes neither rules nor round', async () => {
  const campaign = await raffle(ledger, { randomness: 'drand' });
  const before = await ledger.read(campaign);
  await ledger.pool.query(
    `update campaigns set closing_at = opens_at + interval '1 s', closes_at = opens_at + interval '1 s'
      where campaign_id = $1`,
    [campaign.campaignId],
  );
  const closed = await ledger.read(campaign);
  deepEqual([closed.rulesHash, closed.draw], [before.rulesHash, before.draw]);
  ok(opensAtUs(closed) + 1_000_000 === closed.closesAt.getTime() * 1000);
});
