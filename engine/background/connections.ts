import type { RuntimeConfig } from '../config.ts';

/** A batch of each of two partitions, and a book. With more, ingesting a burst would slow down settling it. */
const SHARE = 0.3;

/** How many of DATABASE_CONNECTIONS the background process has. */
export function backgroundConnections({
  DATABASE_CONNECTIONS,
}: Pick<RuntimeConfig, 'DATABASE_CONNECTIONS'>): number {
  return Math.max(2, Math.floor(DATABASE_CONNECTIONS * SHARE));
}
