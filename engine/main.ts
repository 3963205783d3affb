/** The engine process. */
import { setPriority } from 'node:os';
import { pino } from 'pino';
import { readEngineConfig } from './config.ts';
import { failStart, logDestination, runService } from './contract/process/service.ts';
import { startEngine } from './engine.ts';
import { prepareDatabase } from './prepare-database.ts';

/**
 * Where gateway and engine share a machine, the gateway has priority: the log keeps what the engine has not ingested yet, but
 * nothing keeps a request that was not answered. On a machine of its own this changes nothing. Measured with everything on two
 * cores, 400 connections (bench burst): 0.35 of the echo's rate at 0, 0.44 at 10, over Redis Streams.
 *
 * Do not raise it: leases, fences, deadlines and the reopening of the registry are also this process's work, and starve with
 * the rest. At 15 it gets a thirtieth of a core that others want, and settlement lagged 80 s; at 10 a tenth.
 */
const NICENESS = 10;

async function main(): Promise<void> {
  setPriority(NICENESS);
  const config = readEngineConfig(process.env);
  const log = pino({ name: 'engine', level: config.LOG_LEVEL }, logDestination);
  await runService({
    kind: 'engine',
    log,
    async start(stopping) {
      await prepareDatabase(config.DATABASE_URL, log, stopping);
      return await startEngine(config, log);
    },
  });
}

main().catch((error: unknown) => failStart('engine', error));
