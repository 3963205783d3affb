/**
 * Which coupons may stand together on one basket. Two may when neither is exclusive and each allows the class of the
 * other; coupons may when every two of them may. What one of them promises and the other one breaks is found when the
 * second is made, so that no customer is the first to learn of it.
 */
import type { Contradiction, Stacking } from './terms.ts';

function allows(one: Stacking, other: Stacking): boolean {
  if (one.exclusive) return false;
  return (
    one.stackableWith === null || (other.stackClass !== null && one.stackableWith.includes(other.stackClass))
  );
}

/** Whether both may be on one basket. */
export function mayStack(one: Stacking, other: Stacking): boolean {
  return allows(one, other) && allows(other, one);
}

/** The first two of a basket's coupons that may not stand together, by their places; undefined when all may. */
export function firstConflict(coupons: readonly Stacking[]): readonly [number, number] | undefined {
  for (const [second, other] of coupons.entries()) {
    const first = coupons.slice(0, second).findIndex(one => !mayStack(one, other));
    if (first >= 0) return [first, second];
  }
  return undefined;
}

/** Whether `one` names the class of `other`, which is a promise that they may stand together. */
function names(one: Stacking, other: Stacking): boolean {
  return other.stackClass !== null && one.stackableWith?.includes(other.stackClass) === true;
}

/**
 * What a new coupon's rules break of those that are there, or those of its own: a coupon that names the class of another
 * one which would not have it. `described` says which one that is.
 */
export function contradictionsWith(
  wanted: Stacking,
  others: readonly { readonly stacking: Stacking; readonly described: string }[],
): readonly Contradiction[] {
  const found: Contradiction[] = [];
  for (const { stacking, described } of others) {
    if (names(wanted, stacking) && !allows(stacking, wanted)) {
      const why = stacking.exclusive ? 'is exclusive' : 'does not name the class of this one';
      found.push({
        field: 'stackable_with',
        value: wanted.stackableWith,
        expected: `a class other than ${stacking.stackClass}, as ${described} of that class ${why}`,
      });
    }
    if (names(stacking, wanted) && !allows(wanted, stacking)) {
      const field = wanted.exclusive ? 'exclusive' : 'stackable_with';
      found.push({
        field,
        value: wanted.exclusive ? true : wanted.stackableWith,
        expected: wanted.exclusive
          ? `false, or another class, as ${described} may stack with ${wanted.stackClass}`
          : `the class ${stacking.stackClass ?? '(it has none)'} as well, as ${described} may stack with ${wanted.stackClass}`,
      });
    }
  }
  return found;
}
