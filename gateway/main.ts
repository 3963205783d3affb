/** The gateway process. */
import { hostname } from 'node:os';
import { pino } from 'pino';
import { failStart, logDestination, runService } from '../engine/contract/process/service.ts';
import { readGatewayConfig } from './config.ts';
import { startGateway } from './gateway.ts';

async function main(): Promise<void> {
  const config = readGatewayConfig(process.env);
  // uWebSockets.js reads its cap on headers from the environment when it is loaded, which startGateway does.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(config.MAX_HEADER_BYTES);
  const log = pino({ name: 'gateway', level: config.LOG_LEVEL }, logDestination);
  const name = `${hostname()}:${process.pid}`;
  await runService({ kind: 'gateway', log, start: () => startGateway(config, { name, log }) });
}

main().catch((error: unknown) => failStart('gateway', error));
