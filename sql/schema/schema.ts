/**
 * Checks that the database has the schema that the statements rely on. An engine does this at every start: a column altered
 * by hand, a changed trigger, or a migration of another version is better found then than by a statement at night. Gateways
 * do not check: they start while Postgres is unavailable, and decide nothing.
 */
import type { Queryable } from '../database.ts';
import { type Fact, readCatalog } from './catalog.ts';
import { type Expectation, readExpected } from './expected.ts';
import { MIGRATIONS_TABLE, migrationFiles } from './migrate.ts';

/**
 * The versions of Postgres that print this whole ledger alike, so definitions are compared as printed. Found by printing it
 * with 15.18, 16.14, 17.10 and 18.4. Version 14 lacks `unique nulls not distinct`. Before adding a newer version, run
 * `DATABASE_URL=<a server of it> npm run schema`: it shows what that version prints differently.
 */
const PRINTING_ALIKE = { first: 15, last: 18 };

/** The database is not as the statements need it; `faults` has a line for each fault, with the migration that would mend it. */
export class SchemaMismatch extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the database schema does not match this version:\n  ${faults.join('\n  ')}`);
    this.faults = faults;
  }
}

/**
 * Compares a migrated database with the expected schema. Throws SchemaMismatch with all faults at once. It ignores unexpected
 * objects, because a newer version may have added them, unless they keep rows from being written. It costs a start one round
 * trip: 36 to 41 ms on a new connection to a server on the same machine; 16 to 20 ms without bodies.
 */
export async function checkSchema(db: Queryable): Promise<void> {
  const { facts, version } = await readCatalog(db);
  const faults = findFaults(await readExpected(), facts);
  if (faults.length === 0) return;
  throw new SchemaMismatch([...faults, ...hintsOf(version, await foreignMigrations(db))]);
}

function findFaults(expected: readonly Expectation[], facts: readonly Fact[]): string[] {
  const actual = new Map(facts.map(fact => [fact.identity, fact.definition]));
  const faults: string[] = [];
  const missing = new Set<string>();
  for (const { identity, definition, migration } of expected) {
    // If a whole table is missing, one line says so.
    const [relation = identity] = identity.split(', ');
    if (missing.has(relation)) continue;
    const is = actual.get(identity);
    if (is === definition) continue;
    if (is === undefined) missing.add(identity);
    faults.push(`${identity}: ${differenceBetween(is, definition)}: see ${migration}`);
  }
  return [...faults, ...findObstacles(new Set(expected.map(({ identity }) => identity)), facts)];
}

/** For bodies, which have several lines: the first line that differs. */
function differenceBetween(is: string | undefined, expected: string): string {
  const wanted = expected.split('\n');
  if (is === undefined) return `is missing; expected ${quote(wanted[0])}${wanted.length > 1 ? ' ...' : ''}`;
  const found = is.split('\n');
  const several = Math.max(wanted.length, found.length) > 1;
  let line = 0;
  while (found[line] === wanted[line]) line++;
  return `${several ? `line ${line + 1} ` : ''}is ${quote(found[line])}; expected ${quote(wanted[line])}`;
}

function quote(line: string | undefined): string {
  return line === undefined ? 'nothing' : `"${line}"`;
}

/** Columns that no statement knows but that require a value. */
function findObstacles(expected: ReadonlySet<string>, facts: readonly Fact[]): string[] {
  return facts
    .filter(fact => fact.part === 'column' && expected.has(fact.relation) && !expected.has(fact.identity))
    .filter(fact => / not null(?! generated| default)/.test(fact.definition))
    .map(fact => `${fact.identity}: is "${fact.definition}" and unknown to this version; expected a default`);
}

/** Migrations that this database has run and this version does not have. */
async function foreignMigrations(db: Queryable): Promise<readonly string[]> {
  const own = (await migrationFiles()).map(file => file.replace(/\.sql$/, ''));
  const { rows } = await db.query<{ name: string }>(
    `select name from ${MIGRATIONS_TABLE} where name <> all($1::text[]) order by id`,
    [own],
  );
  return rows.map(({ name }) => name);
}

/** Other possible reasons of faults; a line each, after them. */
function hintsOf(version: number, foreign: readonly string[]): string[] {
  const { first, last } = PRINTING_ALIKE;
  return [
    ...(foreign.length > 0 ? [`another version has run ${foreign.join(', ')} here`] : []),
    ...(version < first || version > last
      ? [
          `the server is PostgreSQL ${version}; this version is for ${first} to ${last}, which print definitions alike`,
        ]
      : []),
  ];
}
