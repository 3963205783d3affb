import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bringDown, endStrays } from './lifecycle.ts';
import { takeLock } from './lock.ts';
import { endProcess, isRunning, type ProcessId } from './processes.ts';
import { readLastLog, readRecord, SERVER_NAMES, type ServerName, type ServerRecord } from './records.ts';
import { KINDS } from './supervise.ts';

// A keeper stops its servers within their own grace time; after this it is stuck.
const KEEPER_GRACE_MS = 45_000;

export interface ServerStatus {
  readonly name: ServerName;
  readonly title: string;
  readonly record: ServerRecord;
  /** Its process runs and it answers. */
  readonly isUp: boolean;
}

/** The state of every server that this directory has had; of Kafka only if it runs, or the last start chose it. */
export async function statusOf(dir: string): Promise<ServerStatus[]> {
  const log = readLastLog(dir);
  const found: ServerStatus[] = [];
  for (const name of SERVER_NAMES) {
    const record = readRecord(dir, name);
    if (record === undefined) continue;
    const isUp = isRunning(record.process) && (await answers(name, record));
    if (name !== 'kafka' || isUp || log === 'kafka')
      found.push({ name, title: KINDS[name].title, record, isUp });
  }
  return found;
}

async function answers(name: ServerName, record: ServerRecord): Promise<boolean> {
  try {
    await KINDS[name].ask(record);
    return true;
  } catch {
    return false; // for any reason: it cannot be used now
  }
}

/** Stops every server of a directory and its keepers. Returns the names of those that ran. */
export async function stopAll(dir: string, onWait: (line: string) => void): Promise<ServerName[]> {
  if (!existsSync(dir)) return [];
  // Wait for a running start to end: the servers that it brings up are known then.
  const lock = join(dir, 'lock');
  const never = new AbortController().signal;
  const release = await takeLock(lock, never, holder =>
    onWait(`process ${holder.pid} is starting or stopping this stack; waiting for it`),
  );
  const ran: ServerName[] = [];
  const keepers = new Map<number, ProcessId>();
  try {
    for (const name of SERVER_NAMES) {
      const record = readRecord(dir, name);
      if (isRunning(record?.process)) ran.push(name);
      if (isRunning(record?.keeper)) keepers.set(record.keeper.pid, record.keeper);
    }
  } finally {
    await release();
  }
  await Promise.all([...keepers.values()].map(keeper => endProcess(keeper, 'SIGTERM', KEEPER_GRACE_MS)));
  await Promise.all(SERVER_NAMES.map(name => stopServer(dir, name)));
  return ran;
}

/** Stops the servers that an ended keeper has left running. */
export async function stopKeptBy(dir: string, keeper: ProcessId): Promise<void> {
  for (const name of SERVER_NAMES) {
    const known = readRecord(dir, name)?.keeper;
    if (known?.pid === keeper.pid && known.startedAt === keeper.startedAt) await stopServer(dir, name);
  }
}

async function stopServer(dir: string, name: ServerName): Promise<void> {
  const process = readRecord(dir, name)?.process;
  if (isRunning(process)) await bringDown(dir, KINDS[name], process);
}

/**
 * Deletes the data of a stopped stack: what the servers store, their records and logs. Downloads and foreign files in the
 * directory stay. Returns the names of what was deleted.
 */
export async function deleteData(dir: string): Promise<string[]> {
  if (!existsSync(dir)) return [];
  const release = await takeLock(join(dir, 'lock'), new AbortController().signal);
  try {
    await Promise.all(SERVER_NAMES.map(name => endStrays(KINDS[name], dir)));
    const ours = /^(postgres|redis|kafka|keeper|stack)(\.(part|password|json|log|log\.old))?$/;
    const deleted = (await readdir(dir)).filter(name => ours.test(name)).sort();
    for (const name of deleted) await rm(join(dir, name), { recursive: true, force: true });
    return deleted;
  } finally {
    await release();
  }
}
