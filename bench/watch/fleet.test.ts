import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../../engine/test/program.ts';
import { LoadError } from '../load/job.ts';
import { TICKET } from '../load/testing/raw-server.ts';
import { startWatchers } from './fleet.ts';
import { ACCEPTED, GONE, outcome, startWatchServer, streamHead, type WatchServer } from './testing/job.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
const groups = (enter: 'post' | 'wait') => [{ campaign: 7, users: { from: 0, to: 5 }, enter }];

/** Runs a worker as from a shell, and returns its last line and exit code. */
function runWorker(argument: string, input = ''): Promise<{ last: string; code: number | null }> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [...programArguments(WORKER), argument], (_error, stdout) => {
      resolve({ last: stdout.trim().split('\n').at(-1) ?? '', code: child.exitCode });
    });
    child.stdin?.end(input);
  });
}

suite('a watcher process', () => {
  let gateway: WatchServer;
  before(async () => {
    gateway = await startWatchServer(({ method, user, socket, lastEventId }) => {
      if (method === 'POST') socket.write(ACCEPTED);
      else if (user.endsWith('4')) socket.write(streamHead());
      else
        socket.write(lastEventId === undefined ? streamHead() + outcome(1, { outcome: 'sold_out' }) : GONE);
    });
  });
  after(() => gateway.close());

  test('waits for the start, watches, and stops on request', async () => {
    const watchers = await startWatchers({ bases: [gateway.base], groups: groups('post'), ticket: TICKET });
    try {
      assert.equal(gateway.requests.length, 0);
      const watching = watchers.go();
      setTimeout(() => watchers.cut(), 1_000);
      const result = await watching;
      assert.deepEqual([result.ends.told, result.ends.limit], [4, 1]);
    } finally {
      await watchers.stop();
    }
  });

  test('accepts its job as an argument', async () => {
    const job = {
      bases: [gateway.base],
      groups: [{ ...groups('post')[0], users: { from: 0, to: 2 } }],
      ticket: TICKET,
    };
    const { last, code } = await runWorker(JSON.stringify(job));
    assert.equal(JSON.parse(last).ends.told, 2);
    assert.equal(code, 0);
  });

  test('ends when its parent process is gone', async () => {
    const job = { bases: [gateway.base], groups: groups('wait'), ticket: TICKET, hold: true };
    for (const input of ['', 'go\n']) {
      const { last, code } = await runWorker(JSON.stringify(job), input);
      assert.equal(JSON.parse(last).error.code, 'aborted');
      assert.equal(code, 1);
    }
  });

  test('reports an invalid job', async () => {
    for (const argument of ['{', '{}', '[]']) {
      const { last, code } = await runWorker(argument);
      assert.equal(JSON.parse(last).error.code, 'bad_job');
      assert.equal(code, 1);
    }
    const far = { bases: ['http://example.com'], groups: [], ticket: TICKET };
    await assert.rejects(startWatchers(far), (error: unknown) => error instanceof LoadError);
  });
});
