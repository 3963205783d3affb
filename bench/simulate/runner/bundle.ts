/**
 * Bundles all code of a run into one file, with a bug in it if requested. A process of the simulator loads that file at once:
 * through tsx, a copy of the project takes over a second to load, and tsx's wrapper around each named inner function costs up
 * to a tenth of a run.
 */
import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { withLocation } from '../../../engine/test/bundle.ts';
import { PROJECT } from '../../../engine/test/program.ts';
import type { Mutation } from '../mutations/mutation.ts';

const ENTRY = [
  "export { runPlan } from '../run.ts';",
  "export { planOf } from '../plans/make-plan.ts';",
  "export { writtenPlan } from '../mutations/plans/index.ts';",
].join('\n');

/**
 * Writes the bundle to `file`, which must be in the project so that packages are found from there. Rejects if the mutation's
 * text does not occur exactly once, or its file is not part of a run.
 */
export async function bundle(file: string, mutation?: Mutation): Promise<void> {
  const read = new Set<string>();
  await build({
    stdin: { contents: ENTRY, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
    plugins: [sources(mutation, read)],
  });
  if (mutation !== undefined && !read.has(mutation.file)) {
    throw new Error(`'${mutation.name}': a run has no part of ${mutation.file}`);
  }
}

/** Each source as it is, except that it keeps its own path: scripts are read from its directory. */
function sources(mutation: Mutation | undefined, read: Set<string>): Plugin {
  return {
    name: 'sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(PROJECT, path).split(sep).join('/');
        read.add(file);
        const source = await readFile(path, 'utf8');
        const contents = mutation?.file === file ? mutated(source, mutation) : source;
        return { contents: withLocation(path, contents), loader: 'ts' };
      });
    },
  };
}

function mutated(source: string, { name, file, from, to }: Mutation): string {
  const parts = source.split(from);
  if (parts.length !== 2) {
    throw new Error(`'${name}': ${file} has ${parts.length - 1} times, not once: ${from}`);
  }
  return parts.join(to);
}
