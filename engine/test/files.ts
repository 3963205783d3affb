/** Finds the test files of the project, and selects those of a run. */
import { readdir } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';

const ROOTS = ['engine', 'gateway', 'sql', 'bench'];
const TEST_FILE = '.test.ts';

/** The run is not possible as requested; `message` says why. */
export class TestFilesError extends Error {}

/**
 * The test files to run, relative to the project: all of them, or those that `wanted` names by file or directory. Throws
 * TestFilesError if a test file is in a place where no run would find it, or a wanted one does not exist.
 */
export async function testFiles(project: string, wanted: readonly string[]): Promise<readonly string[]> {
  const all = await everyTestFile(project);
  const stray = all.filter(file => !ROOTS.includes(file.split(sep)[0] ?? ''));
  if (stray.length > 0) {
    throw new TestFilesError(
      `these are never run; tests stand under ${ROOTS.join(', ')}: ${stray.join(', ')}`,
    );
  }
  if (wanted.length === 0) return all;
  const chosen = new Set<string>();
  for (const name of wanted) {
    const path = relative(project, resolve(name));
    const found = all.filter(file => file === path || file.startsWith(`${path}${sep}`));
    if (found.length === 0) throw new TestFilesError(`there is no test file at ${name}`);
    for (const file of found) chosen.add(file);
  }
  return [...chosen];
}

async function everyTestFile(project: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(project, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      const below = await readdir(resolve(project, entry.name), { recursive: true });
      files.push(...below.map(file => `${entry.name}${sep}${file}`));
    } else files.push(entry.name);
  }
  return files.filter(file => file.endsWith(TEST_FILE)).sort();
}
