/**
 * Writes the drawing of a raffle in turns: each transaction writes a bounded number of users, and other campaigns have their
 * steps in between. Grants come first, then alternates, then the parts of the proof, each in order. So the rows themselves
 * show the progress, and any engine continues from there with the same draw.
 *
 * Half a draw is never shown. Publishers go by the campaign's row, which only the last turn changes. Readers of grants and
 * proof check first whether the draw is complete: the view `entry_outcomes` and the totals by `granted_count`, the proof by
 * the instants. A campaign that has its seed cannot be cancelled, so a drawing that has begun is always finished.
 *
 * All claimants are written in the last turn, however many there are: the time to claim begins when winners can be shown. So
 * all offers have the instant of the last turn, which no earlier turn knows, and an offer never changes once made.
 */
import type { Queryable } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import { type ClaimCounts, saveSettled } from '../../sql/statements/campaigns/settling.ts';
import { insertClaimants } from '../../sql/statements/claims/claims.ts';
import { insertAlternates } from '../../sql/statements/draws/alternates.ts';
import { insertProof, readDrawState } from '../../sql/statements/draws/draws.ts';
import { insertGrants } from '../../sql/statements/entries/grants.ts';
import type { Entrant } from '../draw/pool.ts';
import { partsOf, proofParts } from '../draw/proof.ts';
import type { Reveal } from '../draw/reveal.ts';
import { tierOf, winnersOf } from '../draw/rules.ts';
import type { Drawn } from '../draw/selection.ts';
import { offerOf } from './claims-settling.ts';
import { makeCode } from './judges/codes.ts';
import { type FrozenState, frozenState, lastStamp } from './raffle-pool.ts';
import type { Instants, StepResult } from './settling-step.ts';

/** Users written in one transaction. */
const TURN_LIMIT = 5_000;
/** Claimants written in one statement. */
const CLAIMANT_PAGE = 10_000;

export interface DrawingTerms {
  /** RECEIPT_SALT_SECRET. */
  readonly saltSecret: string;
  readonly instants: Instants;
  /** Users written in one transaction. */
  readonly limit: number | undefined;
}

/** Writes one turn of the drawing. */
export async function writeDrawing(
  db: Queryable,
  campaign: Campaign,
  drawn: readonly Drawn<Entrant>[],
  { saltSecret, instants, limit = TURN_LIMIT }: DrawingTerms,
): Promise<StepResult> {
  const { campaignId, goneCount } = campaign;
  const frozen = frozenState(campaignId, await readDrawState(db, campaignId));
  const isWhole =
    (await writePeople(db, campaignId, frozen, drawn, limit)) &&
    (await writeProof(db, campaignId, frozen, drawn, saltSecret, limit));
  if (!isWhole) return { decided: 0, more: true, awaits: 'drawing', isPart: true };
  const settledCount = frozen.poolCount + goneCount;
  const grantedCount = Math.min(drawn.length, winnersOf(frozen.draw));
  const settled = { settledStamp: lastStamp(campaign), settledCount, grantedCount, goneCount };
  const isClaimed = campaign.claimWithinS !== null && grantedCount > 0;
  const claims = isClaimed ? await offerDrawn(db, campaign, drawn, instants) : undefined;
  await saveSettled(db, campaignId, settled, !isClaimed, claims);
  return { decided: settledCount, more: false };
}

/** Writes the next winners and alternates, at most `limit`; returns whether all are there. */
async function writePeople(
  db: Queryable,
  campaignId: number,
  { draw, winnersWritten, alternatesWritten }: FrozenState,
  drawn: readonly Drawn<Entrant>[],
  limit: number,
): Promise<boolean> {
  const winnerCount = winnersOf(draw);
  const from = winnersWritten + alternatesWritten;
  const turn = drawn.slice(from, from + limit).map(({ entrant: { userId } }, index) => {
    const number = from + index + 1;
    return { number, userId };
  });
  const grants = turn
    .filter(({ number }) => number <= winnerCount)
    .map(({ number, userId }) => ({ serial: number, userId, code: makeCode(), tier: tierOf(draw, number) }));
  await insertGrants(db, campaignId, grants);
  const alternates = turn.slice(grants.length).map(({ userId }) => userId);
  await insertAlternates(db, campaignId, alternatesWritten + 1, alternates);
  return from + turn.length === drawn.length;
}

/** Writes the next parts of the proof, covering at most `limit` users; returns whether all are there. */
async function writeProof(
  db: Queryable,
  campaignId: number,
  frozen: FrozenState,
  drawn: readonly Drawn<Entrant>[],
  saltSecret: string,
  limit: number,
): Promise<boolean> {
  const { seed, randomness, partsWritten } = frozen;
  if (seed === null || randomness === null) throw new Error(`campaign ${campaignId} has no seed`);
  const parts = proofParts({
    ...frozen,
    campaignId,
    saltSecret,
    rulesText: frozen.rules,
    frozenAtUs: frozen.frozenAt.getTime() * 1000,
    reveal: revealOf(frozen, randomness),
    randomness,
    seed,
    drawn,
  });
  const turn = parts.slice(partsWritten, partsWritten + partsOf(limit));
  await insertProof(
    db,
    campaignId,
    turn.map(part => part()),
    partsWritten,
  );
  return partsWritten + turn.length === parts.length;
}

/** Winners must claim their prizes; alternates wait for prizes that are declined or not claimed. */
async function offerDrawn(
  db: Queryable,
  campaign: Campaign,
  drawn: readonly Drawn<Entrant>[],
  instants: Instants,
): Promise<ClaimCounts> {
  const { campaignId, stock, moveCount } = campaign;
  const offer = offerOf(campaign, instants);
  if (offer === undefined) throw new Error(`campaign ${campaignId}: the time to claim is over`);
  for (let at = 0; at < drawn.length; at += CLAIMANT_PAGE) {
    const claimants = drawn.slice(at, at + CLAIMANT_PAGE).map(({ entrant: { userId } }, index) => {
      const number = at + index + 1;
      return {
        number,
        userId,
        ...(number <= stock ? { serial: number } : { waitlistPosition: number - stock }),
      };
    });
    await insertClaimants(db, campaignId, claimants, offer);
  }
  const waitlistedCount = Math.max(0, drawn.length - stock);
  return { waitlistedCount, moveCount, passedOn: 0, isDecided: true };
}

/** The revealed randomness, from its record. */
function revealOf({ draw, signature, drandRound }: FrozenState, randomness: Buffer): Reveal {
  const { randomness: announced } = draw;
  if (announced.source === 'commit') return { source: 'commit', secret: randomness };
  if (signature === null) throw new Error(`round ${announced.round} was recorded without its signature`);
  return { source: 'drand', round: drandRound ?? announced.round, signature };
}
