import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag, helpOf, readOptions, UsageError, whole } from './options.ts';

const options = { rounds: whole(5, 1, 100, 'how often'), json: flag('for programs') };

function faultsOf(...args: string[]): string {
  try {
    readOptions(options, args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return '';
}

test('fills in defaults', () => {
  assert.deepEqual(readOptions(options, []), { rounds: 5, json: false });
  assert.deepEqual(readOptions(options, ['--rounds', '1', '--json']), { rounds: 1, json: true });
  assert.deepEqual(readOptions(options, ['--rounds=100']), { rounds: 100, json: false });
});

test('names a wrong value with the valid ones', () => {
  const right = 'expected a whole number from 1 to 100';
  for (const value of ['0', '101', '1.5', 'x', '']) {
    assert.equal(faultsOf(`--rounds=${value}`), `--rounds is "${value}"; ${right}`);
  }
  assert.equal(faultsOf('--rounds'), `--rounds is without a value; ${right}`);
  assert.equal(faultsOf('--json=yes'), '--json is "yes"; it takes no value');
  assert.match(faultsOf(`--rounds=${'9'.repeat(500)}`), /^.{0,200}$/);
});

test('reports all unknown options at once', () => {
  const right = 'expected one of --rounds, --json';
  assert.equal(
    faultsOf('--fast', 'now', '-x', '--rounds=0').replaceAll(/; expected a whole.*/g, ''),
    [
      `unknown option --fast; ${right}`,
      `"now" is not an option; ${right}`,
      `unknown option -x; ${right}`,
      '--rounds is "0"',
    ].join('\n'),
  );
});

test('the help shows each option with its default', () => {
  assert.equal(helpOf(options), '  --rounds 5  how often\n  --json      for programs');
});
