import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { PROJECT } from '../../engine/test/program.ts';
import { availableLogs, spawnNode } from '../../engine/test/support.ts';
import { runDemo } from './demo.ts';
import { Closers } from './site.ts';

// These run at once, each on servers of its own: most of the time they wait for the opening and the close.
suite('a small demo over two gateways: everything adds up', { concurrency: true }, () => {
  for (const log of availableLogs()) {
    test(`the log is ${log}`, async t => {
      const closers = new Closers();
      const dir = join(PROJECT, '.stack', `test-demo-${process.pid}-${log}`);
      t.after(async () => {
        await closers.close();
        await rm(dir, { recursive: true, force: true });
      });
      const options = { users: 300, watchers: 20, stock: 30, winners: 10, gateways: 2, log, json: true };
      const report = await runDemo({ options, dir, closers, onProgress: line => t.diagnostic(line) });
      assert.deepEqual(report.faults, []);
      const { accepted, ranked, logged, settled, granted, winners, watchers, gateways } = report;
      assert.deepEqual([ranked, logged, settled], [accepted, accepted, accepted]);
      assert.ok(accepted >= 330);
      assert.deepEqual([granted, winners, watchers, gateways, report.log], [30, 10, 20, 2, log]);
      const { lost, duplicates, inversions, positionsBackward } = report;
      assert.deepEqual([lost, duplicates, inversions, positionsBackward], [0, 0, 0, 0]);
      assert.equal(report.proofVerified, true);
      assert.equal(report.receiptsVerified, accepted);
      assert.ok(report.watching.positions > 0 && report.watching.reloads > 0);
      assert.ok((report.answers['202'] ?? 0) > accepted - watchers, 'some users are answered twice');
    });
  }
});

test('wrong options stop it before anything starts', async () => {
  const demo = spawnNode('bench/demo/main.ts', {}, ['--gateways', '0', '--log=paper']);
  demo.ready.catch(() => undefined);
  assert.equal(await demo.ended, 2);
  assert.match(demo.output(), /--gateways is "0"; expected a whole number from 1 to 16/);
  assert.match(demo.output(), /--log is "paper"; expected kafka or redis/);
});
