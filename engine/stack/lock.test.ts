import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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

const never = new AbortController().signal;

test('one holder at a time, and nothing remains', async () => {
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

test('the lock of a process that is gone is taken, by one of many', async () => {
  const path = join(dir, 'stale');
  const { pid } = spawnSync(process.execPath, ['--version']);
  await writeFile(path, JSON.stringify({ pid, startedAt: '1' }));
  let holders = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const release = await takeLock(path, never);
      holders += 1;
      assert.equal(holders, 1);
      await sleep(5);
      holders -= 1;
      await release();
    }),
  );
  assert.equal(existsSync(path), false);
});

test('a file that is no lock does not block for ever', async () => {
  const path = join(dir, 'broken');
  await writeFile(path, '{');
  const release = await takeLock(path, never);
  await release();
});

test('waiting says who holds it, and can be aborted', async () => {
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
