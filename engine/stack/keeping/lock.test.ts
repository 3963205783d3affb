import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from './lock.ts';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lock-'));
});
after(() => rm(dir, { recursive: true }));

const ROUNDS = 20;
const never = new AbortController().signal;

test('allows one holder at a time, and leaves no file', async () => {
  const path = join(dir, 'one');
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const release = await takeLock(path, never);
      holders += 1;
      most = Math.max(most, holders);
      await sleep(5);
      holders -= 1;
      await release();
    }),
  );
  assert.equal(most, 1);
  assert.deepEqual(await readdir(dir), []);
});

test('one of many takes over the lock of a dead process', async () => {
  const path = join(dir, 'stale');
  const { pid } = spawnSync(process.execPath, ['--version']);
  const gone = JSON.stringify({ pid, startedAt: '1' });
  for (let round = 0; round < ROUNDS; round++) {
    await writeFile(path, gone);
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const release = await takeLock(path, never);
        holders += 1;
        most = Math.max(most, holders);
        // Sometimes a holder ends without giving the lock back: the file then names an ended process.
        await sleep(Math.random() * 2);
        holders -= 1;
        if (Math.random() < 0.3) await writeFile(path, gone);
        else await release();
      }),
    );
    assert.equal(most, 1, `round ${round}`);
    await rm(path, { force: true });
  }
  assert.deepEqual(await readdir(dir), []);
});

test('a file that is not a lock does not block forever', async () => {
  const path = join(dir, 'broken');
  await writeFile(path, '{');
  const release = await takeLock(path, never);
  await release();
});

test('a waiter names the holder, and can be aborted', async () => {
  const path = join(dir, 'held');
  const release = await takeLock(path, never);
  const waiting = new AbortController();
  let holder = 0;
  const refused = takeLock(path, waiting.signal, id => {
    holder = id.pid;
    waiting.abort();
  });
  await assert.rejects(refused, { name: 'AbortError' });
  assert.equal(holder, process.pid);
  await release();
  assert.deepEqual(await readdir(dir), []);
});
