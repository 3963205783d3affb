/** The table of roles in OPERATING.md is that of the code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT } from '../test/program.ts';
import { permissions, ROLES } from './roles.ts';

test('OPERATING.md shows what each role may do', () => {
  const text = readFileSync(join(PROJECT, 'engine/OPERATING.md'), 'utf8');
  for (const [name, { roles, means }] of Object.entries(permissions)) {
    const allowed: readonly string[] = roles;
    const cells = ROLES.map(role => (allowed.includes(role) ? ' yes |' : ' |')).join('');
    assert.ok(text.includes(`| \`${name}\` |${cells} ${means} |`), `the row of ${name}`);
  }
});
