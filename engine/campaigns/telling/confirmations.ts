/**
 * Which gateways have confirmed a change that the board shows as pending, or a revision of the list of blocks. Each gateway with a lease confirms it with its next
 * read of the board (contract/redis/board/read.lua). A gateway without a lease accepts nothing, and reads the board anew when
 * it gets one; a gateway whose lease was revoked can no longer assume that it has one.
 */
import { confirmsBlocks } from '../../contract/redis/board/blocks.ts';
import { holdsText, readConfirmed } from '../../contract/redis/board/board.ts';
import type { Keys } from '../../contract/redis/keys.ts';
import { readRegistry } from '../../contract/redis/lease/lease.ts';
import type { RedisClient } from '../../contract/redis/redis.ts';

export interface Confirmations {
  /** The epoch of the registry that was read. */
  readonly epoch: number;
  /** The names of gateways with a lease that have not confirmed it. */
  readonly missing: readonly string[];
}

/** What gateways confirm. */
export type Told =
  | { readonly campaignId: number; readonly version: number }
  | { readonly blocksRevision: number };

/** revoke.lua in contract/redis/lease sets this as the end of a lease. */
const REVOKED = 0;

/** undefined while the registry is closed: then no gateway can be known to have read anything. */
export async function readConfirmations(
  redis: RedisClient,
  keys: Keys,
  told: Told,
): Promise<Confirmations | undefined> {
  const { epoch, leases } = await readRegistry(redis, keys.leases);
  if (epoch === undefined) return undefined;
  const held = leases.filter(({ expiresUs }) => expiresUs !== REVOKED);
  const confirmed = await readConfirmed(redis, keys, held, isHeldBy(told));
  const missing = held.filter(lease => !confirmed.has(lease));
  return { epoch, missing: missing.map(({ gateway, name }) => `${gateway} (${name})`) };
}

function isHeldBy(told: Told): (holds: readonly string[]) => boolean {
  if ('blocksRevision' in told) return holds => confirmsBlocks(holds, told.blocksRevision);
  const wanted = holdsText(new Map([[told.campaignId, told.version]]));
  return holds => holds.includes(wanted);
}
