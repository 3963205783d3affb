/** The background process of an engine (background.ts): opens the log and the ledger, and does what it is told. */
import { pino } from 'pino';
import { openPool } from '../../sql/database.ts';
import { BookJob } from '../book/book-job.ts';
import { type RuntimeConfig, readRuntimeConfig } from '../config.ts';
import { KeyRing } from '../contract/keys/key-ring.ts';
import { openConsumer } from '../contract/log/open.ts';
import { giveWay } from '../contract/process/give-way.ts';
import { messageOf } from '../contract/process/message-of.ts';
import { logDestination } from '../contract/process/service.ts';
import { intakeOf } from '../intake/log-intake.ts';
import { LockedPartitions } from '../intake/partitions.ts';
import { Locks } from '../locks.ts';
import { makeLoop } from '../loop.ts';
import { backgroundConnections } from './connections.ts';
import type { Call, Command, Report } from './messages.ts';

/**
 * Where gateway and engine share a machine, gateways have priority: the log keeps what is not ingested yet, but nothing keeps a
 * request that was not answered. On a machine of its own this changes nothing.
 */
const NICENESS = 10;
/** How soon after its end the book of a campaign is started. */
const BOOKS_MS = 1_000;

type Commands = Readonly<Record<Command, () => Promise<void>>>;

async function open(config: RuntimeConfig): Promise<Commands> {
  const log = pino({ name: 'engine background', level: config.LOG_LEVEL }, logDestination);
  const pool = openPool(config.DATABASE_URL, {
    max: backgroundConnections(config),
    applicationName: 'fairline engine background',
    // The main process loses its connections as well, and logs that.
    onError: () => undefined,
  });
  const locks = new Locks({
    databaseUrl: config.DATABASE_URL,
    applicationName: 'fairline engine background locks',
    onError: () => undefined,
  });
  const keys = new KeyRing(config, log);
  const consumer = await openConsumer(config, log, new LockedPartitions(pool, locks, config.LOG_PARTITIONS));
  const intake = intakeOf(consumer, { pool, log });
  const books = new BookJob({ pool, keys, saltSecret: config.RECEIPT_SALT_SECRET, log });
  const stopping = new AbortController();
  let toldBooks = '[]';
  const bookLoop = makeLoop('books', log, BOOKS_MS, async () => {
    await books.makeDue(stopping.signal);
    const failingBooks = [...books.failing];
    const text = JSON.stringify(failingBooks);
    if (text !== toldBooks) tell({ failingBooks });
    toldBooks = text;
    return BOOKS_MS;
  });
  tell({ opened: intake.name });
  return {
    run: async () => {
      keys.start();
      bookLoop.start();
      await intake.run(batch => tell({ batch }));
    },
    trim: () => intake.trim(),
    close: async () => {
      stopping.abort();
      keys.stop();
      await Promise.all([intake.close(), bookLoop.close()]);
      await locks.close();
      await pool.end();
    },
  };
}

function tell(report: Report, onTold: () => void = () => undefined): void {
  // An error means that the engine is gone, and this process ends for it: see 'disconnect'.
  process.send?.(report, undefined, undefined, onTold);
}

if (process.send === undefined) throw new Error('this program is a part of the engine: run engine/main.ts');
giveWay(NICENESS);
process.on('disconnect', () => process.exit(0));
// A terminal signals all processes of its group. The engine stops this one when it has stopped itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

open(readRuntimeConfig(process.env)).then(
  commands =>
    process.on('message', ({ call, command }: Call) => {
      commands[command]().then(
        () => tell({ answered: call }),
        (error: unknown) => tell({ answered: call, fault: messageOf(error) }),
      );
    }),
  (error: unknown) => tell({ failed: messageOf(error) }, () => process.exit(1)),
);
