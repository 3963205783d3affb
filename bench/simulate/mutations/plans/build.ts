/**
 * Builders of handwritten plans. A quiet plan has no faults, and only its schedule is random: a written plan states its
 * differences from that.
 */
import type { Announced } from '../../checks/checker-rows.ts';
import { Random } from '../../kernel/random.ts';
import { BEGINNING_US, MS } from '../../kernel/world.ts';
import type { Ask, Fault, FaultKind, Operation, Plan } from '../../plans/plan.ts';
import { NO_SHOP } from '../../plans/shopping.ts';

/** A plan without a seed: its schedule has the seed. */
export type WrittenPlan = Omit<Plan, 'seed'>;

/** By then all gateways have their leases. */
const OPENS_MS = 400;

export function quietPlan(own: Partial<WrittenPlan> & Pick<Plan, 'campaigns' | 'asks'>): WrittenPlan {
  return {
    gateways: 2,
    engines: 1,
    partitions: 1,
    maxSliceEntries: 1_000,
    leaseMs: 500,
    appendTimeoutMs: 300,
    rankedAtOnce: undefined,
    claimsAtOnce: undefined,
    movesAtOnce: undefined,
    drawnAtOnce: undefined,
    sharedFrom: undefined,
    waitMs: 0,
    clockStopMs: 300,
    signs: false,
    remembers: false,
    drift: 0.000_1,
    faults: [],
    shop: NO_SHOP,
    shelveAfterMs: undefined,
    ...own,
  };
}

/** Campaign 1, with enough stock for everybody; open until that time, ms from the beginning. */
export function campaign(
  kind: Announced['kind'],
  closesMs: number,
  own: Partial<Announced> & { readonly opensMs?: number } = {},
): Announced {
  const { opensMs = OPENS_MS, ...rest } = own;
  return {
    campaignId: 1,
    kind,
    stock: 100,
    opensAtUs: BEGINNING_US + opensMs * MS,
    closesAtUs: BEGINNING_US + closesMs * MS,
    drawsAtUs: undefined,
    claims: undefined,
    room: undefined,
    ...rest,
  };
}

/** A user enters campaign 1 at gateway 0. */
export function enters(userId: string, atMs: number, own: Partial<Ask> = {}): Ask {
  return {
    atMs,
    what: 'enter',
    userId,
    campaignId: 1,
    gateway: 0,
    bodyAfterMs: undefined,
    onTheWayMs: undefined,
    watches: false,
    claimsAfterMs: undefined,
    watchesAfterMs: 0,
    ...own,
  };
}

/** A user looks up the own entry at gateway 0. */
export function looks(userId: string, atMs: number, own: Partial<Ask> = {}): Ask {
  return enters(userId, atMs, { ...own, what: 'look' });
}

/** The operator changes campaign 1, at engine 0. */
export function changes(atMs: number, operation: Operation): Ask {
  return enters('operator', atMs, { what: 'change', operation });
}

/** The operator closes campaign 1, at engine 0. */
export function closes(atMs: number): Ask {
  return enters('operator', atMs, { what: 'close' });
}

/** The operator ends the offer of a serial of campaign 1, at engine 0, and does not repeat the request. */
export function endsOffer(serial: number, atMs: number): Ask {
  return enters('operator', atMs, { what: 'end offer', serial, asksOnce: true });
}

/** Makes that many things; `make` gets the delay of each after the first. */
export function often<T>(times: number, apart: number, make: (behind: number) => T): T[] {
  return Array.from({ length: times }, (_, index) => make(index * apart));
}

export function fault(kind: FaultKind, atMs: number, own: Partial<Fault> = {}): Fault {
  return { kind, atMs, failpoint: undefined, forMs: 0, target: 0, amount: 0, ...own };
}

/** The target of a fault of paths, by the name of the path (scene.ts), for a plan with so many processes. */
export function wayOf(name: string, { engines, gateways }: Pick<Plan, 'engines' | 'gateways'>): number {
  const waysOf = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) =>
      ['Postgres', 'Redis', 'the log'].map(server => `${kind} ${index} to ${server}`),
    ).flat();
  const names = [...waysOf('engine', engines), ...waysOf('gateway', gateways), 'people to gateways'].sort();
  const target = names.indexOf(name);
  if (target < 0) throw new RangeError(`there is no way ${name}`);
  return target;
}

/**
 * The target of a failover of Redis. `true` marks the processes that stay at the old server, gateways before engines; faults.ts
 * derives them from the target.
 */
export function staying(processes: readonly boolean[]): number {
  for (let target = 0; ; target += 1) {
    const random = new Random(target);
    if (processes.every(stays => random.chance(0.5) === stays)) return target;
  }
}
