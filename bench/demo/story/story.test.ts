import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { PROJECT } from '../../../engine/test/program.ts';
import { availableLogs, spawnNode } from '../../../engine/test/support.ts';
import { Closers } from '../site.ts';
import { runStory } from './story.ts';

// These run at once, each on servers of its own: most of the time they wait for the opening and for offers to lapse.
suite('the story, over two gateways', { concurrency: true }, () => {
  for (const log of availableLogs()) {
    test(`the log is ${log}`, async t => {
      const closers = new Closers();
      const dir = join(PROJECT, '.stack', `test-story-${process.pid}-${log}`);
      t.after(async () => {
        await closers.close();
        await rm(dir, { recursive: true, force: true });
      });
      const options = { gateways: 2, log, json: true };
      const report = await runStory({ options, dir, closers, onProgress: line => t.diagnostic(line) });
      assert.deepEqual(report.faults, []);
      assert.deepEqual(
        report.chapters.map(({ chapter }) => chapter),
        [
          '0. An owner, an operator, and fans',
          '1. The operator schedules',
          '2. The drop',
          '3. The raffle',
          '4. At the till',
          '5. The waiting room',
          '6. What anybody can check',
        ],
      );
      for (const { chapter, checks, faults } of report.chapters) {
        assert.ok(checks >= 4, `${chapter} has looked at ${checks} things`);
        assert.equal(faults, 0, chapter);
      }
      assert.deepEqual(report.counts, {
        'campaigns scheduled': 3,
        'coupons claimed': 2,
        'offers that lapsed': 1,
        'prizes won': 2,
        'prizes passed on to an alternate': 1,
        'uses redeemed and given back': 2,
        'people let into the shop': 6,
        'receipts verified': 12,
      });
      assert.equal(report.log, log);
    });
  }
});

test('wrong options of the story stop it before anything starts', async () => {
  const story = spawnNode('bench/demo/main.ts', {}, ['story', '--users', '7', '--log=paper']);
  story.ready.catch(() => undefined);
  assert.equal(await story.ended, 2);
  assert.match(story.output(), /--users is not known; --gateways, --log, --json are/);
  assert.match(story.output(), /--log is "paper"; expected kafka or redis/);
});
