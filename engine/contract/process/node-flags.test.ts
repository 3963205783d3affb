import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT } from '../../test/program.ts';
import { GATEWAY_FLAGS } from './node-flags.ts';

test('a gateway has the same flags however it is started', async () => {
  const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'));
  assert.ok(scripts.gateway.startsWith(`node ${GATEWAY_FLAGS.join(' ')} `), scripts.gateway);
  const compose = await readFile(join(PROJECT, 'docker-compose.yml'), 'utf8');
  assert.ok(compose.includes(`command: [node, ${GATEWAY_FLAGS.join(', ')}, gateway/main.ts]`));
});
