import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnknownNetworks } from './network.ts';

test('warns with each thousand requests of which most have no network', () => {
  const warned: number[] = [];
  const unknown = new UnknownNetworks(share => warned.push(share));
  const count = (requests: number, network: string): void => {
    for (let each = 0; each < requests; each++) unknown.count(network);
  };
  count(500, '');
  count(500, '203.0.113.0');
  assert.deepEqual(warned, []);
  count(600, '');
  count(400, '203.0.113.0');
  count(999, '');
  assert.deepEqual(warned, [0.6]);
  count(1, '');
  assert.deepEqual(warned, [0.6, 1]);
});
