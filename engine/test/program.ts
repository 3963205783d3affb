/**
 * Runs a file of the project as a separate process: in a test run its bundle, which loads four times as fast (bundle.ts),
 * else the file itself through tsx.
 */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Node's arguments to run `file`, a path from the project's directory or an absolute one. */
export function programArguments(file: string): readonly string[] {
  const path = resolve(PROJECT, file);
  const directory = process.env.FAIRLINE_BUNDLES;
  const bundle = directory === undefined ? undefined : bundleOf(directory, relative(PROJECT, path));
  if (bundle !== undefined && existsSync(bundle)) return ['--enable-source-maps', bundle];
  return ['--import', import.meta.resolve('tsx'), path];
}

/** The path of the bundle of a file of the project, if there is one. */
export function bundleOf(directory: string, file: string): string {
  return join(directory, file.replace(/\.ts$/, '.mjs'));
}
