import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inMs, startApi, type TestApi, TOKEN } from '../api/testing/api.ts';
import { secretsFor } from '../contract/keys/secrets.ts';
import { keepMachineToken } from './machine-token.ts';

const DAY_MS = 86_400_000;

let api: TestApi;
let directory = '';
let file = '';
before(async () => {
  api = await startApi();
  directory = mkdtempSync(join(tmpdir(), 'fairline-machine-token-'));
  file = join(directory, 'operator-token');
});
after(async () => {
  rmSync(directory, { recursive: true });
  await api.close();
});

/** What a start leaves in the file. */
async function started(): Promise<string> {
  const fail = (line: string): never => assert.fail(line);
  await keepMachineToken({ engine: api.url, secret: TOKEN, file, say: fail });
  return readFileSync(file, 'utf8').trim();
}

async function tokenOfFile(): Promise<Record<string, unknown>> {
  const token = readFileSync(file, 'utf8').trim();
  const { body: who } = await api.call('GET', '/v1/operator', { token });
  return (await api.call('GET', `/v1/tokens/${who.token}`, { token })).body;
}

test('a start makes a named token of an owner, which later starts keep', async () => {
  const token = await started();
  assert.match(token, /^fairline_[\w-]{43}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const { name, role, made_by, expires_at, last_used_at } = await tokenOfFile();
  assert.match(String(name), /^npm start on .+, [0-9a-f]{8}$/);
  assert.deepEqual([role, made_by], ['owner', 'operator']);
  const lifeMs = Date.parse(String(expires_at)) - Date.now();
  assert.ok(lifeMs > 364 * DAY_MS && lifeMs < 366 * DAY_MS, String(expires_at));
  assert.notEqual(last_used_at, null);
  assert.equal(await started(), token);
});

test('a start replaces a token that was revoked, ends soon, or is none', async () => {
  const revoked = await started();
  const { id } = await tokenOfFile();
  await api.call('POST', `/v1/tokens/${id}/revoke`, { token: revoked });
  assert.equal((await api.call('GET', '/v1/operator', { token: revoked })).status, 401);
  const next = await started();
  assert.notEqual(next, revoked);
  const { status, body } = await api.call('POST', '/v1/tokens', {
    body: { name: 'ends soon', role: 'owner', expires_at: inMs(29 * DAY_MS) },
  });
  assert.equal(status, 201);
  for (const former of [String(body.token), 'a text', '']) {
    writeFileSync(file, former);
    assert.match(await started(), /^fairline_[\w-]{43}$/);
    assert.notEqual(await started(), former);
  }
});

test('an engine that makes none is asked again, and the file stays as it is', async () => {
  const token = await started();
  writeFileSync(file, 'a text');
  const said: string[] = [];
  const waits: number[] = [];
  const say = (line: string): void => void said.push(line);
  const later = (ms: number): void => void waits.push(ms);
  await keepMachineToken({ engine: api.url, secret: 'a-token-of-nobody', file, say, later });
  assert.match(said[0] ?? '', /^no token for this machine: The token .* is wrong\.; trying again$/);
  assert.deepEqual(waits, [60_000]);
  assert.equal(readFileSync(file, 'utf8'), 'a text');
  assert.equal((await api.call('GET', '/v1/operator', { token })).status, 200);
});

test('a secret that was in its place is kept in another file, and stays the secret', async () => {
  const dir = mkdtempSync(join(directory, 'stack-'));
  const place = join(dir, 'operator-token');
  writeFileSync(place, 'the-secret-of-an-older-start');
  assert.equal(secretsFor(dir, {}).OPERATOR_TOKEN, 'the-secret-of-an-older-start');
  assert.equal(existsSync(place), false);
  writeFileSync(place, `fairline_${'A'.repeat(43)}\n`);
  assert.equal(secretsFor(dir, {}).OPERATOR_TOKEN, 'the-secret-of-an-older-start');
  assert.ok(existsSync(place), 'a named token is left alone');
  assert.equal(secretsFor(dir, { OPERATOR_TOKEN: 'given' }).OPERATOR_TOKEN, 'given');
});
