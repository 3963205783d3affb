/** What the engine needs of the ingestion of the log: in this process, or in another one (background/background.ts). */
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import { readPositions } from '../../sql/statements/progress/log-partitions.ts';
import type { LogConsumer } from '../contract/log/log.ts';
import { tryEach } from '../retrying/try-each.ts';
import { type IntakeCounts, makeIntake } from './intake.ts';

export interface LogIntake {
  /** See LogConsumer. */
  readonly name: string;
  /**
   * Starts; resolves when it is running. Afterwards it supervises itself until `close`. `onBatch` is called after each
   * committed batch.
   */
  run(onBatch: (counts: IntakeCounts) => void): Promise<void>;
  /** Deletes from the log what the ledger has, if the log does not do that by itself: nothing reads it again. */
  trim(): Promise<void>;
  close(): Promise<void>;
}

/** Ingests with this consumer into this ledger. */
export function intakeOf(
  consumer: LogConsumer,
  { pool, log }: { readonly pool: Pool; readonly log: Logger },
): LogIntake {
  return {
    name: consumer.name,
    run: onBatch => consumer.run(makeIntake({ pool, logName: consumer.name, log, onBatch })),
    trim: () => trimLog(pool, consumer),
    close: () => consumer.close(),
  };
}

async function trimLog(pool: Pool, consumer: LogConsumer): Promise<void> {
  const assigned = new Set(consumer.assigned());
  const positions = await readPositions(pool, consumer.name);
  await tryEach(
    positions.filter(({ partition }) => assigned.has(partition)),
    ({ partition }) => `partition ${partition}`,
    ({ partition, position }) => consumer.trim(partition, position),
  );
}
