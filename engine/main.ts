/**
 * The engine process. Prints one line of JSON on standard output when it listens: {"ready":"engine","port":...}.
 */
import { pino } from 'pino';
import { SchemaMismatch } from '../sql/schema.ts';
import { readEngineConfig } from './config.ts';
import { ConfigError } from './contract/config.ts';
import { startEngine } from './engine.ts';
import { prepareDatabase } from './prepare-database.ts';

/** A stop that takes longer is held up by a part that is gone; nothing is lost by ending all the same. */
const STOP_LIMIT_MS = 8_000;

async function main(): Promise<void> {
  const config = readEngineConfig(process.env);
  const log = pino({ name: 'engine', level: config.LOG_LEVEL }, pino.destination(2));
  const stopping = new AbortController();
  let stopEngine: (() => Promise<void>) | undefined;
  const stop = (why: string): void => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    log.info({ why }, 'stopping');
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    (stopEngine?.() ?? Promise.resolve()).then(
      () => process.exit(0),
      (err: unknown) => {
        log.fatal({ err }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (process.env.FAIRLINE_PARENT === 'pipe') {
    // Whoever started this process holds the other end: when they are gone, for whatever reason, so is it.
    process.stdin.on('end', () => stop('the parent is gone')).resume();
  }
  process.on('unhandledRejection', err => {
    log.fatal({ err }, 'a promise was rejected and nobody handled it');
    process.exit(1);
  });
  await prepareDatabase(config.DATABASE_URL, log, stopping.signal);
  const engine = await startEngine(config, log);
  stopEngine = engine.stop;
  process.stdout.write(`${JSON.stringify({ ready: 'engine', port: engine.port, pid: process.pid })}\n`);
}

main().catch((error: unknown) => {
  const isPlain = error instanceof ConfigError || error instanceof SchemaMismatch;
  process.stderr.write(`${isPlain ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exit(1);
});
