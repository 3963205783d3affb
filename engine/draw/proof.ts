/**
 * The proof of a draw: all that is needed to repeat it with the entries of the pool, as one canonical JSON object.
 *
 *     {"alternates": [{"alternate": 1, "key", "stamp", "tickets"?, "who"}, …], "campaign", "pool_count", "pool_root",
 *      "proof": 1, "randomness", "rules": {…}, "rules_hash", "seed", "source": {"secret"} or {"frozen_at_us"?, "round", "signature"},
 *      "winners": [{"key", "serial", "stamp", "tickets"?, "tier", "who"}, …]}
 *
 * 32 bytes are written in base64url; a round's signature in hex, as drand writes it; `tier` counts from 0; `tickets` is
 * there when it is not 1, `frozen_at_us` when the round is a later one than announced (roundOfFreeze in drand.ts). It shows
 * nobody's user id: see `who` in ../contract/record/leaf.ts.
 */
import { saltOf, whoOf } from '../contract/record/leaf.ts';
import { canonicalJson } from './canonical.ts';
import type { Entrant } from './pool.ts';
import type { Reveal } from './reveal.ts';
import { type DrawRules, rulesHash, tierOf, winnersOf } from './rules.ts';
import type { Drawn } from './selection.ts';

export interface ProofInput {
  readonly campaignId: number;
  /** RECEIPT_SALT_SECRET. */
  readonly saltSecret: string;
  /** Canonical, as announced. */
  readonly rulesText: string;
  readonly draw: Pick<DrawRules, 'tiers' | 'randomness'>;
  readonly poolRoot: Uint8Array;
  readonly poolCount: number;
  readonly reveal: Reveal;
  /** When the pool was frozen, us since the epoch. */
  readonly frozenAtUs: number;
  readonly randomness: Uint8Array;
  readonly seed: Uint8Array;
  /** In order: the winners, then the alternates. */
  readonly drawn: readonly Drawn<Entrant>[];
}

/** People per part: some hundred KB of text. */
const PART = 1_000;

/** The maximum number of parts of a proof with so many people: each of the two lists may end with a part that is not full. */
export function partsOf(people: number): number {
  return Math.ceil(people / PART) + 4;
}

/** The proof in parts, to be concatenated. Each part is made on demand, so that later parts can be made alone. */
export function proofParts(input: ProofInput): readonly (() => string)[] {
  const winners = input.drawn.slice(0, winnersOf(input.draw));
  const alternates = input.drawn.slice(winners.length);
  return [
    () => '{"alternates":[',
    ...listParts(alternates, (drawn, index) =>
      canonicalJson({ alternate: index + 1, ...personOf(input, drawn) }),
    ),
    () => middleOf(input),
    ...listParts(winners, (drawn, index) =>
      canonicalJson({ serial: index + 1, tier: tierOf(input.draw, index + 1), ...personOf(input, drawn) }),
    ),
    () => ']}',
  ];
}

/** The text between the alternates and the winners. */
function middleOf(input: ProofInput): string {
  const middle = canonicalJson({
    campaign: input.campaignId,
    pool_count: input.poolCount,
    pool_root: base64url(input.poolRoot),
    proof: 1,
    randomness: base64url(input.randomness),
  });
  const end = canonicalJson({
    rules_hash: base64url(rulesHash(input.rulesText)),
    seed: base64url(input.seed),
    source: sourceOf(input),
  });
  return `],${middle.slice(1, -1)},"rules":${input.rulesText},${end.slice(1, -1)},"winners":[`;
}

function listParts(
  list: readonly Drawn<Entrant>[],
  textOf: (drawn: Drawn<Entrant>, index: number) => string,
): (() => string)[] {
  const parts: (() => string)[] = [];
  for (let from = 0; from < list.length; from += PART) {
    parts.push(() => {
      const texts = list.slice(from, from + PART).map((drawn, index) => textOf(drawn, from + index));
      return `${from === 0 ? '' : ','}${texts.join(',')}`;
    });
  }
  return parts;
}

function personOf(input: ProofInput, { entrant, key }: Drawn<Entrant>) {
  const { userId, stamp, tickets } = entrant;
  const who = whoOf(saltOf(input.saltSecret, input.campaignId, userId), userId);
  return { key: base64url(key), stamp, who: base64url(who), ...(tickets === 1 ? {} : { tickets }) };
}

function sourceOf({ reveal, draw: { randomness }, frozenAtUs }: ProofInput) {
  switch (reveal.source) {
    case 'commit':
      return { secret: base64url(reveal.secret) };
    case 'drand': {
      const { round } = reveal;
      const isAnnounced = randomness.source === 'drand' && randomness.round === round;
      const signature = Buffer.from(reveal.signature).toString('hex');
      return { ...(isAnnounced ? {} : { frozen_at_us: frozenAtUs }), round, signature };
    }
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
