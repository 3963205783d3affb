/**
 * The schema that the statements rely on: what the migrations make, each object under the migration that made it as it is
 * now. `npm run schema` writes it. It is data, not code, so that a merge conflict in it does not keep the command from
 * writing it again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Fact, readCatalog } from './catalog.ts';
import { MIGRATIONS_TABLE, migrate } from './migrate.ts';

export const EXPECTED_FILE = join(import.meta.dirname, 'expected-schema.json');

/** What is expected at one place of the database. */
export interface Expectation {
  /** As in Fact. */
  readonly identity: string;
  readonly definition: string;
  /** The file of the migration that made it so. */
  readonly migration: string;
}

/** The database as one migration left it. */
export interface Snapshot {
  readonly migration: string;
  readonly facts: readonly Fact[];
}

/** A definition of several lines is a list of them. */
type Definition = string | readonly string[];

/** By migration, by identity. */
type Document = Readonly<Record<string, Readonly<Record<string, Definition>>>>;

/** Runs the migrations one by one in an empty database, and reads its catalog after each. */
export async function takeSnapshots(databaseUrl: string): Promise<readonly Snapshot[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const snapshots: Snapshot[] = [];
    for (;;) {
      const [name] = await migrate(databaseUrl, () => undefined, 'up', 1);
      if (name === undefined) return snapshots;
      snapshots.push({ migration: `${name}.sql`, facts: (await readCatalog(client)).facts });
    }
  } finally {
    await client.end();
  }
}

/**
 * The content of the last snapshot, each object with the last migration that made or changed it. An object that was dropped
 * and created again, such as a view with all its columns, counts as made by the later migration.
 */
export function expectationsOf(snapshots: readonly Snapshot[]): readonly Expectation[] {
  const madeBy = new Map<string, { readonly fact: Fact; readonly migration: string }>();
  for (const { migration, facts } of snapshots) {
    for (const fact of facts) {
      const before = madeBy.get(fact.identity)?.fact;
      if (before?.definition === fact.definition && before.id === fact.id) continue;
      madeBy.set(fact.identity, { fact, migration });
    }
  }
  const left = new Set(snapshots.at(-1)?.facts.map(({ identity }) => identity));
  return [...madeBy.values()]
    .filter(({ fact }) => left.has(fact.identity) && fact.relation !== MIGRATIONS_TABLE)
    .map(({ fact: { identity, definition }, migration }) => ({ identity, definition, migration }))
    .sort((a, b) => (`${a.migration} ${a.identity}` < `${b.migration} ${b.identity}` ? -1 : 1));
}

/** The expected content of EXPECTED_FILE. */
export function expectedDocument(expectations: readonly Expectation[]): string {
  const document: Record<string, Record<string, Definition>> = {};
  for (const { identity, definition, migration } of expectations) {
    const lines = definition.split('\n');
    document[migration] ??= {};
    document[migration][identity] = lines.length > 1 ? lines : definition;
  }
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

export async function readExpected(): Promise<readonly Expectation[]> {
  const document: Document = JSON.parse(await readFile(EXPECTED_FILE, 'utf8'));
  return Object.entries(document).flatMap(([migration, definitions]) =>
    Object.entries(definitions).map(([identity, definition]) => ({
      identity,
      definition: typeof definition === 'string' ? definition : definition.join('\n'),
      migration,
    })),
  );
}
