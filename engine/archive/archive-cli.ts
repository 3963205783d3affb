/**
 * `npm run archive -- --campaign ID --out DIR`, or `--before DATE` for all campaigns that ended before; `--dry-run` reports
 * what would be archived. `npm run archive -- --restore FILE` restores a campaign. README.md lists what is archived and what
 * stays.
 */
import { parseArgs } from 'node:util';
import { type Logger, pino } from 'pino';
import { openPool } from '../../sql/database.ts';
import { SchemaMismatch } from '../../sql/schema/schema.ts';
import { listForArchive } from '../../sql/statements/campaigns/archives.ts';
import { judgeVariables } from '../config.ts';
import { ConfigError, readConfig } from '../contract/process/config.ts';
import { logDestination } from '../contract/process/service.ts';
import { prepareDatabase } from '../prepare-database.ts';
import { archiveCampaign, NotArchivable, rehearseArchive } from './archive.ts';
import { type Archiving, ArchivingTaken, archiving } from './archiving.ts';
import { BadArchive } from './format.ts';
import { restoreCampaign } from './restore.ts';

const USAGE =
  'npm run archive -- (--campaign ID | --before DATE) --out DIR [--keep-redemptions] [--dry-run], or --restore FILE';
const EXIT_USAGE = 2;
/** Retry later. */
const EXIT_TAKEN = 3;
/** One connection holds the lock and writes, one reads the snapshot. */
const CONNECTIONS = 4;

class UsageError extends Error {}

type Command =
  | { readonly restore: string }
  | {
      readonly campaigns: number | Date;
      readonly directory: string;
      readonly keepsRedemptions: boolean;
      readonly isRehearsal: boolean;
    };

function readCommand(args: readonly string[]): Command {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ campaign: text, before: text, out: text, restore: text },
      ...{ 'keep-redemptions': flag, 'dry-run': flag },
    },
  });
  const { campaign, before, out, restore } = values;
  const isOther = campaign !== undefined || before !== undefined || out !== undefined;
  if (restore !== undefined && !isOther) return { restore };
  const isOne = (campaign === undefined) !== (before === undefined);
  if (restore !== undefined || !isOne || out === undefined || out === '') throw new UsageError(USAGE);
  return {
    campaigns: campaign === undefined ? dateOf(before ?? '') : numberOf(campaign),
    directory: out,
    keepsRedemptions: values['keep-redemptions'],
    isRehearsal: values['dry-run'],
  };
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new UsageError(`--campaign is ${JSON.stringify(text)}; expected the number of a campaign`);
}

function dateOf(text: string): Date {
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new UsageError(`--before is ${JSON.stringify(text)}; expected a date such as 2026-01-31`);
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  const { DATABASE_URL, LOG_LEVEL } = judgeVariables;
  const config = readConfig({ DATABASE_URL, LOG_LEVEL }, process.env);
  const log = pino({ name: 'archive', level: config.LOG_LEVEL }, logDestination);
  await prepareDatabase(config.DATABASE_URL, log, new AbortController().signal);
  const pool = openPool(config.DATABASE_URL, {
    max: CONNECTIONS,
    applicationName: 'fairline archive',
    onError: error => log.warn({ reason: error.message }, 'lost a connection to Postgres'),
  });
  try {
    await archiving(pool, ledger => work(ledger, command, log));
  } finally {
    await pool.end();
  }
}

async function work(ledger: Archiving, command: Command, log: Logger): Promise<void> {
  if ('restore' in command) {
    say({ restored: await restoreCampaign(ledger, command.restore) });
    return;
  }
  const { pool } = ledger;
  const { campaigns, isRehearsal, keepsRedemptions } = command;
  const isAll = campaigns instanceof Date;
  for (const campaignId of isAll ? await listForArchive(pool, campaigns) : [campaigns]) {
    try {
      if (isRehearsal) say({ campaignId, would: await rehearseArchive(pool, campaignId, keepsRedemptions) });
      else say({ campaignId, archived: await archiveCampaign(ledger, campaignId, command) });
    } catch (error) {
      // With `--before`, a campaign that has to stay does not stop the others.
      if (!isAll || !(error instanceof NotArchivable)) throw error;
      log.warn({ campaignId, reason: error.message }, 'kept');
    }
  }
}

main().catch((error: unknown) => {
  const plain = [UsageError, ArchivingTaken, NotArchivable, BadArchive, ConfigError, SchemaMismatch];
  const isPlain =
    plain.some(kind => error instanceof kind) ||
    Reflect.get(Object(error), 'code') === 'ERR_PARSE_ARGS_UNKNOWN_OPTION';
  process.stderr.write(
    `${isPlain && error instanceof Error ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode =
    error instanceof UsageError ? EXIT_USAGE : error instanceof ArchivingTaken ? EXIT_TAKEN : 1;
});
