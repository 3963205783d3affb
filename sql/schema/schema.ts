/**
 * Whether the database has the schema that the statements rely on. The engine asks at every start: a column that was
 * altered by hand, or a migration that another version has run, is better found there than by a statement at night.
 */
import type { Queryable } from '../database.ts';
import { type Fact, type Part, readCatalog } from './catalog.ts';
import { type ExpectedRelation, expectedSchema } from './expected-schema.ts';

/** The database is not as the statements need it; `faults` has a line each, with the migration that would mend it. */
export class SchemaMismatch extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`the database schema does not match this version:\n  ${faults.join('\n  ')}`);
    this.faults = faults;
  }
}

export interface ExpectedFact extends Fact {
  /** The file of the migration that makes it so. */
  readonly migration: string;
}

/**
 * Compares the database with what is expected. Throws SchemaMismatch with every fault at once. What is there and not
 * expected is let be, as a newer version may have added it, unless rows could no longer be written because of it.
 */
export async function checkSchema(db: Queryable): Promise<void> {
  const faults = findFaults(expectedFacts(), await readCatalog(db));
  if (faults.length > 0) throw new SchemaMismatch(faults);
}

/** What is expected, as facts of the catalog. */
export function expectedFacts(): readonly ExpectedFact[] {
  return Object.entries(expectedSchema).flatMap(([migration, relations]) =>
    Object.entries(relations).flatMap(([relation, expected]) =>
      factsOf(relation, expected).map(fact => ({ ...fact, migration })),
    ),
  );
}

function factsOf(relation: string, expected: ExpectedRelation): Fact[] {
  const part = (name: Part, definitions: Readonly<Record<string, string>> | undefined): Fact[] =>
    Object.entries(definitions ?? {}).map(([of, definition]) => ({
      relation,
      part: name,
      name: of,
      definition,
    }));
  return [
    ...(expected.is === undefined ? [] : part('relation', { '': expected.is })),
    ...part('column', expected.columns),
    ...part('constraint', expected.constraints),
    ...part('index', expected.indexes),
    ...part('trigger', expected.triggers),
  ];
}

function findFaults(expected: readonly ExpectedFact[], actual: readonly Fact[]): string[] {
  const definitions = new Map(actual.map(fact => [keyOf(fact), fact.definition]));
  const faults: string[] = [];
  const missing = new Set<string>();
  for (const fact of expected) {
    // One line says that a whole table is missing.
    if (missing.has(fact.relation)) continue;
    const is = definitions.get(keyOf(fact));
    if (is === fact.definition) continue;
    if (is === undefined && fact.part === 'relation') missing.add(fact.relation);
    const found = is === undefined ? 'is missing' : `is "${is}"`;
    faults.push(`${placeOf(fact)} ${found}; expected "${fact.definition}": see ${fact.migration}`);
  }
  return [...faults, ...findObstacles(expected, actual)];
}

/** Columns that no statement knows and that must be given a value all the same. */
function findObstacles(expected: readonly ExpectedFact[], actual: readonly Fact[]): string[] {
  const known = new Set(expected.map(keyOf));
  const relations = new Set(expected.filter(fact => fact.part === 'column').map(fact => fact.relation));
  return actual
    .filter(fact => fact.part === 'column' && relations.has(fact.relation) && !known.has(keyOf(fact)))
    .filter(fact => / not null(?! generated| default)/.test(fact.definition))
    .map(fact => `${placeOf(fact)} is "${fact.definition}" and unknown to this version; expected a default`);
}

function keyOf({ relation, part, name }: Fact): string {
  return `${relation}/${part}/${name}`;
}

function placeOf({ relation, part, name }: Fact): string {
  return part === 'relation' ? `${relation}:` : `${relation}, ${part} ${name}:`;
}
