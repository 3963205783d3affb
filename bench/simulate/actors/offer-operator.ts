/**
 * The operator who ends an offer by hand, whichever user holds it at that moment. While nobody has the offer, or the result is
 * unknown, the operator mostly repeats the request, at any running engine.
 */
import type { Checker } from '../checks/checker.ts';
import { MS, type World } from '../kernel/world.ts';
import type { SimulatedEngine } from './engine.ts';

const TRIES = 20;
/** An engine that has recorded the end answers later if the end is far off; repeating the request is safe. */
const ANSWER_TIMEOUT_US = 2_500 * MS;

interface Surroundings {
  readonly world: World;
  readonly checker: Checker;
  readonly engines: number;
  /** The engine with that index, if one is running. */
  readonly engineAt: (index: number) => SimulatedEngine | undefined;
}

interface Wanted {
  readonly campaignId: number;
  readonly serial: number;
  /** The engine that gets the request. */
  readonly engine: number;
  readonly asksOnce: boolean;
}

export function endByHand(around: Surroundings, wanted: Wanted, triesLeft: number = TRIES): void {
  const { world, checker, engines, engineAt } = around;
  const { campaignId, serial } = wanted;
  const again = (): void => {
    if (wanted.asksOnce || triesLeft === 0) return;
    const engine = world.random.between(0, engines - 1);
    const later = (): void => endByHand(around, { ...wanted, engine }, triesLeft - 1);
    world.after(world.random.between(50, 600) * MS, world.outside, later);
  };
  const engine = engineAt(wanted.engine);
  if (engine === undefined) {
    again();
    return;
  }
  const once = world.hearOnce(ANSWER_TIMEOUT_US, (isAnswered?: boolean) => {
    if (isAnswered !== true) again();
  });
  const asks = (userId: string): void => checker.ends.requested(campaignId, userId, world.nowUs);
  world.after(0, engine.process, async () => {
    const isAnswered = await engine.endOffer(campaignId, serial, asks);
    world.after(MS, world.outside, () => once(isAnswered));
  });
}
