/** `npm run accounts`: the process that keeps fans' accounts. */
import { pino } from 'pino';
import { giveWay } from '../../engine/contract/process/give-way.ts';
import { failStart, logDestination, runService } from '../../engine/contract/process/service.ts';
import { readAccountsConfig } from './config.ts';
import { keepOwnVariables } from './environment.ts';

async function main(): Promise<void> {
  const config = readAccountsConfig(process.env);
  keepOwnVariables(process.env);
  // uWebSockets.js reads its cap on headers from the environment when it is loaded, which the service does.
  process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(config.MAX_HEADER_BYTES);
  const log = pino({ name: 'accounts', level: config.LOG_LEVEL }, logDestination);
  giveWay(config.ACCOUNTS_NICE);
  const { startAccounts } = await import('./service.ts');
  await runService({ kind: 'accounts', log, start: () => startAccounts(config, log) });
}

main().catch((error: unknown) => failStart('accounts', error));
