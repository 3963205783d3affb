/** The checks of a book that need all of its lines: counts, the pool, the draw, the signature. */
import { checkRandomness, checkSeed } from '../draw/randomness.ts';
import type { Rules } from '../draw/rules.ts';
import { type Findings, Unreadable } from '../findings.ts';
import type { HashJobs } from '../hashing/hash-jobs.ts';
import type { Limits } from '../limits.ts';
import { areEqual, concat, utf8 } from '../text/bytes.ts';
import type { End } from './book-end.ts';
import { type BookOptions, type Header, VERSION } from './book-header.ts';
import type { Entries } from './entries.ts';
import { type CouponJudge, RaffleJudge } from './outcomes.ts';
import type { ReadBook } from './read-book.ts';

const LABEL = utf8(`fairline book ${VERSION}`);

/** How many of each kind were read. */
export interface FoundCounts {
  readonly entries: number;
  readonly slices: number;
  readonly moves: number;
  readonly lines: number;
  /** Entries that were not withdrawn. */
  readonly honoured: number;
}

export function checkCounts(end: End, found: FoundCounts, findings: Findings): void {
  const counts = [
    ['entries', end.entries, found.entries],
    ['slices', end.slices, found.slices],
    ['moves', end.moves, found.moves],
    ['lines before the last', end.lines, found.lines],
  ] as const;
  for (const [what, said, count] of counts) {
    if (said !== count)
      findings.add('wrong-counts', `the last line says ${said} ${what}, but there are ${count}`);
  }
  if (end.count !== found.honoured) {
    findings.add(
      'pool-count',
      `the last line says that the pool has ${end.count} entries, but ${found.honoured} are not withdrawn`,
    );
  }
}

export function checkPool(kind: Rules['kind'], end: End, root: Uint8Array, findings: Findings): void {
  if (areEqual(root, end.poolRoot)) return;
  findings.add(
    'pool-root',
    kind === 'coupon'
      ? 'the pool root in the last line does not match the entries in the book'
      : 'the pool root in the last line does not match the entries in the book with their tickets, groups and exclusions',
  );
}

/** The input of `checkDraw`; undefined if there is no draw, or one with more tickets than are drawn here. */
export function beginDraw(
  { draw }: End,
  entries: Entries,
  judge: CouponJudge | RaffleJudge,
  limits: Limits,
  jobs: HashJobs,
): Float64Array | undefined {
  if (draw === undefined || !(judge instanceof RaffleJudge) || judge.tickets > limits.tickets)
    return undefined;
  return judge.beginDraw(entries, draw.seed, jobs);
}

export interface DrawParts {
  readonly entries: Entries;
  readonly judge: CouponJudge | RaffleJudge;
  readonly poolRoot: Uint8Array;
  readonly starts: Float64Array | undefined;
}

/** Repeats the draw. Rejects with Unreadable if it has too many tickets. */
export async function checkDraw(
  { rules, closedAtUs }: Header,
  { draw }: End,
  { entries, judge, poolRoot, starts }: DrawParts,
  { findings, limits, primitives }: BookOptions,
): Promise<ReadBook['draw']> {
  if (rules.kind !== 'raffle' || draw === undefined || !(judge instanceof RaffleJudge)) return undefined;
  await checkRandomness(draw, rules, closedAtUs, findings, primitives);
  checkSeed(draw, rules, poolRoot, entries.honoured, findings, primitives);
  if (starts === undefined) {
    throw new Unreadable(
      'too-large',
      `the entrants have ${judge.tickets} tickets; this verifier draws at most ${limits.tickets}`,
    );
  }
  return { facts: draw, drawn: judge.checkDraw(entries, draw.seed, starts, primitives) };
}

/** `hash`: of all lines before the last. */
export async function checkSignature(
  { closedAtUs, signers }: Header,
  end: End,
  hash: Uint8Array,
  { findings, primitives }: BookOptions,
): Promise<void> {
  // A book does not show when it was signed, so its key may be younger than the campaign.
  const key = signers.keyFor(end.keyId, 'books', closedAtUs, 'the book', true);
  if (key === undefined) return;
  const message = concat(LABEL, hash, utf8(end.canonical));
  if (!(await primitives.verifyEd25519(key.bytes, message, end.signature))) {
    findings.add(
      'book-signature',
      `the signature of the book by key ${end.keyId} is invalid: the book was changed`,
    );
  }
}
