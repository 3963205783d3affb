/**
 * Who has confirmed a change that the board shows as pending. Each gateway with a lease says so with its next read of the
 * board (contract/redis/board/read.lua). One that holds no lease takes nothing, and reads the board anew when it gets one;
 * one whose lease was revoked cannot believe in it any more.
 */
import { readConfirmed } from '../contract/redis/board/board.ts';
import type { Keys } from '../contract/redis/keys.ts';
import { readRegistry } from '../contract/redis/lease/lease.ts';
import type { RedisClient } from '../contract/redis/redis.ts';

export interface Confirmations {
  /** Of the registry that says so. */
  readonly epoch: number;
  /** Gateways with a lease that have not confirmed it, by name. */
  readonly missing: readonly string[];
}

/** What contract/redis/lease/revoke.lua leaves as the end of a lease. */
const REVOKED = 0;

/** undefined while the registry is closed: then nobody can be told to have heard of anything. */
export async function readConfirmations(
  redis: RedisClient,
  keys: Keys,
  change: { readonly campaignId: number; readonly version: number },
): Promise<Confirmations | undefined> {
  const { epoch, leases } = await readRegistry(redis, keys.leases);
  if (epoch === undefined) return undefined;
  const held = leases.filter(({ expiresUs }) => expiresUs !== REVOKED);
  const confirmed = await readConfirmed(redis, keys, held, change);
  const missing = held.filter(lease => !confirmed.has(lease));
  return { epoch, missing: missing.map(({ gateway, name }) => `${gateway} (${name})`) };
}
