/** A Redis per suite whose clock can be set while it runs, by a library that is preloaded into it (preloaded/stepped-clock.c). */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CACHE_DIR } from '../stack/keeping/owner.ts';
import { run, tryRun } from '../stack/keeping/processes.ts';
import { unpackDebian } from '../stack/servers/debian.ts';
import { startStack } from '../stack/stack.ts';

const SOURCE = new URL('preloaded/stepped-clock.c', import.meta.url);

export interface SteppedRedis {
  readonly url: URL;
  /** From now on its clock is this far ahead of the machine's; negative: behind. */
  setAhead(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Compiles the library with the machine's C compiler, or with a small one of Debian's; needs Linux. */
export async function startSteppedRedis(): Promise<SteppedRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'fairline-stepped-redis-'));
  const library = join(dir, 'stepped-clock.so');
  await compile(SOURCE.pathname, library);
  const clockFile = join(dir, 'ahead');
  const clock = await open(clockFile, 'w+');
  const setAhead = async (ms: number): Promise<void> => {
    // In a single write, because the server may read it at any moment.
    await clock.write(new BigInt64Array([BigInt(ms) * 1_000n]), 0, 8, 0);
  };
  await setAhead(0);
  const stack = await startStack({
    dir,
    env: { ...process.env, REDIS_URL: '', LOG: 'redis', LD_PRELOAD: library, STEPPED_CLOCK: clockFile },
  });
  return {
    url: new URL(stack.env.REDIS_URL),
    setAhead,
    stop: async () => {
      await stack.stop();
      await clock.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function compile(source: string, library: string): Promise<void> {
  const output = ['-o', library, source];
  if ((await tryRun('cc', ['-shared', '-fPIC', ...output], { env: process.env })).ok) return;
  const site = {
    dir: CACHE_DIR,
    cacheDir: CACHE_DIR,
    env: process.env,
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const { command, libraryPath } = await unpackDebian(site, {
    name: 'tcc',
    program: ['usr', 'bin', 'tcc'],
    byHand: 'install a C compiler, as cc (apt-get install gcc)',
  });
  const ownFiles = libraryPath.split(delimiter).map(directory => `-B${join(directory, 'tcc')}`);
  const compiled = await run(command, [...ownFiles, '-shared', '-nostdlib', ...output], { env: process.env });
  if (!compiled.ok) throw new Error(`${source} does not compile: ${compiled.stderr}`);
}
