/** What is said of a draw: which randomness it took, and what that does not prove. */
import { isoOf } from './leaf.ts';
import type { DrawFacts } from './randomness.ts';
import type { DrawRules } from './rules.ts';

/** What was used, which is not the announced round where the pool was frozen when that was known. */
export function randomnessWords({ revealed }: DrawFacts, { randomness }: DrawRules): string {
  if (revealed.source === 'commit') return 'the secret committed to';
  if (randomness.source === 'drand' && revealed.round !== randomness.round) {
    const frozen =
      revealed.frozenAtUs === undefined ? '' : ` as the pool was frozen ${isoOf(revealed.frozenAtUs)}`;
    return `round ${revealed.round} of drand, whose signature was checked, by rule in place of the announced round ${randomness.round}${frozen}`;
  }
  return `the announced round ${revealed.round} of drand, whose signature was checked`;
}

export function notProvenOfDraw(
  { randomness }: DrawRules,
  facts: DrawFacts | undefined,
  hasNotedRoot: boolean,
): readonly string[] {
  const frozen = hasNotedRoot
    ? 'When the root of the pool was noted: if that was before the randomness was known, the pool was fixed by then.'
    : 'That the pool, with its tickets, groups and exclusions, was fixed before the randomness was known: compare its root with the one that the campaign showed at the freeze (--pool-root), or this proof or book with one that somebody had earlier.';
  return randomness.source === 'commit'
    ? [
        frozen,
        'That the draw was not steered by whoever knew the secret before the freeze: they could have tried out which extra entries of their own, or which tickets, groups and exclusions, would make them win. Slice heads that are published as they are made bound the entries; drand closes it.',
      ]
    : [
        frozen,
        ...lateRound(facts),
        'That the League of Entropy, which runs drand, did not work together: a majority of its members would have to, to know a round before its time.',
      ];
}

/** Who says when the pool was frozen says with it which round counts. */
function lateRound(facts: DrawFacts | undefined): readonly string[] {
  if (facts?.revealed.source !== 'drand' || facts.revealed.frozenAtUs === undefined) return [];
  return [
    'That the pool was frozen when it is said to have been: which round was used follows from that instant, which is the word of whoever runs the draw. The announced round was known by then.',
  ];
}
