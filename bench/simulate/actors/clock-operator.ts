/**
 * The operator of clocks notices that PostgreSQL's clock is wrong, and declares Redis' right at a running engine, with the
 * difference that an engine showed a moment before. The operator repeats this, since a statement ends when Redis' clock
 * moves.
 */
import type { Tally } from '../kernel/tally.ts';
import { MS, type World } from '../kernel/world.ts';
import type { SimulatedEngine } from './engine.ts';

/** The interval at which the operator looks. */
const LOOK_US = 250 * MS;
/** The longest time from a look to the statement. */
const STATES_WITHIN_US = 800 * MS;
/** An engine's last sample may be from before a clock was set: the operator accepts one that is this near to the truth. */
const ACCEPTED_WITHIN_MS = 50;

interface Surroundings {
  readonly world: World;
  readonly tally: Tally;
  readonly engines: number;
  /** The engine with that index, if one is running. */
  readonly engineAt: (index: number) => SimulatedEngine | undefined;
  /**
   * By how much Redis' clock is ahead of PostgreSQL's, ms, while Redis' is right and PostgreSQL's is not. Otherwise
   * undefined, and an operator who knows no clock to be right says nothing.
   */
  readonly rightAheadMs: () => number | undefined;
}

/** Looks at an interval, until the run is over. */
export function watchClocks(around: Surroundings): void {
  const { world } = around;
  world.after(LOOK_US, world.outside, () => watchClocks(around));
  atAnyEngine(around, async engine => {
    const aheadMs = engine.shownAheadMs();
    const rightMs = around.rightAheadMs();
    if (aheadMs === undefined || rightMs === undefined) return;
    if (Math.abs(aheadMs - rightMs) > ACCEPTED_WITHIN_MS) return;
    const statesAfterUs = world.random.between(1, STATES_WITHIN_US);
    world.after(statesAfterUs, world.outside, () => declare(around, aheadMs));
  });
}

/** States the difference seen at the last look. After a refusal, or without an answer, the operator looks again. */
function declare(around: Surroundings, aheadMs: number): void {
  atAnyEngine(around, async engine => {
    const became = await engine.trustClock(aheadMs);
    around.tally.count(`clock statement: ${became}`);
  });
}

function atAnyEngine(
  { world, engines, engineAt }: Surroundings,
  work: (engine: SimulatedEngine) => Promise<void>,
): void {
  const engine = engineAt(world.random.between(0, engines - 1));
  if (engine !== undefined) world.after(0, engine.process, () => void work(engine));
}
