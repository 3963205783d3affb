/**
 * Which coupons may be combined in one basket. Two may if neither is exclusive and each allows the class of the other; several
 * may if every two of them may. If one coupon promises a combination that the other one forbids, the engine detects it when the
 * second is created, before any customer meets it.
 */
import type { Contradiction, Stacking } from './terms.ts';

function allows(one: Stacking, other: Stacking): boolean {
  if (one.exclusive) return false;
  return (
    one.stackableWith === null || (other.stackClass !== null && one.stackableWith.includes(other.stackClass))
  );
}

/** Whether both may be in one basket. */
export function mayStack(one: Stacking, other: Stacking): boolean {
  return allows(one, other) && allows(other, one);
}

/** The indices of the first two of a basket's coupons that may not be combined; undefined if all may. */
export function firstConflict(coupons: readonly Stacking[]): readonly [number, number] | undefined {
  for (const [second, other] of coupons.entries()) {
    const first = coupons.slice(0, second).findIndex(one => !mayStack(one, other));
    if (first >= 0) return [first, second];
  }
  return undefined;
}

/** Whether `one` names the class of `other`, which promises that they may be combined. */
function names(one: Stacking, other: Stacking): boolean {
  return other.stackClass !== null && one.stackableWith?.includes(other.stackClass) === true;
}

/**
 * The contradictions between a new coupon's rules and those of existing coupons, in both directions: one coupon names the class
 * of the other, which does not allow it. `described` names the other coupon.
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
