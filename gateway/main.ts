/**
 * The gateway process. Prints one line of JSON on standard output when it listens: {"ready":"gateway","port":...}.
 */
import { hostname } from 'node:os';
import { pino } from 'pino';
import { ConfigError } from '../engine/contract/config.ts';
import { readGatewayConfig } from './config.ts';
import { startGateway } from './gateway.ts';

async function main(): Promise<void> {
  const config = readGatewayConfig(process.env);
  // uWebSockets.js reads its cap on headers from the environment when it is loaded, which is why it is loaded now.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(config.MAX_HEADER_BYTES);
  const log = pino({ name: 'gateway', level: config.LOG_LEVEL }, pino.destination(2));
  const gateway = await startGateway(config, { name: `${hostname()}:${process.pid}`, log });
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    gateway.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, 'the stop failed');
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
  process.on('unhandledRejection', error => {
    log.fatal({ err: error }, 'a promise was rejected and nobody handled it');
    process.exit(1);
  });
  process.stdout.write(`${JSON.stringify({ ready: 'gateway', port: gateway.port, pid: process.pid })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(1);
});
