/** A Redis of a suite's own whose clock can be set while it runs: by a library that is preloaded into it (stepped-clock.c). */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startStack } from '../stack/stack.ts';

const SOURCE = new URL('stepped-clock.c', import.meta.url);

export interface SteppedRedis {
  readonly url: URL;
  /** Its clock is so far ahead of the machine's from now on; negative for behind. */
  setAhead(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Needs a C compiler, as `cc`. */
export async function startSteppedRedis(): Promise<SteppedRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'fairline-stepped-redis-'));
  const library = join(dir, 'stepped-clock.so');
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O2', '-o', library, SOURCE.pathname]);
  const clockFile = join(dir, 'ahead');
  const clock = await open(clockFile, 'w+');
  const setAhead = async (ms: number): Promise<void> => {
    // In one write: the server reads it at any moment.
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
