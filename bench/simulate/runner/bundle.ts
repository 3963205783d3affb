/**
 * Bundles all code of a run, with a bug in it if requested. A process of the simulator loads a bundle at once: through tsx, a
 * copy of the project takes over a second to load, and tsx's wrapper around each named inner function costs up to a tenth of a
 * run.
 */
import { readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { withLocation } from '../../../engine/test/bundle.ts';
import { PROJECT } from '../../../engine/test/program.ts';
import type { Mutation } from '../mutations/mutation.ts';

const ENTRY = fileURLToPath(new URL('./entry.ts', import.meta.url));

const OPTIONS = {
  absWorkingDir: PROJECT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'silent',
} as const satisfies BuildOptions;

/** Writes the bundle to `file`, which must be in the project so that packages are found from there. */
export async function bundle(file: string): Promise<void> {
  await build({ ...OPTIONS, entryPoints: [ENTRY], outfile: file, plugins: [sources([])] });
}

/** Files of bundles that share what they have in common. */
export interface MutatedBundles {
  readonly clean: string;
  /** One for each mutation, in their order. */
  readonly mutated: readonly { readonly file: string; readonly mutation: Mutation }[];
}

/**
 * Writes a bundle of the code as it is, and one with each of the mutations, into `directory`, which must be in the project.
 * Rejects if a mutation's text does not occur exactly once, or its file is not part of a run.
 *
 * A mutated bundle has copies only of the mutated file and of the files that import it, directly or not: some 11 of 440. It
 * shares the others, so a process loads and compiles them once. With a whole copy for each mutation, making and loading it took
 * as long as the seeds that were then run on it.
 */
export async function bundleMutations(
  directory: string,
  mutations: readonly Mutation[],
): Promise<MutatedBundles> {
  const { metafile } = await build({
    ...OPTIONS,
    ...{ entryPoints: [ENTRY], plugins: [sources([])], metafile: true, write: false },
    outdir: directory,
  });
  const copies = mutations.map(mutation => copyOf(mutation, metafile));
  await build({
    ...OPTIONS,
    entryPoints: [
      { in: ENTRY, out: 'clean' },
      ...mutations.map((_, index) => ({ in: `${MUTATION}${index}`, out: `${index}` })),
    ],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    plugins: [sources(copies)],
  });
  return {
    clean: join(directory, 'clean.mjs'),
    mutated: mutations.map((mutation, index) => ({ file: join(directory, `${index}.mjs`), mutation })),
  };
}

/** The entry point of the bundle of a mutation, with its index. */
const MUTATION = 'mutation:';

/** A mutation, and the files of its bundle that are not shared with others. */
interface Copy {
  readonly mutation: Mutation;
  readonly files: ReadonlySet<string>;
}

/** The mutated file, and all files that import it, directly or not. */
function copyOf(mutation: Mutation, { inputs }: Metafile): Copy {
  if (inputs[mutation.file] === undefined) {
    throw new Error(`'${mutation.name}': a run has no part of ${mutation.file}`);
  }
  const files = new Set([mutation.file]);
  // A set's iterator also yields what is added meanwhile.
  for (const file of files) {
    for (const [importer, { imports }] of Object.entries(inputs)) {
      if (imports.some(({ path }) => path === file)) files.add(importer);
    }
  }
  return { mutation, files };
}

/**
 * Each source as it is, except that it keeps its own path: scripts are read from its directory. The files of a copy are
 * modules of their own, told apart by a suffix; `pluginData` is the copy that the importing file belongs to.
 */
function sources(copies: readonly Copy[]): Plugin {
  const inCopy = (path: string, copy: Copy) => ({
    path,
    suffix: `?${copies.indexOf(copy)}`,
    pluginData: copy,
  });
  return {
    name: 'sources',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^mutation:\d+$/ }, ({ path }) => {
        const copy = copies[Number(path.slice(MUTATION.length))];
        return copy === undefined ? undefined : inCopy(ENTRY, copy);
      });
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, pluginData: copy }) => {
        if (copy === undefined) return undefined;
        const found = resolve(resolveDir, path);
        return copy.files.has(nameOf(found)) ? inCopy(found, copy) : { path: found };
      });
      onLoad({ filter: /\.ts$/ }, async ({ path, pluginData: copy }) => {
        const source = await readFile(path, 'utf8');
        const isMutated = copy?.mutation.file === nameOf(path);
        const contents = isMutated ? mutated(source, copy.mutation) : source;
        return { contents: withLocation(path, contents), loader: 'ts', pluginData: copy };
      });
    },
  };
}

/** The path from the project's directory, as mutations and esbuild name a file. */
function nameOf(path: string): string {
  return relative(PROJECT, path).split(sep).join('/');
}

function mutated(source: string, { name, file, from, to }: Mutation): string {
  const parts = source.split(from);
  if (parts.length !== 2) {
    throw new Error(`'${name}': ${file} has ${parts.length - 1} times, not once: ${from}`);
  }
  return parts.join(to);
}
