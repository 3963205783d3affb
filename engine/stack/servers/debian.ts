import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from '../errors.ts';
import { takeLock } from '../keeping/lock.ts';
import { type RunResult, run, tryRun } from '../keeping/processes.ts';
import type { Site } from './server.ts';

/** A Debian package that is used without being installed. */
export interface DebianPackage {
  readonly name: string;
  /** Its program, below the root. */
  readonly program: readonly string[];
  /** What the user can do if it is unavailable. */
  readonly byHand: string;
}

/** How to run a program that is not installed: its path, and where the loader finds its libraries. */
export interface Unpacked {
  readonly command: string;
  readonly libraryPath: string;
}

/**
 * Downloads a package of Debian (or Ubuntu), with the libraries that this machine lacks, and unpacks them into the cache.
 * Needs no root: nothing is installed, and missing or outdated package lists are downloaded into the cache as well. Throws
 * StackError if there is no apt, or the packages are unavailable.
 */
export async function unpackDebian(site: Site, wanted: DebianPackage): Promise<Unpacked> {
  const root = join(site.cacheDir, wanted.name);
  if (!existsSync(root)) {
    const release = await takeLock(join(site.cacheDir, `${wanted.name}.lock`), site.signal);
    try {
      if (!existsSync(root)) await fetchAndUnpack(site, wanted, root);
    } finally {
      await release();
    }
  }
  return { command: join(root, ...wanted.program), libraryPath: await libraryPathOf(root) };
}

async function fetchAndUnpack(site: Site, wanted: DebianPackage, root: string): Promise<void> {
  for (const tool of ['apt-get', 'dpkg']) {
    if (!(await tryRun(tool, ['--version'], { env: site.env })).ok) {
      throw new StackError(
        `${wanted.name} is not on PATH, and ${tool} to fetch it is missing`,
        wanted.byHand,
      );
    }
  }
  site.progress(`${wanted.name} is not on PATH: fetching Debian's packages once`);
  const work = join(site.cacheDir, `${wanted.name}.part`);
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'packages'), { recursive: true });
  await download(site, wanted, work);
  const unpacked = join(work, 'root');
  for (const file of await readdir(join(work, 'packages'))) {
    if (!file.endsWith('.deb')) continue;
    const done = await run('dpkg', ['-x', join(work, 'packages', file), unpacked], {
      env: site.env,
      signal: site.signal,
    });
    if (!done.ok) throw new StackError(`cannot unpack ${file}: ${lastLine(done)}`, wanted.byHand);
  }
  await rename(unpacked, root);
  await rm(work, { recursive: true, force: true });
}

async function download(site: Site, wanted: DebianPackage, work: string): Promise<void> {
  const first = await downloadWith(site, wanted, work, []);
  if (first.ok) return;
  site.progress('the package lists of this machine are missing or out of date: fetching private ones');
  const options = ownLists(work);
  await mkdir(join(work, 'lists', 'partial'), { recursive: true });
  await mkdir(join(work, 'archives', 'partial'), { recursive: true });
  const update = await run('apt-get', [...options, 'update'], { env: site.env, signal: site.signal });
  const second = update.ok ? await downloadWith(site, wanted, work, options) : update;
  if (!second.ok) {
    throw new StackError(
      `${wanted.name} is not on PATH, and fetching Debian's failed: ${lastLine(second)}`,
      wanted.byHand,
    );
  }
}

// With its own lists and caches, apt can run `update` without root.
function ownLists(work: string): string[] {
  return [
    '-o',
    `Dir::State::lists=${join(work, 'lists')}`,
    '-o',
    `Dir::Cache=${join(work, 'archives')}`,
    '-o',
    'Debug::NoLocking=true',
    '-o',
    'APT::Sandbox::User=',
  ];
}

async function downloadWith(
  site: Site,
  { name }: DebianPackage,
  work: string,
  options: readonly string[],
): Promise<RunResult> {
  const env = { ...site.env, LC_ALL: 'C' };
  const simulated = await run(
    'apt-get',
    [...options, '-s', '-o', 'Debug::NoLocking=true', 'install', '--no-install-recommends', name],
    { env, signal: site.signal },
  );
  // "Inst libjemalloc2 (5.3.0-1 Debian:12 [amd64])": what an installation would add to this machine.
  const packages = [...simulated.stdout.matchAll(/^Inst (\S+)/gm)].map(match => match[1] ?? '');
  if (!simulated.ok || packages.length === 0) return { ...simulated, ok: false };
  return run('apt-get', [...options, 'download', ...packages], {
    env,
    cwd: join(work, 'packages'),
    signal: site.signal,
  });
}

async function libraryPathOf(root: string): Promise<string> {
  const found: string[] = [];
  for (const top of ['usr/lib', 'lib']) {
    const base = join(root, top);
    if (!existsSync(base)) continue;
    found.push(base);
    for (const entry of await readdir(base, { withFileTypes: true })) {
      if (entry.isDirectory()) found.push(join(base, entry.name));
    }
  }
  return found.join(':');
}

function lastLine(result: RunResult): string {
  return `${result.stdout}\n${result.stderr}`.trim().split('\n').at(-1) ?? '';
}
