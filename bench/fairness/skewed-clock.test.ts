import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { skewed } from './skewed-clock.ts';

const run = promisify(execFile);

test('applies an offset and a rate', () => {
  assert.equal(skewed(5_000, 1_000, 0, 0), 5_000);
  assert.equal(skewed(5_000, 1_000, -200, 0), 4_800);
  assert.equal(skewed(1_001_000, 1_000, 200, 100), 1_001_300);
});

test('skews every clock of a process that loads it', async () => {
  const hours = 100;
  const text = `console.log(JSON.stringify([Date.now(), performance.now(), Number(process.hrtime.bigint() / 1000000n),
    process.hrtime()[0] * 1e3, process.hrtime(process.hrtime())[0]]))`;
  const preload = new URL('./skewed-clock.ts', import.meta.url).href;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const clocks = async (offset: string): Promise<number[]> => {
    const args = ['--import', import.meta.resolve('tsx'), '--import', preload, '-e', text];
    const { stdout } = await run(process.execPath, args, { env: { ...env, FAIRNESS_OFFSET_MS: offset } });
    return JSON.parse(stdout);
  };
  const [right, wrong] = [await clocks('0'), await clocks(String(hours * 3_600_000))];
  // The time between the two runs is less than a hundredth of the offset.
  const aheadHours = wrong.slice(0, 4).map((ms, index) => Math.round((ms - (right[index] ?? 0)) / 3_600_000));
  assert.deepEqual(aheadHours, [hours, hours, hours, hours]);
  assert.equal(wrong[4], 0, 'a duration is not skewed');
});
