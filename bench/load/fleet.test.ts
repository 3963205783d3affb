import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../engine/test/program.ts';
import { type Child, startPeer } from '../peers/process.ts';
import { runFleet, startFleet } from './fleet.ts';
import type { LoadError } from './job.ts';
import { readRecord } from './record.ts';
import { jobFor } from './testing/job.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** Runs a worker as from a shell, and returns its last line and exit code. */
function runWorker(
  argument: string | undefined,
  input: string,
): Promise<{ last: string; code: number | null }> {
  return new Promise(resolve => {
    const args = [...programArguments(WORKER), ...(argument === undefined ? [] : [argument])];
    const child = execFile(process.execPath, args, (_error, stdout) => {
      resolve({ last: stdout.trim().split('\n').at(-1) ?? '', code: child.exitCode });
    });
    child.stdin?.end(input);
  });
}

suite('generator processes', () => {
  let echo: Child & { readonly base: string };
  let directory: string;
  before(async () => {
    echo = await startPeer('echo');
    directory = await mkdtemp(join(tmpdir(), 'fairline-load-'));
  });
  after(async () => {
    await echo.stop();
    await rm(directory, { recursive: true });
  });

  test('three processes share users and connections, and their records hold every user once', async () => {
    const recordPath = join(directory, 'record');
    const result = await runFleet(jobFor(echo.base, 1_000, { connections: 20, recordPath }), 3);
    assert.deepEqual(result.byStatus, { 202: 1_000 });
    assert.equal(result.sent, 1_000);
    assert.deepEqual(result.errors, {});
    assert.deepEqual(
      result.recordPaths,
      [0, 1, 2].map(index => `${recordPath}.${index}`),
    );
    const users = new Set<string>();
    for (const path of result.recordPaths) {
      for (const row of (await readRecord(path)).rows()) {
        users.add(row.user);
        assert.equal(row.status, 202);
        assert.equal(row.attempts, 1);
        assert.equal(row.stamp, 1_234_567_890_123);
        const { sentUs = 0, answeredUs = 0 } = row;
        assert.ok(sentUs >= result.startedUs && answeredUs <= result.endedUs && sentUs <= answeredUs);
      }
    }
    assert.equal(users.size, 1_000);
  });

  test('rejects an incomplete record', async () => {
    const recordPath = join(directory, 'cut');
    await runFleet(jobFor(echo.base, 10, { recordPath }));
    await truncate(`${recordPath}.0`, 200);
    await assert.rejects(readRecord(`${recordPath}.0`), /length/);
  });

  test('one that cannot connect fails the start and leaves none running', async () => {
    const starting = startFleet(jobFor('http://127.0.0.1:1', 10), 2);
    await assert.rejects(starting, (error: LoadError) => error.code === 'connect');
  });

  test('stops before the start', async () => {
    const fleet = await startFleet(jobFor(echo.base, 10), 2);
    await fleet.stop();
    await assert.rejects(fleet.go());
  });

  test('a worker reads its job from the argument or from standard input', async () => {
    const job = JSON.stringify(jobFor(echo.base, 25));
    for (const [argument, input] of [
      [job, ''],
      [undefined, `${job}\n`],
    ] as const) {
      const { last, code } = await runWorker(argument, input);
      assert.equal(JSON.parse(last).sent, 25);
      assert.equal(code, 0);
    }
  });

  test('a worker ends when its parent process is gone', async () => {
    const { last, code } = await runWorker(JSON.stringify(jobFor(echo.base, 25, { hold: true })), '');
    assert.equal(JSON.parse(last).error.code, 'aborted');
    assert.equal(code, 1);
  });

  test('a worker reports an invalid job', async () => {
    for (const argument of ['{', '{}', '[]']) {
      const { last, code } = await runWorker(argument, '');
      assert.equal(JSON.parse(last).error.code, 'bad_job');
      assert.equal(code, 1);
    }
  });
});
