/** What operators do about a draw by hand: terms of entrants before it, prizes passed on after it. */
import { type Queryable, rehearsal } from '../../sql/database.ts';
import { type PassedOn, type PassOnRefusal, passOn } from '../../sql/statements/draws/alternates.ts';
import { type EntrantTerms, saveTerms, type TermsResult } from '../../sql/statements/draws/entrant-terms.ts';
import { fieldFault, Problem } from '../contract/api/problem.ts';
import { type Actor, campaignTarget, noteAct } from '../operators/acts.ts';
import type { Sanction } from '../operators/proposals.ts';
import { makeCode } from '../settling/judges/codes.ts';
import { unknownCampaign } from './find-campaign.ts';
import { type EndedOffer, endOffer, endWouldBe } from './telling/offers.ts';
import type { TellDeps } from './telling/tell-then-act.ts';

export interface PassOnWanted {
  readonly serial: number;
  readonly reason: string;
  /** Absent: the one to whom it was first granted. */
  readonly holder?: string;
}

type PoolOnly = Pick<TellDeps, 'pool'>;

export interface TermsWanted {
  readonly terms: readonly EntrantTerms[];
  readonly reason: string | null;
}

interface By {
  readonly actor: Actor;
  readonly sanction: Sanction;
}

/** To whom the prize would pass now. Throws Problem like passPrizeOn. */
export async function passOnPreview(
  deps: PoolOnly,
  campaignId: number,
  body: PassOnWanted,
): Promise<EndedOffer & { readonly dry_run: true }> {
  const { serial, reason, holder } = body;
  const wanted = { serial, reason, holder, code: makeCode() };
  const passed = await passOn(deps.pool, campaignId, wanted, undefined, rehearsal);
  if ('userId' in passed) return { ...shownOf(passed), dry_run: true };
  if (passed.why !== 'has a deadline') throw refusalOf(campaignId, body, passed);
  return { ...(await endWouldBe(deps, campaignId, { serial, holder })), dry_run: true };
}

/**
 * Passes a prize on, or ends its offer early. `expected`: the alternate who must be the next one. Throws Problem unknown-campaign
 * and conflict, also if another alternate is the next; that of the sanction.
 */
export async function passPrizeOn(
  deps: TellDeps,
  campaignId: number,
  body: PassOnWanted,
  { actor, sanction }: By,
  stopping: AbortSignal,
  expected?: number,
): Promise<EndedOffer> {
  const { serial, reason, holder } = body;
  const note = async (db: Queryable, { tier, waitlistPosition: alternate }: PassedOn): Promise<void> => {
    if (expected !== undefined && alternate !== expected) throw anotherIsNext(serial, expected);
    await sanction(db);
    const details = { serial, tier, alternate };
    await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
  };
  const passed = await passOn(deps.pool, campaignId, { serial, reason, holder, code: makeCode() }, note);
  if ('userId' in passed) return shownOf(passed);
  if (passed.why !== 'has a deadline') throw refusalOf(campaignId, body, passed);
  return await endOffer(deps, campaignId, { serial, reason, holder }, actor, stopping, sanction);
}

function shownOf({ serial, tier, waitlistPosition, userId, passedFrom }: PassedOn): EndedOffer {
  return { serial, tier, alternate: waitlistPosition, user: userId, passed_from: passedFrom };
}

function anotherIsNext(serial: number, expected: number): Problem {
  return new Problem(
    'conflict',
    `Alternate ${expected} is no longer the next one for serial ${serial}: propose it again.`,
  );
}

function refusalOf(campaignId: number, { serial, holder }: PassOnWanted, refused: PassOnRefusal): Problem {
  switch (refused.why) {
    case 'unknown campaign':
      return unknownCampaign(campaignId);
    case 'not drawn':
    case 'has a deadline':
      return new Problem('conflict', `Campaign ${campaignId} is not a drawn raffle.`);
    case 'no such serial':
      return new Problem('conflict', `Campaign ${campaignId} has no winner with serial ${serial}.`, {
        errors: [fieldFault('serial', serial, 'the serial of a winner')],
      });
    case 'no alternate':
      return new Problem('conflict', `Campaign ${campaignId} has no alternate left.`);
    case 'another holder':
      return new Problem(
        'conflict',
        holder === undefined
          ? `The prize with serial ${serial} was already passed on; name its holder to pass it on again.`
          : `The prize with serial ${serial} belongs to another holder.`,
        { holder: refused.holder },
      );
  }
}

/** Whether these terms could be set now. Throws Problem like setTerms. */
export async function entrantsPreview(
  deps: PoolOnly,
  campaignId: number,
  { terms }: TermsWanted,
): Promise<{ readonly entrants: number; readonly dry_run: true }> {
  checkSaved(campaignId, await saveTerms(deps.pool, campaignId, terms, undefined, rehearsal));
  return { entrants: terms.length, dry_run: true };
}

/** Sets terms of entrants. Throws Problem unknown-campaign, conflict, and that of the sanction. */
export async function setTerms(
  deps: PoolOnly,
  campaignId: number,
  { terms, reason }: TermsWanted,
  { actor, sanction }: By,
): Promise<{ readonly entrants: number }> {
  const details = {
    entrants: terms.length,
    excluded: terms.filter(({ excluded }) => excluded !== null).length,
    grouped: terms.filter(({ group }) => group !== null).length,
    tickets: terms.reduce((sum, { tickets }) => sum + tickets, 0),
  };
  const saved = await saveTerms(deps.pool, campaignId, terms, async db => {
    await sanction(db);
    await noteAct(db, actor, { target: campaignTarget(campaignId), reason, details });
  });
  checkSaved(campaignId, saved);
  return { entrants: terms.length };
}

function checkSaved(campaignId: number, result: TermsResult): void {
  switch (result) {
    case 'saved':
      return;
    case 'unknown':
      throw unknownCampaign(campaignId);
    case 'not a raffle':
      throw new Problem(
        'conflict',
        `Campaign ${campaignId} is not a raffle: only entrants of a raffle have terms.`,
      );
    case 'closed':
      throw new Problem('conflict', `Campaign ${campaignId} is closed: terms can no longer change.`);
  }
}
