/**
 * The operator of clocks: notices that PostgreSQL's clock is wrong, and says that Redis' is right, at a running engine, by the
 * difference that another one showed a moment before. The operator repeats this, since a statement ends when Redis' clock
 * moves.
 */
import type { Tally } from '../kernel/tally.ts';
import { MS, type World } from '../kernel/world.ts';
import type { SimulatedEngine } from './engine.ts';

/** The interval at which the operator looks. */
const LOOK_US = 250 * MS;
/** The longest time from looking to speaking. */
const SPEAKS_WITHIN_US = 800 * MS;

interface Surroundings {
  readonly world: World;
  readonly tally: Tally;
  readonly engines: number;
  /** The engine with that index, if one is running. */
  readonly engineAt: (index: number) => SimulatedEngine | undefined;
  /** Redis' clock is right, and PostgreSQL's is not. An operator who does not know that says nothing. */
  readonly isRedisAloneRight: () => boolean;
}

/** Looks from now on, until the run is over. */
export function watchClocks(around: Surroundings): void {
  const { world } = around;
  world.after(LOOK_US, world.outside, () => watchClocks(around));
  if (!around.isRedisAloneRight()) return;
  atAnyEngine(around, async engine => {
    const aheadMs = engine.shownAheadMs();
    if (aheadMs === undefined) return;
    const speakUs = world.random.between(1, SPEAKS_WITHIN_US);
    world.after(speakUs, world.outside, () => speak(around, aheadMs));
  });
}

/** Speaks of what was so at the last look. What is refused or not answered is looked at again. */
function speak(around: Surroundings, aheadMs: number): void {
  atAnyEngine(around, async engine => {
    const became = await engine.trustClock(aheadMs);
    around.tally.count(`word on clocks: ${became}`);
  });
}

function atAnyEngine(
  { world, engines, engineAt }: Surroundings,
  work: (engine: SimulatedEngine) => Promise<void>,
): void {
  const engine = engineAt(world.random.between(0, engines - 1));
  if (engine !== undefined) world.after(0, engine.process, () => void work(engine));
}
