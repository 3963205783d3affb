/**
 * The watermarks: the instants up to which nothing more can arrive, in the ledger (W) and in the ranks (R).
 *
 * Both depend on the order of reads, which the caller keeps: first the registry of leases, then the ledger's gateways. Then
 * every incarnation that ever stamped falls into one of these cases:
 *
 * - ended in the ledger: everything it was acknowledged for is in the ledger; it bounds nothing (R: once it is backfilled);
 * - live in the ledger: everything it stamped up to its promise is in the ledger, so it bounds W by that promise;
 * - in the registry but not in the ledger: all its stamps are later than its registration, which bounds W;
 * - in neither: it registered after the registry was read. Its stamps are later than its registration, which is not before
 *   the instant of the read (contract/redis/lease/acquire.lua ensures that), so that instant bounds W as well.
 *
 * The instants of reads and registrations are Redis' time only as far as an engine confirms it
 * (clock/clock-agreement.ts), so setting a clock moves neither.
 *
 * A number leaves the registry only after its incarnation has ended in the ledger, so no incarnation falls between the
 * cases. If the registry were read second, a gateway that registered, logged and was read as unknown in between would count
 * with an instant that the watermark has already passed.
 */
import { nameOf } from '../../sql/statements/progress/gateways.ts';

/** What the registry says; see Registry. */
export interface RegistryView {
  readonly readAtUs: number;
  readonly leases: readonly {
    readonly gateway: number;
    readonly incarnation: number;
    readonly registeredUs: number;
  }[];
}

/** The ledger's view of one incarnation. Ended and backfilled ones are needed only if registered. */
export interface GatewayView {
  readonly gateway: number;
  readonly incarnation: number;
  readonly state: 'live' | 'ended';
  readonly backfilled: boolean;
  readonly throughUs: number;
  readonly rankedUs: number;
}

/** Every request stamped up to this instant (us since the epoch) is in the ledger. */
export function watermarkOf(registry: RegistryView, gateways: readonly GatewayView[]): number {
  let watermarkUs = boundOfUnknown(registry, gateways);
  for (const gateway of gateways) {
    if (gateway.state === 'live') watermarkUs = Math.min(watermarkUs, gateway.throughUs);
  }
  return watermarkUs;
}

/** Every request stamped up to this instant is in the ledger and ranked in Redis. Never later than the watermark. */
export function rankedWatermarkOf(registry: RegistryView, gateways: readonly GatewayView[]): number {
  let rankedUs = watermarkOf(registry, gateways);
  for (const gateway of gateways) {
    if (gateway.state === 'live' || !gateway.backfilled) rankedUs = Math.min(rankedUs, gateway.rankedUs);
  }
  return rankedUs;
}

/** The bound set by incarnations unknown to the ledger: registered, or yet to register. */
function boundOfUnknown(registry: RegistryView, gateways: readonly GatewayView[]): number {
  const known = new Set(gateways.map(nameOf));
  let boundUs = registry.readAtUs;
  for (const lease of registry.leases) {
    if (!known.has(nameOf(lease))) boundUs = Math.min(boundUs, lease.registeredUs);
  }
  return boundUs;
}
