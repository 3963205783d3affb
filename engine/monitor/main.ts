/** `npm run monitor`: options.ts has its options, README.md what it does. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyRing } from '../verify/receipts/keys.ts';
import { exitCodeOf, exitCodes } from './finding.ts';
import { FindingLog } from './finding-log.ts';
import { Followed } from './followed.ts';
import { KnownKeys, readKeys } from './known-keys.ts';
import { Monitor } from './monitor.ts';
import { type Options, readOptions, USAGE, WrongUsage } from './options.ts';
import { DirectoryFault, ownKey } from './own-key.ts';
import { RecordLog } from './record-log.ts';
import { httpService, NoAnswer } from './service.ts';

const KEYS_FILE = 'keys.json';

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stdout.write(USAGE);
    return exitCodes.nothing;
  }
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  return await watch(options, stopping.signal);
}

async function watch(options: Options, stopping: AbortSignal): Promise<number> {
  const { directory, urls, intervalMs, lookBackPages, isOnce } = options;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const key = ownKey(directory);
  const findings = new FindingLog(directory);
  const followed = new Followed(options.from);
  const records = await RecordLog.open(directory, key, record =>
    followed.restore(record, text => findings.has('signature', text)),
  );
  const parts = {
    services: urls.map(url => httpService(url, stopping)),
    records,
    findings,
    keys: knownKeys(options),
    saveKeys: (document: string) => saveKeys(directory, document),
    lookBackPages,
    nowMs: Date.now,
    random: Math.random,
    pause: async (ms: number) => {
      await Promise.allSettled([sleep(ms, undefined, { signal: stopping })]);
    },
    onFinding: (line: string, { kind, message }: { kind: string; message: string }) => {
      process.stdout.write(line);
      process.stderr.write(`${new Date().toISOString()} ${kind.toUpperCase()}: ${message}\n`);
    },
    onTrouble: (words: string) => process.stderr.write(`${new Date().toISOString()} ${words}\n`),
  };
  const begin = { monitor: 1, key: key.publicKey, records: records.count, directory };
  process.stdout.write(`${JSON.stringify(begin)}\n`);
  await new Monitor(parts, followed).run(intervalMs, isOnce, () => stopping.aborted);
  records.close();
  return exitCodeOf(findings.kinds);
}

/** The given keys, else those of an earlier run. Throws WrongUsage, DirectoryFault. */
function knownKeys({ keys, directory }: Options): KnownKeys {
  if (keys !== undefined) return new KnownKeys(readKeysFile(keys, WrongUsage), true);
  const path = join(directory, KEYS_FILE);
  return new KnownKeys(existsSync(path) ? readKeysFile(path, DirectoryFault) : undefined, false);
}

function readKeysFile(path: string, Fault: new (message: string) => Error): KeyRing {
  try {
    return readKeys(readFileSync(path));
  } catch (error) {
    throw new Fault(
      `cannot read keys from ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Replaces the old list atomically, so that a kill leaves one or the other. */
function saveKeys(directory: string, document: string): void {
  const path = join(directory, KEYS_FILE);
  writeFileSync(`${path}.new`, document, { flush: true });
  renameSync(`${path}.new`, path);
}

/** The text of an error for the user; for a fault of this program, with its stack. */
function wordsOf(error: unknown): string {
  if (error instanceof WrongUsage) return `${error.message}\n\n${USAGE}`;
  if (error instanceof NoAnswer) return `${error.url}: ${error.message}`;
  if (error instanceof DirectoryFault) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${wordsOf(error)}\n`);
  process.exitCode = error instanceof WrongUsage ? exitCodes.usage : exitCodes.internal;
}
