import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programArguments } from '../test/program.ts';
import { stopAll } from './keeping/control.ts';

const CLI = fileURLToPath(new URL('cli.ts', import.meta.url));

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stack-cli-'));
});
after(async () => {
  await stopAll(dir, () => undefined);
  await rm(dir, { recursive: true, force: true });
});

function stack(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const servers = { DATABASE_URL: '', REDIS_URL: '', KAFKA_BROKERS: '', LOG: 'redis' };
  const done = spawnSync(process.execPath, [...programArguments(CLI), ...args, '--dir', dir], {
    encoding: 'utf8',
    env: { ...process.env, ...servers, ...env },
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test('up, status, down and wipe', () => {
  assert.equal(stack(['status']).code, 3);
  const up = stack(['up']);
  assert.equal(up.code, 0, up.err);
  const status = stack(['status']);
  assert.equal(status.code, 0);
  assert.match(
    status.out,
    /^PostgreSQL +up +127\.0\.0\.1:\d+ +pid \d+ +version 18\.\S+ +in the background$/m,
  );
  assert.match(status.out, /^Redis +up +127\.0\.0\.1:\d+ +pid \d+ +version \S+ +in the background$/m);
  assert.match(status.out, /export DATABASE_URL='postgres:\/\/\S+'$/m);
  assert.match(status.out, /export LOG='redis'$/m);
  assert.equal(stack(['down']).out, 'stopped PostgreSQL, Redis\n');
  const stopped = stack(['status']);
  assert.equal(stopped.code, 3);
  assert.match(stopped.out, /^PostgreSQL +down/m);
  assert.equal(stack(['down']).out, 'nothing was running\n');
  assert.match(stack(['wipe']).out, /deleted in .*: .*postgres, postgres\.json.*redis/);
  assert.equal(existsSync(join(dir, 'postgres')), false);
  assert.match(stack(['wipe']).out, /there was no data/);
});

test('answers an unknown command with the usage', () => {
  for (const args of [[], ['start'], ['up', 'now'], ['up', '--fast']]) {
    const refused = stack(args);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /up {6}start PostgreSQL/);
  }
});

test('an impossible start ends with the cause and the remedy', () => {
  const refused = stack(['up'], { LOG: 'rabbit' });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /LOG=rabbit is unknown\nwhat to do: use LOG=kafka or LOG=redis/);
});

test('names an unreadable record, and wipes it', async () => {
  await writeFile(join(dir, 'redis.json'), '{"ports":');
  const refused = stack(['up']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /redis\.json was not written by the stack/);
  assert.equal(stack(['wipe']).code, 0);
  assert.equal(existsSync(join(dir, 'redis.json')), false);
});
