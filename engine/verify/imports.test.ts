/** The verifier shares no code with what it checks, and its core runs in a browser: checks the imports of each of its files. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const HERE = import.meta.dirname;
const IMPORT = /(?:\bfrom|^import) '([^']+)';$|\bimport\('([^']+)'\)/gm;
/** The files that run only in Node. */
const LAUNCHERS = ['bin.mjs', 'hashing/node-helper.mjs'];
const IN_NODE = [
  'node.ts',
  'hashing/node-helper.ts',
  'hashing/node-helper-thread.ts',
  'cli.ts',
  'files.ts',
  ...LAUNCHERS,
];

async function sources(): Promise<string[]> {
  const all = await readdir(HERE, { recursive: true });
  return all.filter(
    file => /\.(ts|mjs)$/.test(file) && !file.endsWith('.test.ts') && !file.startsWith('testing'),
  );
}

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map(([, from, dynamic]) => from ?? dynamic ?? '');
}

function allowed(file: string, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const target = relative(HERE, resolve(dirname(join(HERE, file)), specifier));
    return !target.startsWith('..') && !target.startsWith('testing');
  }
  if (specifier.startsWith('@noble/')) return true;
  if (LAUNCHERS.includes(file) && specifier === 'tsx/esm/api') return true;
  return (
    IN_NODE.includes(file) && specifier.startsWith('node:') && builtinModules.includes(specifier.slice(5))
  );
}

test('imports nothing outside the folder but @noble, and Node only in its entry', async () => {
  const files = await sources();
  assert.ok(files.length > 20, `${files.length} files`);
  let imports = 0;
  for (const file of files) {
    const text = await readFile(join(HERE, file), 'utf8');
    for (const specifier of importsOf(text)) {
      imports += 1;
      assert.ok(allowed(file, specifier), `${file} imports ${specifier}`);
    }
    assert.ok(
      IN_NODE.includes(file) || !/\b(Buffer|process|require)\b[.(]/.test(text),
      `${file} uses Node's globals`,
    );
    assert.doesNotMatch(text, /\b(fetch|XMLHttpRequest|WebSocket)\b/, `${file} could access a network`);
  }
  assert.ok(imports > 60, `${imports} imports`);
});

test("the test's book maker does not use the production one either", async () => {
  for (const file of await readdir(join(HERE, 'testing'))) {
    const text = await readFile(join(HERE, 'testing', file), 'utf8');
    for (const specifier of importsOf(text)) {
      const isOwn = specifier.startsWith('./') || specifier.startsWith('node:');
      assert.ok(isOwn || file === 'run.ts', `testing/${file} imports ${specifier}`);
    }
  }
});

test('the rule itself rejects violations', () => {
  assert.equal(allowed('book/book.ts', '../../contract/hashing/sha256.ts'), false);
  assert.equal(allowed('book/book.ts', 'node:crypto'), false);
  assert.equal(allowed('cli.ts', 'node:crypto'), true);
  assert.equal(allowed('cli.ts', 'pg'), false);
  assert.equal(allowed('book/book.ts', '../testing/maker.ts'), false);
});
