/** Checks, in runs where lease lengths differ, that no gateway serves with another length than the registry's. */
import type { SimulatedGateway } from '../actors/gateway.ts';
import type { Checker } from '../checks/checker.ts';
import type { Tally } from '../kernel/tally.ts';
import { MS, type Process, type World } from '../kernel/world.ts';
import type { SimulatedRedis } from '../models/redis/redis.ts';

export const LEASE_FAULTS: readonly string[] = ['one has another lease length', 'lease length is changed'];
/** The interval at which lease lengths are compared. */
const LEASE_LOOK_US = 20 * MS;

interface Parts {
  readonly world: World;
  readonly redis: SimulatedRedis;
  readonly checker: Checker;
  readonly tally: Tally;
  /** Indexed by slot; undefined if the process is gone. */
  readonly gateways: readonly (SimulatedGateway | undefined)[];
}

/** A gateway with another lease length than the registry's does not serve. */
export function watchLeases(parts: Parts): void {
  const { world, redis, checker, gateways } = parts;
  world.after(LEASE_LOOK_US, world.outside, () => watchLeases(parts));
  for (const [index, gateway] of gateways.entries()) {
    const identity = gateway?.identity;
    if (gateway === undefined || identity === undefined) continue;
    const held = redis.leaseOf(identity.gateway);
    if (held?.incarnation !== identity.incarnation || held.epoch !== identity.epoch) continue;
    if (held.leaseMs === gateway.leaseMs) continue;
    checker.breaks(
      7,
      `gateway ${index} serves with LEASE_MS ${gateway.leaseMs} where leases hold for ${held.leaseMs}`,
    );
  }
}

/** A gateway that has learned of the difference reports it at once. */
export function hearThatLeasesDiffer(parts: Parts, process: Process): void {
  const { world, checker, tally, gateways } = parts;
  tally.count('told that lease lengths differ');
  world.after(1, world.outside, () => {
    const gateway = gateways.find(each => each?.process === process);
    if (gateway === undefined || process.pausedUntilUs > world.nowUs || gateway.hindrance !== undefined)
      return;
    checker.breaks(7, `${process.name} was told that lease lengths differ, and does not say so`);
  });
}
