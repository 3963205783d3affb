/** A book's account of gateways' incarnations: which are shown, which signed nothing, and where chains end. */
import type { ChainOfBook, EpochOfBook } from '../../sql/statements/books/book-chains.ts';
import { INCARNATIONS_PER_EPOCH } from '../../sql/statements/progress/watermarks.ts';
import type { BookEpoch } from './book.ts';

/** Before all known epochs: no incarnation had been given. */
const BEFORE_ALL = { epoch: 0, beganUs: 0, last: 0 };

/**
 * The epochs from the one in force at the opening, or the earliest in which an incarnation still signed after it, each with an
 * account of all its numbers. An incarnation that is not in `chains` is quiet: it has signed nothing since the opening, or
 * never.
 */
export function accountFor(
  known: readonly EpochOfBook[],
  chains: readonly ChainOfBook[],
  opensAtUs: number,
): readonly BookEpoch[] {
  const epochs = known.map(each => ({ ...each, beganUs: each.beganUs ?? 0 }));
  const inForce = epochs.findLast(({ beganUs, last }) => beganUs <= opensAtUs && last > 0) ?? epochs[0];
  const least = Math.min(
    ...chains.map(({ incarnation }) => Math.floor(incarnation / INCARNATIONS_PER_EPOCH)),
    inForce?.epoch ?? 0,
  );
  const told = epochs.filter(({ epoch, last }) => epoch === least || (epoch > least && last > 0));
  const [first] = told;
  const all = first !== undefined && first.beganUs <= opensAtUs ? told : [BEFORE_ALL, ...told];
  return all.map(({ epoch, beganUs, last }) => {
    const base = epoch * INCARNATIONS_PER_EPOCH;
    const own = chains.filter(({ incarnation }) => incarnation > base && incarnation <= base + last);
    const numbers = own.map(({ incarnation }) => incarnation - base).sort((a, b) => a - b);
    const ends = own
      .filter(({ isBehind }) => !isBehind)
      .map(({ incarnation, last: slice }) => [incarnation - base, slice] as const)
      .sort(([a], [b]) => a - b);
    return { epoch, beganUs, last, quiet: gapsIn(numbers, last), ends };
  });
}

/** The ranges of numbers from 1 to `last` that are missing in `numbers`, which is sorted. */
function gapsIn(numbers: readonly number[], last: number): readonly (readonly [number, number])[] {
  const gaps: (readonly [number, number])[] = [];
  let next = 1;
  for (const number of [...numbers, last + 1]) {
    if (number > next) gaps.push([next, number - 1]);
    next = number + 1;
  }
  return gaps;
}
