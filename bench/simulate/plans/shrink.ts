/**
 * Shrinks a failing plan: removes faults, requests, gateways, engines and partitions as long as the rest still fails, until
 * nothing more can go (ddmin; Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28:2, 2002).
 * The result often reaches the same bug in another way, which is just as useful.
 */
import type { Plan } from './plan.ts';

/** The maximum number of runs for shrinking. */
const RUNS_AT_MOST = 400;

/** A smaller plan for which `fails` returns true, as it must for the given one. */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let least = plan;
  let runs = 0;
  const attempt = async (smaller: Plan): Promise<boolean> => {
    if (runs >= RUNS_AT_MOST) return false;
    runs += 1;
    if (!(await fails(smaller))) return false;
    least = smaller;
    return true;
  };
  for (let before: Plan | undefined; before !== least; ) {
    before = least;
    await fewer(least.faults, faults => attempt({ ...least, faults }));
    await fewer(least.asks, asks => attempt({ ...least, asks }));
    await fewer(least.shop.shoppings, shoppings => attempt({ ...least, shop: { ...least.shop, shoppings } }));
    await fewer(least.shop.looks, looks => attempt({ ...least, shop: { ...least.shop, looks } }));
    await fewer(least.shop.changes, changes => attempt({ ...least, shop: { ...least.shop, changes } }));
    for (const name of ['gateways', 'engines', 'partitions'] as const) {
      while (least[name] > 1 && (await attempt({ ...least, [name]: least[name] - 1 })));
    }
    const calm = least.faults.map(fault => ({ ...fault, forMs: Math.ceil(fault.forMs / 2) }));
    if (least.faults.some(({ forMs }) => forMs > 1)) await attempt({ ...least, faults: calm });
  }
  return least;
}

/** Leaves out ever smaller parts of a list, as long as `attempt` accepts the rest. */
async function fewer<T>(
  list: readonly T[],
  attempt: (left: readonly T[]) => Promise<boolean>,
): Promise<void> {
  let left = list;
  for (let size = Math.ceil(left.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (await attempt(without)) left = without;
      else at += size;
    }
  }
}
