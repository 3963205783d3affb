/**
 * `npm run schema`: migrates an empty database of its own, on the private stack or on DATABASE_URL's server, writes the
 * expected schema and ERD.md from its catalog to sql/schema, and drops the database.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { ERD_FILE, erdDocument } from '../../sql/schema/erd.ts';
import {
  EXPECTED_FILE,
  expectationsOf,
  expectedDocument,
  type Snapshot,
  takeSnapshots,
} from '../../sql/schema/expected.ts';
import { StackError, startStack } from './stack.ts';

const STACK_DIR = join(import.meta.dirname, '../../.stack/schema');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function snapshotsOn(serverUrl: string): Promise<readonly Snapshot[]> {
  const name = `fairline_schema_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await query(serverUrl, `create database ${name}`);
  try {
    return await takeSnapshots(url.href);
  } finally {
    await query(serverUrl, `drop database ${name} with (force)`);
  }
}

async function main(): Promise<void> {
  // Only PostgreSQL is needed: this unused address keeps the stack from starting a Redis.
  const env = { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', LOG: 'redis' };
  const stack = await startStack({ dir: STACK_DIR, env, onProgress: say });
  try {
    const snapshots = await snapshotsOn(stack.env.DATABASE_URL);
    await writeFile(EXPECTED_FILE, expectedDocument(expectationsOf(snapshots)));
    await writeFile(ERD_FILE, erdDocument(snapshots.at(-1)?.facts ?? []));
  } finally {
    await stack.stop();
  }
  process.stdout.write(`${EXPECTED_FILE}\n${ERD_FILE}\nare written\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exitCode = 1;
}
