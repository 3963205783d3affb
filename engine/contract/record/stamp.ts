/**
 * The stamp: an entry's position in the total order of its campaign.
 *
 * stamp = (microseconds since the campaign opened) x 1024 + gateway number. It is an exact integer below 2^53, so it
 * is exact as a JavaScript number, as a Redis score and as a Postgres bigint; that bounds a campaign's window to
 * 100 days and the number of gateways to 1024. Two gateways can never make the same stamp, and one gateway never
 * makes the same instant twice (see the shared clock).
 */

/** Gateways are numbered 0..1023: ten bits of the stamp. More would shorten the longest window. */
export const GATEWAY_COUNT = 1024;

/** 2^43 microseconds, rounded down to whole days. A longer window would make stamps inexact. */
export const MAX_WINDOW_DAYS = 100;

/** The greatest instant, counted from the opening, that a stamp can have; claims may come after the window. Microseconds. */
export const LAST_STAMP_US = 2 ** 43 - 1;

/** The stamp of a request that gateway `gateway` received at `instantUs` (microseconds since the Unix epoch). */
export function stampOf(instantUs: number, opensAtUs: number, gateway: number): number {
  return (instantUs - opensAtUs) * GATEWAY_COUNT + gateway;
}

/** The greatest stamp any gateway can give at or before `instantUs`; below 0 before the opening. */
export function lastStampAt(instantUs: number, opensAtUs: number): number {
  return (instantUs - opensAtUs) * GATEWAY_COUNT + (GATEWAY_COUNT - 1);
}

/** The instant of a stamp, in microseconds since the Unix epoch. */
export function instantOf(stamp: number, opensAtUs: number): number {
  return opensAtUs + Math.floor(stamp / GATEWAY_COUNT);
}

/** The number of the gateway that gave the stamp. */
export function gatewayOf(stamp: number): number {
  return stamp % GATEWAY_COUNT;
}
