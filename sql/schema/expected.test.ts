import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { emptyDatabase } from '../../engine/test/support.ts';
import type { Fact } from './catalog.ts';
import {
  EXPECTED_FILE,
  expectationsOf,
  expectedDocument,
  readExpected,
  type Snapshot,
  takeSnapshots,
} from './expected.ts';
import { migrationFiles } from './migrate.ts';

const database = await emptyDatabase();
after(() => database.drop());

describe('expected-schema.json', () => {
  it('matches the migrations', async () => {
    const made = expectationsOf(await takeSnapshots(database.url));
    const kept = await readFile(EXPECTED_FILE, 'utf8');
    const stale = 'sql/schema/expected-schema.json is stale; `npm run schema` writes it anew';
    assert.equal(kept, expectedDocument(made), stale);
    assert.deepEqual(await readExpected(), made);
  });

  it('names existing migrations', async () => {
    const files = await migrationFiles();
    for (const { migration } of await readExpected()) assert.ok(files.includes(migration), migration);
  });
});

describe('expectationsOf', () => {
  const seats = (definition: string, id = 1): Fact => ({
    identity: 'seats, column row',
    relation: 'seats',
    part: 'column',
    name: 'row',
    definition,
    id,
  });
  const snapshot = (migration: string, ...facts: readonly Fact[]): Snapshot => ({ migration, facts });
  const madeBy = (...snapshots: readonly Snapshot[]): readonly string[] =>
    expectationsOf(snapshots).map(({ migration, definition }) => `${migration}: ${definition}`);

  it('names the migration that created it, whatever follows', () => {
    assert.deepEqual(madeBy(snapshot('1', seats('text')), snapshot('2', seats('text'))), ['1: text']);
  });

  it('names the last migration that changed it', () => {
    const changed = [
      snapshot('1', seats('text')),
      snapshot('2', seats('bytea')),
      snapshot('3', seats('bytea')),
    ];
    assert.deepEqual(madeBy(...changed), ['2: bytea']);
  });

  it('names the migration that recreated it unchanged', () => {
    assert.deepEqual(madeBy(snapshot('1', seats('text')), snapshot('2', seats('text', 2))), ['2: text']);
    assert.deepEqual(madeBy(snapshot('1', seats('text')), snapshot('2'), snapshot('3', seats('text', 2))), [
      '3: text',
    ]);
  });

  it('expects nothing that was dropped', () => {
    assert.deepEqual(madeBy(snapshot('1', seats('text')), snapshot('2')), []);
  });
});
