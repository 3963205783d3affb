/**
 * Checks the project's structure from its files: which folder may import from which, how large a folder may be, and where
 * test helpers are.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { test } from 'node:test';
import { PROJECT } from './program.ts';

const ROOMS = ['engine', 'gateway', 'sql', 'bench'];
/** The folders that decide about campaigns; they must not depend on HTTP. */
const DOMAIN = [
  'intake',
  'watermark',
  'clock',
  'settling',
  'projections',
  'campaigns',
  'draw',
  'book',
  'archive',
  'monitor',
  'operators',
  'people',
];

/** About as many files as a reader takes in at a glance; with more, look for a seam. Tests do not count. */
const MOST_FILES = 20;
/** Folders that are larger, each with its reason. */
const LARGE: Readonly<Record<string, string>> = {
  'sql/migrations': 'node-pg-migrate runs the files of one folder, in the order of their names',
};

const files = ROOMS.flatMap(room =>
  readdirSync(join(PROJECT, room), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(PROJECT, join(entry.parentPath, entry.name)).split(sep).join('/')),
);
const sources = files.filter(file => /\.(ts|mts|mjs)$/.test(file));

interface Import {
  readonly from: string;
  readonly to: string;
}

/** A statement that imports or exports from elsewhere, or a call of import(), also in a type. */
const IMPORT =
  /^(?:import|export)\b(?:(?!\n(?:import|export)\b)[^;])*?\bfrom '([^']+)';|^import '([^']+)';|\bimport\(\s*'([^']+)'/gm;

/** The relative imports of a file, without packages and comments. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(PROJECT, file), 'utf8').replace(/^\s*(?:\/\*\*|\*|\/\/).*$/gm, '');
  return [...text.matchAll(IMPORT)].flatMap(([, from, alone, called]) => {
    const specifier = from ?? alone ?? called ?? '';
    if (!specifier.startsWith('.')) return [];
    return [{ from: file, to: posix.normalize(posix.join(dirname(file), specifier)) }];
  });
}

const imports = sources.flatMap(importsOf);
/** Imports of production code, without tests and their helpers. */
const inService = imports.filter(({ from }) => !isOfTests(from));

function isOfTests(file: string): boolean {
  return file.endsWith('.test.ts') || file.includes('/testing/') || file.startsWith('engine/test/');
}

/** What of sql/database.ts and operators/acts.ts the operator's API may call. */
const FOR_API: readonly string[] = ['isUnanswered', 'campaignTarget'];

/** The values, not types, that a file imports from another one by their names. */
function namesFrom(file: string, imported: string): string[] {
  const text = readFileSync(join(PROJECT, file), 'utf8');
  return [...text.matchAll(/^import \{([^}]*)\} from '([^']+)';/gm)]
    .filter(([, , specifier = '']) => posix.normalize(posix.join(dirname(file), specifier)) === imported)
    .flatMap(([, names = '']) => names.split(',').map(name => name.trim()))
    .filter(name => name !== '' && !name.startsWith('type '));
}

const isIn = (file: string, folder: string): boolean => file.startsWith(`${folder}/`);
const shown = (found: readonly Import[]): string[] => found.map(({ from, to }) => `${from} -> ${to}`);

test('finds imports, each of which leads to a file', () => {
  assert.ok(imports.length > 3_000, `${imports.length} imports`);
  const known = new Set(files);
  assert.deepEqual(shown(imports.filter(({ to }) => !known.has(to))), []);
});

test('gateway imports only the contract from engine, and engine nothing from gateway', () => {
  const wrong = inService.filter(
    ({ from, to }) =>
      (isIn(from, 'gateway') && isIn(to, 'engine') && !isIn(to, 'engine/contract')) ||
      (isIn(from, 'engine') && isIn(to, 'gateway')),
  );
  assert.deepEqual(shown(wrong), []);
});

test('the contract imports nothing else from engine', () => {
  const wrong = inService.filter(
    ({ from, to }) => isIn(from, 'engine/contract') && !isIn(to, 'engine/contract') && !isIn(to, 'sql'),
  );
  assert.deepEqual(shown(wrong), []);
});

