/**
 * The ledger's tables and their relations, as a Mermaid erDiagram made from the catalog, so it shows what the migrations
 * really make. `npm run schema` writes it to ERD.md.
 */
import { join } from 'node:path';
import type { Fact } from './catalog.ts';
import { MIGRATIONS_TABLE } from './migrate.ts';

export const ERD_FILE = join(import.meta.dirname, 'ERD.md');

interface Column {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
}

interface Reference {
  readonly to: string;
  readonly columns: readonly string[];
}

interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly primaryKey: readonly string[];
  /** The columns of each unique constraint. */
  readonly unique: readonly (readonly string[])[];
  readonly references: readonly Reference[];
}

/** The whole document: the expected ERD.md for a database with these facts (see readCatalog). */
export function erdDocument(facts: readonly Fact[]): string {
  const own = facts.filter(({ relation }) => relation !== MIGRATIONS_TABLE);
  const tables = readTables(own);
  const lines = [...tables.flatMap(drawTable), ...tables.flatMap(table => drawReferences(table, tables))];
  return `# The ledger

Made by \`npm run schema\` from a newly migrated database; a test compares it. The [migrations](../migrations) explain each table
beside its columns. A solid line is a foreign key. A dashed line is a key without a foreign key, whose check would cost inserts
too much. Every column is \`not null\` unless marked as null.

\`\`\`mermaid
erDiagram
${lines.map(line => `  ${line}`).join('\n')}
\`\`\`
${aside('Views', own, 'view')}${aside('Other sequences', own, 'sequence')}`;
}

/** A line for objects that are not tables and so are not in the diagram. */
function aside(title: string, facts: readonly Fact[], kind: string): string {
  const names = facts
    .filter(({ part, definition }) => part === 'relation' && definition.split(' ')[0] === kind)
    .map(({ relation }) => `\`${relation}\``);
  return names.length === 0 ? '' : `\n${title}: ${names.join(', ')}.\n`;
}

function readTables(facts: readonly Fact[]): readonly Table[] {
  return facts
    .filter(({ part, definition }) => part === 'relation' && / ?table$/.test(definition))
    .map(({ relation }) =>
      readTable(
        relation,
        facts.filter(fact => fact.relation === relation),
      ),
    );
}

function readTable(name: string, facts: readonly Fact[]): Table {
  const constraints = facts.filter(({ part }) => part === 'constraint').map(({ definition }) => definition);
  const [primaryKey = []] = constraints.flatMap(text => columnsIn(/^PRIMARY KEY \(([^)]+)\)/, text));
  const columns = facts.filter(({ part }) => part === 'column').map(readColumn);
  return {
    name,
    // Key columns first, in the order of the key; the rest by name, as the catalog lists them.
    columns: [
      ...primaryKey.flatMap(key => columns.filter(column => column.name === key)),
      ...columns.filter(column => !primaryKey.includes(column.name)),
    ],
    primaryKey,
    unique: constraints.flatMap(text => columnsIn(/^UNIQUE(?: NULLS NOT DISTINCT)? \(([^)]+)\)/, text)),
    references: constraints.flatMap(readReference),
  };
}

function columnsIn(pattern: RegExp, text: string): (readonly string[])[] {
  const list = pattern.exec(text)?.[1];
  return list === undefined ? [] : [list.split(', ')];
}

function readReference(text: string): Reference[] {
  const [, columns, to] = /^FOREIGN KEY \(([^)]+)\) REFERENCES (\w+)/.exec(text) ?? [];
  return columns === undefined || to === undefined ? [] : [{ to, columns: columns.split(', ') }];
}

/** A column's definition begins with its type; collation, generation and default are left to the migration. */
function readColumn({ name, definition }: Fact): Column {
  const [type = definition] = definition.split(/ (?:collate|not null|generated|default) ?/);
  return { name, type: shortType(type), isNullable: !/ not null\b/.test(definition) };
}

/** The type as migrations write it; Mermaid takes one word. */
function shortType(type: string): string {
  return type
    .replace(/^timestamp(\(\d\))? with time zone/, 'timestamptz$1')
    .replace(/^character varying/, 'varchar')
    .replaceAll(' ', '_');
}

function drawTable({ name, columns, primaryKey, unique, references }: Table): string[] {
  const lines = columns.map(column => {
    const keys = [
      ...(primaryKey.includes(column.name) ? ['PK'] : []),
      ...(references.some(reference => reference.columns.includes(column.name)) ? ['FK'] : []),
      ...(unique.some(each => each.length === 1 && each[0] === column.name) ? ['UK'] : []),
    ].join(', ');
    return [`  ${column.type}`, column.name, keys, column.isNullable ? '"null"' : '']
      .filter(Boolean)
      .join(' ');
  });
  return [`${name} {`, ...lines, '}'];
}

function drawReferences(table: Table, tables: readonly Table[]): string[] {
  const drawn = table.references.map(({ to, columns }) =>
    line(table, { to, columns, dash: '--', isNeeded: columns.every(name => isNeeded(table, name)) }),
  );
  const carried = tables
    .filter(to => isBeginOf(to.primaryKey, table.primaryKey) && !isPartOfAnother(to))
    .filter(to => !reaches(table, to.name, tables))
    .map(to => line(table, { to: to.name, columns: to.primaryKey, dash: '..', isNeeded: true }));
  return [...drawn, ...carried].sort();
}

/** Whether its rows are identified by those of another table, whose key others then refer to. */
function isPartOfAnother({ primaryKey, references }: Table): boolean {
  return references.some(({ columns }) => primaryKey.every(name => columns.includes(name)));
}

function isNeeded(table: Table, name: string): boolean {
  return table.columns.some(column => column.name === name && !column.isNullable);
}

function isBeginOf(begin: readonly string[], whole: readonly string[]): boolean {
  return begin.length > 0 && begin.length < whole.length && begin.every((name, at) => whole[at] === name);
}

/** Whether foreign keys lead there, directly or through other tables. */
function reaches(from: Table, name: string, tables: readonly Table[]): boolean {
  return from.references.some(({ to }) => {
    const next = tables.find(table => table.name === to && table !== from);
    return to === name || (next !== undefined && reaches(next, name, tables));
  });
}

interface Drawn {
  readonly to: string;
  readonly columns: readonly string[];
  readonly dash: '--' | '..';
  readonly isNeeded: boolean;
}

/** One row of `to` has at most one row here if its key is this table's own key, and any number otherwise. */
function line(table: Table, { to, columns, dash, isNeeded }: Drawn): string {
  const isOwnKey = [table.primaryKey, ...table.unique].some(
    key => key.length > 0 && key.every(name => columns.includes(name)),
  );
  return `${to} ${isNeeded ? '||' : '|o'}${dash}${isOwnKey ? 'o|' : 'o{'} ${table.name} : "${columns.join(', ')}"`;
}
