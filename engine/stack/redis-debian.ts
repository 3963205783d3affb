import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from './errors.ts';
import { takeLock } from './lock.ts';
import { type RunResult, run, tryRun } from './processes.ts';
import type { Site } from './server.ts';

const BY_HAND =
  'install Redis 6.2 or later (apt-get install redis-server, brew install redis), or set REDIS_URL';

/** What runs a Redis that isn't installed: the program, and where the loader finds its libraries. */
export interface UnpackedRedis {
  readonly command: string;
  readonly libraryPath: string;
}

/**
 * Downloads Debian's (or Ubuntu's) Redis packages, with the libraries this machine lacks, and unpacks them into the
 * cache. Needs no root: nothing is installed, and package lists that are missing or out of date are fetched into the
 * cache as well. Raises StackError where there is no apt, or the packages cannot be had.
 */
export async function unpackDebianRedis(site: Site): Promise<UnpackedRedis> {
  const root = join(site.cacheDir, 'redis');
  if (!existsSync(root)) {
    const release = await takeLock(join(site.cacheDir, 'redis.lock'), site.signal);
    try {
      if (!existsSync(root)) await fetchAndUnpack(site, root);
    } finally {
      await release();
    }
  }
  return { command: join(root, 'usr', 'bin', 'redis-server'), libraryPath: await libraryPathOf(root) };
}

async function fetchAndUnpack(site: Site, root: string): Promise<void> {
  for (const tool of ['apt-get', 'dpkg']) {
    if (!(await tryRun(tool, ['--version'], { env: site.env })).ok) {
      throw new StackError(`there is no redis-server on PATH, and no ${tool} to fetch one with`, BY_HAND);
    }
  }
  site.progress("no redis-server on PATH: fetching Debian's packages, once");
  const work = join(site.cacheDir, 'redis.part');
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'packages'), { recursive: true });
  await download(site, work);
  const unpacked = join(work, 'root');
  for (const file of await readdir(join(work, 'packages'))) {
    if (!file.endsWith('.deb')) continue;
    const done = await run('dpkg', ['-x', join(work, 'packages', file), unpacked], {
      env: site.env,
      signal: site.signal,
    });
    if (!done.ok) throw new StackError(`${file} cannot be unpacked: ${lastLine(done)}`, BY_HAND);
  }
  await rename(unpacked, root);
  await rm(work, { recursive: true, force: true });
}

async function download(site: Site, work: string): Promise<void> {
  const first = await downloadWith(site, work, []);
  if (first.ok) return;
  site.progress('the package lists of this machine are missing or out of date: fetching lists of our own');
  const options = ownLists(work);
  await mkdir(join(work, 'lists', 'partial'), { recursive: true });
  await mkdir(join(work, 'archives', 'partial'), { recursive: true });
  const update = await run('apt-get', [...options, 'update'], { env: site.env, signal: site.signal });
  const second = update.ok ? await downloadWith(site, work, options) : update;
  if (!second.ok) {
    throw new StackError(
      `there is no redis-server on PATH, and Debian's cannot be fetched: ${lastLine(second)}`,
      BY_HAND,
    );
  }
}

// apt takes its lists and caches from elsewhere when told to, which makes `update` possible without root.
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

async function downloadWith(site: Site, work: string, options: readonly string[]): Promise<RunResult> {
  const env = { ...site.env, LC_ALL: 'C' };
  const simulated = await run(
    'apt-get',
    [...options, '-s', '-o', 'Debug::NoLocking=true', 'install', '--no-install-recommends', 'redis-server'],
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