test('statements and schema import nothing from their users', () => {
  const wrong = inService.filter(({ from, to }) => isIn(from, 'sql') && !isIn(to, 'sql'));
  assert.deepEqual(shown(wrong), []);
});

test('production code imports nothing from bench, stack or test helpers', () => {
  const wrong = inService.filter(
    ({ from, to }) =>
      !isIn(from, 'bench') &&
      !isIn(from, 'engine/stack') &&
      (isIn(to, 'bench') || isIn(to, 'engine/stack') || isOfTests(to)),
  );
  assert.deepEqual(shown(wrong), []);
});

test('the domain does not depend on HTTP', () => {
  const wrong = inService.filter(
    ({ from, to }) => DOMAIN.some(room => isIn(from, `engine/${room}`)) && isIn(to, 'engine/api'),
  );
  assert.deepEqual(shown(wrong), []);
  for (const room of DOMAIN)
    assert.ok(
      files.some(file => isIn(file, `engine/${room}`)),
      `engine/${room} is empty`,
    );
});

test("the operator's API opens no transactions and writes no acts: the domain does", () => {
  const api = sources.filter(file => isIn(file, 'engine/api') && !isOfTests(file));
  assert.ok(api.length > 50, `${api.length} files`);
  const wrong = api.flatMap(file =>
    [...namesFrom(file, 'sql/database.ts'), ...namesFrom(file, 'engine/operators/acts.ts')]
      .filter(name => !FOR_API.includes(name))
      .map(name => `${file}: ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test('the verifier imports nothing else; see also verify/imports.test.ts', () => {
  const wrong = inService.filter(({ from, to }) => isIn(from, 'engine/verify') && !isIn(to, 'engine/verify'));
  assert.deepEqual(shown(wrong), []);
});

test('has no import cycles, types included', () => {
  assert.deepEqual(cyclesOf(imports), []);
});

test('detects a cycle', () => {
  const edges = ['a b', 'b c', 'c a', 'c d', 'd e'].map(edge => {
    const [from = '', to = ''] = edge.split(' ');
    return { from, to };
  });
  assert.deepEqual(cyclesOf(edges), [['a', 'b', 'c']]);
  assert.deepEqual(cyclesOf(edges.slice(1)), []);
});

/** The strongly connected components of more than one file (Tarjan, "Depth-first search and linear graph algorithms", 1972). */
function cyclesOf(edges: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const order = new Map<string, number>();
  const open: string[] = [];
  const cycles: string[][] = [];
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    let low = number;
    open.push(file);
    for (const to of next.get(file) ?? []) {
      if (!order.has(to)) low = Math.min(low, visit(to));
      else if (open.includes(to)) low = Math.min(low, order.get(to) ?? low);
    }
    if (low === number) {
      const cycle = open.splice(open.indexOf(file));
      if (cycle.length > 1) cycles.push(cycle.sort());
    }
    return low;
  };
  for (const file of next.keys()) if (!order.has(file)) visit(file);
  return cycles;
}

test(`no folder holds more than ${MOST_FILES} files besides tests`, () => {
  const counts = new Map<string, number>();
  for (const file of files.filter(each => !each.endsWith('.test.ts'))) {
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  const large = [...counts].filter(([folder, count]) => count > MOST_FILES && LARGE[folder] === undefined);
  assert.deepEqual(large, []);
});

test('test helpers and fixtures lie in a testing folder beside their subject, or in engine/test', () => {
  const named = files.filter(file => /(^|\/)test-[^/]*\.ts$|[./-]fixtures?\.ts$|\/testing\.ts$/.test(file));
  assert.deepEqual(named, []);
  const served = new Set(inService.map(({ to }) => to));
  const forTests = new Set(imports.map(({ to }) => to).filter(to => !served.has(to) && !isOfTests(to)));
  assert.deepEqual(
    [...forTests].filter(file => file.endsWith('.ts')),
    [],
    'files that only tests import',
  );
});
