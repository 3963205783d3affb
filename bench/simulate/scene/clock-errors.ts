/** The clock errors that the checker must allow for in a run, because they go unnoticed there. */
import type { Checker } from '../checks/checker.ts';
import { MS, type Process } from '../kernel/world.ts';
import type { Plan } from '../plans/plan.ts';
import { LEASE_FAULTS } from './lease-watch.ts';

/** Clocks drift by up to 2% between two samples, and a request takes its time. */
const STAMP_SLACK_US = 60 * MS;
/** An offer has the time of the last reading of the clock; without another fault there are several readings a second. */
const OFFERED_BEFORE_US = 1_000 * MS;
/** The greatest age of the shown state of a code: in general, and if nothing keeps gateways from learning of changes. */
const COPY_US = 1_100 * MS;
const TOLD_US = 120 * MS;
/** For requests whose arrival the proxy has noted. */
const NOTED_BEFORE_US = 61 * MS;

/** Tells the checker how large unnoticed errors of clocks may be in this run. */
export function allowClockErrors(plan: Plan, checker: Checker, gateways: readonly Process[]): void {
  const has = (...kinds: readonly string[]): boolean => plan.faults.some(({ kind }) => kinds.includes(kind));
  const stopUs = plan.clockStopMs * MS;
  const isClockSet = has('clock of Redis is set', 'clock of Postgres is set', 'clock of Postgres goes wrong');
  checker.clockOffUs = isClockSet ? stopUs : 0;
  const setByMs = plan.faults.map(({ kind, amount }) =>
    kind.startsWith('clock of Postgres') ? Math.abs(amount) : 0,
  );
  checker.shop.clockSetByUs = setByMs.reduce((sum, ms) => sum + ms, 0) * MS;
  // A suspended machine takes old data for new, and copies expire by clocks.
  const isTimeSure = !isClockSet && !has('gateway is suspended');
  const isQuiet = plan.faults.length === 0;
  checker.pace.isSure = plan.faults.every(({ kind }) => kind === 'cycles are long');
  if (isTimeSure) checker.shop.coupons.shownBeforeUs = isQuiet ? TOLD_US : COPY_US;
  checker.shop.coupons.isOwnShown = isQuiet;
  const leasesMs = plan.faults.map(({ kind, amount }) =>
    LEASE_FAULTS.includes(kind) ? amount : plan.leaseMs,
  );
  checker.ends.leaseUs = Math.min(plan.leaseMs, ...leasesMs) * MS;
  checker.stampOffUs = 2 * stopUs + STAMP_SLACK_US;
  if (has('cycles are long')) checker.offeredBeforeUs = OFFERED_BEFORE_US;
  checker.stampBehindUs = checker.stampOffUs + NOTED_BEFORE_US;
  // Redis' clock may be wrong by as much as the clock of a suspended gateway: the two cannot be told apart.
  const isAlikeWrong = has('gateway is suspended') && has('clock of Redis is set');
  checker.behindUntilUs = isAlikeWrong
    ? () => Number.POSITIVE_INFINITY
    : () => Math.max(0, ...gateways.map(process => process.behindUntilUs));
}
