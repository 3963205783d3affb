/** Calls on the one campaign with claims. */
import type { Queryable } from '../../../../../sql/database.ts';
import { type Campaign, getCampaign } from '../../../../../sql/statements/campaigns/campaigns.ts';
import { saveSettled } from '../../../../../sql/statements/campaigns/settling.ts';
import {
  areAllDecided,
  extendDeadlines,
  extendFreeDeadlines,
  insertClaimants,
  insertWaiting,
  markClaims,
  markLeaving,
  readClaimants,
  readDueClaimants,
  readMoves,
  saveMoves,
} from '../../../../../sql/statements/claims/claims.ts';
import { readDueInstants } from '../../../../../sql/statements/claims/claims-turn.ts';
import {
  beginEnd,
  completeEnds,
  extendDeadline,
  listBegunEnds,
  readOffer,
} from '../../../../../sql/statements/claims/offers.ts';
import { offerToNext, readFreed } from '../../../../../sql/statements/claims/passing-on.ts';
import { insertAlternates } from '../../../../../sql/statements/draws/alternates.ts';
import { insertEntries } from '../../../../../sql/statements/entries/entries.ts';
import { insertGrants } from '../../../../../sql/statements/entries/grants.ts';
import { insertUserRequests } from '../../../../../sql/statements/entries/user-requests.ts';
import type { Random } from '../../../kernel/random.ts';
import { CAMPAIGNS, type Call, OPENS_MS, poolOf, ROOM } from './sides.ts';

export function claimCalls(
  random: Random,
  number: number,
  { user, stamp, us }: { readonly user: () => string; readonly stamp: () => number; readonly us: number },
): readonly Call[] {
  const campaignId = CAMPAIGNS;
  const serial = random.between(1, 3);
  const waitlistPosition = random.between(1, 2);
  const outageUs = (OPENS_MS + random.between(-1, 3)) * 1_000;
  const offer = { offeredUs: us, claimByUs: us + random.between(0, 400) };
  const claimant = random.pick([
    { number: serial, serial },
    { number: 3 + waitlistPosition, waitlistPosition },
  ]);
  const state = random.pick(['claimed', 'lapsed', 'declined', 'left'] as const);
  const move = { number: claimant.number, state, serial: null, atUs: us };
  const code = random.pick(['', `another ${number}`]);
  const behind = [
    { campaignId, after: random.between(0, 2) },
    { campaignId: 1, after: 0 },
  ];
  const after = random.between(0, 9);
  const counts = {
    waitlistedCount: random.between(0, 3),
    moveCount: after,
    passedOn: random.between(0, 1),
    isDecided: random.chance(0.1),
  };
  const settled = {
    settledStamp: stamp(),
    settledCount: 3,
    grantedCount: random.between(0, 3),
    goneCount: 0,
  };
  const freed = [{ serial, holder: user(), reason: 'lapsed', code: `passed on ${number}` }];
  const due = { through: stamp(), lapseUs: us + 200, limit: random.between(1, 3) };
  const withCampaign =
    (call: (db: Queryable, campaign: Campaign) => Promise<unknown>): Call =>
    async db => {
      const campaign = await getCampaign(db, campaignId);
      if (campaign === undefined) throw new Error(`campaign ${campaignId} does not exist`);
      return await call(db, campaign);
    };
  const sent = { campaignIds: [random.between(1, ROOM + 1)], userIds: [user()], stamps: [stamp()] };
  const ending = { serial, holder: user(), atUs: us + 200, reason: `call ${number}` };
  return [
    db => insertUserRequests(db, 'claims', sent),
    db => insertUserRequests(db, 'claims', { ...sent, campaignIds: [campaignId] }),
    db => insertGrants(db, campaignId, [{ serial, userId: user(), code: `granted ${number}` }]),
    db => insertEntries(db, { ...sent, campaignIds: [campaignId] }, 'all'),
    db => insertAlternates(db, campaignId, waitlistPosition, [user()]),
    db => insertClaimants(db, campaignId, [{ ...claimant, userId: user() }], offer),
    db => insertWaiting(db, campaignId, [{ ...claimant, userId: user() }], offer),
    withCampaign((db, campaign) => readDueClaimants(db, campaign, due)),
    withCampaign((db, campaign) =>
      readDueInstants(db, campaign, { ...due, entriesThrough: due.through, most: due.limit }),
    ),
    db => markClaims(db, campaignId, stamp()),
    db => markLeaving(db, campaignId, stamp()),
    withCampaign((db, campaign) => saveMoves(db, campaign, after, [{ ...move, code }])),
    db => readFreed(db, campaignId, 2),
    db => offerToNext(db, campaignId, after, freed, offer),
    db => areAllDecided(db, campaignId),
    db => saveSettled(db, campaignId, settled, random.chance(0.02), counts),
    db => extendFreeDeadlines(db, outageUs),
    db => extendDeadlines(db, outageUs, campaignId),
    db => readClaimants(db, behind, 2),
    db => readMoves(db, behind, 2),
    db => readOffer(db, campaignId, serial),
    db => extendDeadline(poolOf(db), campaignId, { serial, holder: user(), atUs: us + 300 }),
    db => beginEnd(poolOf(db), campaignId, ending),
    db => beginEnd(poolOf(db), campaignId, ending),
    withCampaign((db, campaign) => completeEnds(poolOf(db), campaign, us + waitlistPosition * 100)),
    db => listBegunEnds(db),
  ];
}
