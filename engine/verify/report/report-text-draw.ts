/** The report on a draw: which randomness it used, and what that does not prove. */
import type { DrawFacts } from '../draw/randomness.ts';
import type { DrawRules } from '../draw/rules.ts';
import { isoOf } from '../receipts/leaf.ts';

/** The randomness used; not the announced round if the pool was frozen when that was known. */
export function randomnessWords({ revealed }: DrawFacts, { randomness }: DrawRules): string {
  if (revealed.source === 'commit') return 'the secret committed to';
  if (randomness.source === 'drand' && revealed.round !== randomness.round) {
    const frozen =
      revealed.frozenAtUs === undefined ? '' : ` because the pool was frozen ${isoOf(revealed.frozenAtUs)}`;
    return `drand round ${revealed.round}, whose signature was checked, which by rule replaces the announced round ${randomness.round}${frozen}`;
  }
  return `the announced drand round ${revealed.round}, whose signature was checked`;
}

export function notProvenOfDraw(
  { randomness }: DrawRules,
  facts: DrawFacts | undefined,
  hasNotedRoot: boolean,
): readonly string[] {
  const frozen = hasNotedRoot
    ? 'When the pool root was noted. If it was before the randomness was known, the pool was fixed by then.'
    : 'That the pool, with its tickets, groups and exclusions, was fixed before the randomness was known. Compare its root with the one that the campaign showed at the freeze (--pool-root), or compare this proof or book with an earlier copy.';
  return randomness.source === 'commit'
    ? [
        frozen,
        'That nobody who knew the secret before the freeze steered the draw. They could have tried which extra entries, tickets, groups or exclusions make them win. Slice heads published as they are made limit the entries; drand removes the risk.',
      ]
    : [
        frozen,
        ...lateRound(facts),
        'That the League of Entropy, which runs drand, did not collude. A majority of its members would have to, in order to know a round before its time.',
      ];
}

/** The stated time of the freeze determines which round counts. */
function lateRound(facts: DrawFacts | undefined): readonly string[] {
  if (facts?.revealed.source !== 'drand' || facts.revealed.frozenAtUs === undefined) return [];
  return [
    'That the pool was frozen at the stated time. The round follows from that time, which the operator of the draw states. The announced round was known by then.',
  ];
}
