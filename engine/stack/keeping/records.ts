import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, StackError } from '../errors.ts';
import type { ProcessId } from './processes.ts';

export const SERVER_NAMES = ['postgres', 'redis', 'kafka'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** The process that stops the servers once its owner has ended; in the background it has no owner. */
export interface Keeper extends ProcessId {
  readonly background: boolean;
}

/** What is stored about a private server, in `<dir>/<name>.json`. It contains a password: mode 0600. */
export interface ServerRecord {
  readonly ports: readonly number[];
  readonly password: string;
  readonly version: string;
  readonly process?: ProcessId;
  readonly keeper?: Keeper;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isProcess(value: unknown): boolean {
  return isObject(value) && typeof value.pid === 'number' && typeof value.startedAt === 'string';
}

function isRecord(value: unknown): value is ServerRecord {
  return (
    isObject(value) &&
    Array.isArray(value.ports) &&
    value.ports.every(port => Number.isInteger(port)) &&
    typeof value.password === 'string' &&
    typeof value.version === 'string' &&
    (value.process === undefined || isProcess(value.process)) &&
    (value.keeper === undefined || isProcess(value.keeper))
  );
}

export function recordPath(dir: string, name: ServerName): string {
  return join(dir, `${name}.json`);
}

/** Undefined if this directory never had such a server. */
export function readRecord(dir: string, name: ServerName): ServerRecord | undefined {
  const value = readJson(recordPath(dir, name));
  if (value === undefined || isRecord(value)) return value;
  throw unreadable(recordPath(dir, name));
}

/** Replaces the record as a whole: a reader sees the old one or the new one. */
export function writeRecord(dir: string, name: ServerName, record: ServerRecord): void {
  writeJson(recordPath(dir, name), record);
}

/** The log that the last start of this directory chose; undefined before the first. */
export function readLastLog(dir: string): string | undefined {
  const value = readJson(join(dir, 'stack.json'));
  return isObject(value) && typeof value.log === 'string' ? value.log : undefined;
}

export function writeLastLog(dir: string, log: string): void {
  writeJson(join(dir, 'stack.json'), { log });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (error instanceof SyntaxError) throw unreadable(path);
    throw error;
  }
}

function writeJson(path: string, value: unknown): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

function unreadable(path: string): StackError {
  return new StackError(
    `${path} was not written by the stack`,
    'repair it, or start over without its data: npm run stack -- wipe',
  );
}
