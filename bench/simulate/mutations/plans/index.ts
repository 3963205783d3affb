/**
 * Handwritten plans, each for a bug that seeds show too rarely: few users, and few faults at the moments that show the bug.
 * Only the schedule of such a plan is random; each plan runs under several.
 */
import type { Plan } from '../../plans/plan.ts';
import type { WrittenPlan } from './build.ts';
import { CLOCK_PLANS } from './clocks.ts';
import { COUPON_PLANS } from './coupons.ts';
import { OFFER_PLANS } from './offers.ts';
import { RAISE_PLANS } from './raises.ts';
import { REDIS_PLANS } from './redis.ts';
import { ROOM_PLANS } from './rooms.ts';
import { SCHEDULE_PLANS } from './schedule.ts';

const PLANS = {
  ...CLOCK_PLANS,
  ...COUPON_PLANS,
  ...OFFER_PLANS,
  ...RAISE_PLANS,
  ...REDIS_PLANS,
  ...ROOM_PLANS,
  ...SCHEDULE_PLANS,
};

export type WrittenPlanName = keyof typeof PLANS;

export function isWrittenPlanName(name: string): name is WrittenPlanName {
  return Object.hasOwn(PLANS, name);
}

export const WRITTEN_PLAN_NAMES: readonly WrittenPlanName[] = Object.keys(PLANS).filter(isWrittenPlanName);

/** The number of schedules a plan runs under. */
export const SCHEDULES = 20;

/** The plan of that name under the schedule of that seed. */
export function writtenPlan(name: WrittenPlanName, schedule: number): Plan {
  const plan: WrittenPlan = PLANS[name];
  return { ...plan, seed: schedule };
}
