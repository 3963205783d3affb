import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionsError, readOptions } from './options.ts';

test('defaults to the documented demo', () => {
  assert.deepEqual(readOptions([]), {
    users: 20_000,
    watchers: 1_000,
    stock: 500,
    winners: 100,
    gateways: 1,
    log: undefined,
    json: false,
  });
});

test('accepts options in both spellings; watchers default to the users', () => {
  const options = readOptions(['--users', '300', '--stock=20', '--log', 'redis', '--json', '--gateways=3']);
  assert.deepEqual([options.users, options.watchers, options.stock, options.gateways], [300, 300, 20, 3]);
  assert.deepEqual([options.log, options.json], ['redis', true]);
});

test('reports every fault at once, with option, value and remedy', () => {
  const args = [
    '--speed=1',
    'x',
    '--users',
    '-5',
    '--stock=lots',
    '--gateways',
    '99',
    '--log=rabbit',
    '--winners',
  ];
  assert.throws(
    () => readOptions(args),
    (error: unknown) => {
      assert.ok(error instanceof OptionsError);
      const lines = error.message.split('\n');
      assert.equal(lines.length, 7, error.message);
      assert.match(error.message, /--stock is "lots"; expected a whole number from 1 to 1000000/);
      assert.match(error.message, /--gateways is "99"; expected a whole number from 1 to 16/);
      assert.match(error.message, /--log is "rabbit"; expected kafka or redis/);
      assert.match(error.message, /--winners is given without a value; expected a whole number/);
      assert.match(error.message, /--speed is not known/);
      return true;
    },
  );
  assert.throws(
    () => readOptions(['--users=10', '--watchers=11']),
    /--watchers is 11; expected at most --users, which is 10/,
  );
  assert.throws(() => readOptions(['--json=yes']), /--json is "yes"/);
});
