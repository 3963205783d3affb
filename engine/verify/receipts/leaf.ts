/**
 * The leaf data of an item, 46 bytes, big-endian: kind u8 (1 entry, 2 withdrawal, 3 claim), source u8 (0 stamped on arrival
 * at the gateway, 1 by the X-Request-Start of a trusted proxy), campaign u32, stamp u64, who 32 bytes.
 *
 * who = H(salt, user id in UTF-8). Only the user knows the salt, so a book does not reveal who took part.
 */
import type { Primitives } from '../primitives.ts';
import { concat, u32, u64, utf8 } from '../text/bytes.ts';
import { GATEWAYS } from './head.ts';

export const LEAF_BYTES = 46;
export const WHO_BYTES = 32;
export const SALT_BYTES = 16;
export const ENTRY = 1;
export const WITHDRAWAL = 2;
export const CLAIM = 3;
/** The offsets of its fields. */
export const LEAF_AT = { kind: 0, source: 1, campaign: 2, stamp: 6, who: 14 } as const;

export interface Leaf {
  readonly kind: number;
  readonly source: number;
  readonly campaign: number;
  readonly stamp: number;
  readonly who: Uint8Array;
}

export function leafHash(leaf: Leaf, { sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  const { kind, source, campaign, stamp, who } = leaf;
  return sha256(concat(Uint8Array.of(0, kind, source), u32(campaign), u64(stamp), who));
}

export function whoOf(salt: Uint8Array, user: string, { sha256 }: Pick<Primitives, 'sha256'>): Uint8Array {
  return sha256(concat(salt, utf8(user)));
}

/** us since the epoch. */
export function instantOf(stamp: number, opensAtUs: number): number {
  return opensAtUs + Math.floor(stamp / GATEWAYS);
}

export function gatewayOf(stamp: number): number {
  return stamp % GATEWAYS;
}

/** For messages. */
export function isoOf(us: number): string {
  const date = new Date(Math.floor(us / 1000));
  if (Number.isNaN(date.getTime())) return `${us} us`;
  return `${date.toISOString().slice(0, -1)}${String(us % 1000).padStart(3, '0')}Z`;
}
