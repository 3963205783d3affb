/** Checks of what watchers were shown: positions never went backward, and the last one equals the ledger's. */
import type { ShownOutcome } from '../../watch/record.ts';
import type { CampaignEvidence, Grant, Watched } from './evidence.ts';
import type { Faults } from './faults.ts';

export interface WatchFacts {
  /** Position of each user in the ledger, from 1. */
  readonly positions: ReadonlyMap<string, number>;
  readonly grants: ReadonlyMap<string, Grant>;
  readonly accepted: ReadonlySet<string>;
}

export function checkWatchers(evidence: CampaignEvidence, facts: WatchFacts, faults: Faults): void {
  for (const watched of evidence.watched) {
    checkShown(watched, facts, faults);
    checkOutcomes(evidence, watched, facts, faults);
  }
}

function checkShown({ who, shown }: Watched, facts: WatchFacts, faults: Faults): void {
  const settled = facts.positions.get(who.user);
  let last: { readonly position: number; readonly ahead: number } | undefined;
  for (const { position, ahead, atUs } of shown) {
    const where = `${who.user} at ${atUs}`;
    if (last !== undefined && position > last.position) {
      const example = `${where}: position ${position} after ${last.position}`;
      faults.add('positionsBackward', 'a later position was shown than before', example);
    }
    if (last !== undefined && ahead > last.ahead) {
      const example = `${where}: ${ahead} ahead after ${last.ahead}`;
      faults.add('positionsBackward', 'more were shown to be ahead than before', example);
    }
    if (settled !== undefined && position !== settled) {
      const example = `${where}: position ${position}, in the ledger ${settled}`;
      faults.add('other', 'a position was shown that is not the one in the ledger', example);
    }
    last = { position, ahead };
  }
}

function checkOutcomes(
  evidence: CampaignEvidence,
  { who, shown }: Watched,
  facts: WatchFacts,
  faults: Faults,
): void {
  const { user, outcomes, end, why } = who;
  if (end === 'failed') {
    faults.add('other', 'a watcher was answered as nobody ever should be', `${user}: ${why}`);
  }
  // A watcher whose entry was refused because nothing is left was told so; that answer is checked with the other requests.
  if (outcomes.length === 0 && end !== 'refused' && (facts.accepted.has(user) || shown.length > 0)) {
    const example = `${user} of campaign ${evidence.campaign} (${end}${why === '' ? '' : `: ${why}`})`;
    faults.add('other', 'a watcher with an entry was shown no outcome', example);
  }
  for (const outcome of outcomes) {
    const expected = expectedOutcome(evidence.kind, facts.grants.get(user));
    if (!isSame(outcome, expected)) {
      const example = `${user} was shown ${told(outcome)}, the ledger has ${told(expected)}`;
      faults.add('duplicates', 'a watcher was shown another outcome than the ledger has', example);
    }
    const settled = facts.positions.get(user);
    if (settled !== undefined && outcome.position !== settled) {
      const example = `${user}: position ${outcome.position}, in the ledger ${settled}`;
      faults.add('other', 'an outcome was shown with another position than the ledger has', example);
    }
    const last = shown.at(-1);
    if (last !== undefined && outcome.position > last.position) {
      const example = `${user}: position ${outcome.position} with the outcome, ${last.position} before`;
      faults.add('positionsBackward', 'a later position was shown than before', example);
    }
  }
}

type Told = Pick<ShownOutcome, 'outcome' | 'serial' | 'code'>;

function expectedOutcome(kind: CampaignEvidence['kind'], grant: Grant | undefined): Told {
  if (grant === undefined) {
    return { outcome: kind === 'coupon' ? 'sold_out' : 'not_drawn', serial: null, code: null };
  }
  return { outcome: kind === 'coupon' ? 'granted' : 'won', serial: grant.serial, code: grant.code };
}

function isSame(one: Told, other: Told): boolean {
  return one.outcome === other.outcome && one.serial === other.serial && one.code === other.code;
}

function told({ outcome, serial }: Told): string {
  return serial === null ? outcome : `${outcome} (serial ${serial})`;
}
