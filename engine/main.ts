/** The engine process. */
import { pino } from 'pino';
import { readEngineConfig } from './config.ts';
import { failStart, logDestination, runService } from './contract/process/service.ts';
import { startEngine } from './engine.ts';
import { prepareDatabase } from './prepare-database.ts';

async function main(): Promise<void> {
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
