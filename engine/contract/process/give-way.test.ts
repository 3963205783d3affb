import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unlessLinux } from '../../test/support.ts';

/** The nice value of a process that was started with `from` and gives way to `to`. */
function niceAfter(from: number, to: number): number {
  const script = `import { getPriority } from 'node:os';
    import { giveWay } from ${JSON.stringify(join(import.meta.dirname, 'give-way.ts'))};
    giveWay(${to});
    console.log(getPriority());`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', script];
  return Number(execFileSync('nice', ['-n', String(from), ...node], { encoding: 'utf8' }));
}

const skip = unlessLinux('the priority of each thread');

test('gives way, and never less than it does already', { skip }, () => {
  const own = getPriority();
  assert.equal(niceAfter(0, 10), Math.max(own, 10));
  assert.equal(niceAfter(15, 10), Math.min(own + 15, 19));
});
