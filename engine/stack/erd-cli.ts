/**
 * `npm run erd`: migrates an empty database of its own, on the private stack or on DATABASE_URL's server, writes sql/schema/ERD.md
 * from its catalog, and drops it.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { readCatalog } from '../../sql/schema/catalog.ts';
import { ERD_FILE, erdDocument } from '../../sql/schema/erd.ts';
import { migrate } from '../../sql/schema/migrate.ts';
import { StackError, startStack } from './stack.ts';

const STACK_DIR = join(import.meta.dirname, '../../.stack/erd');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function documentOf(serverUrl: string): Promise<string> {
  const name = `fairline_erd_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await withClient(serverUrl, client => client.query(`create database ${name}`));
  try {
    await migrate(url.href, say);
    return erdDocument(await withClient(url.href, readCatalog));
  } finally {
    await withClient(serverUrl, client => client.query(`drop database ${name} with (force)`));
  }
}

async function main(): Promise<void> {
  // Nothing but PostgreSQL is needed: an address that nobody asks keeps the stack from starting a Redis.
  const env = { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', LOG: 'redis' };
  const stack = await startStack({ dir: STACK_DIR, env, onProgress: say });
  try {
    await writeFile(ERD_FILE, await documentOf(stack.env.DATABASE_URL));
  } finally {
    await stack.stop();
  }
  process.stdout.write(`${ERD_FILE} is written\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exitCode = 1;
}
