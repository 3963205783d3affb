import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadError, loopback, parseJob } from './job.ts';

const job = {
  bases: ['http://127.0.0.1:3000'],
  path: '/v1/campaigns/7/entries',
  users: { from: 0, to: 10 },
  ticket: { secret: 's', audience: 'a' },
};

test('fills in defaults', () => {
  const parsed = parseJob(job);
  assert.equal(parsed.connections, 400);
  assert.equal(parsed.users.prefix, 'u');
  assert.equal(parsed.timeoutMs, 30_000);
  assert.equal(parsed.retry, false);
  assert.deepEqual(parsed.expect, { stamp: false, position: false });
  assert.equal('seconds' in parsed, false);
});

test('reports all faults of a job at once', () => {
  const bad = { ...job, path: 'x', connections: 0, ticket: { secret: 's' }, extra: 1 };
  assert.throws(
    () => parseJob(bad),
    (error: LoadError) =>
      error.code === 'bad_job' &&
      ['/path', '/connections', '/ticket', 'extra'].every(part => error.message.includes(part)),
  );
});

test('rejects a range of users that does not fit', () => {
  for (const users of [
    { from: 5, to: 5 },
    { from: 0, to: 1_001, digits: 3 },
    { from: 0, to: 5_000_000 },
  ]) {
    assert.throws(() => parseJob({ ...job, users }), LoadError);
  }
});

test('accepts loopback addresses only', () => {
  for (const base of [
    'http://example.org',
    'http://10.0.0.1:80',
    'https://127.0.0.1',
    'http://127.0.0.1.example.org:80',
    'http://127.0.0.1:80/path',
    'http://[::2]:80',
    'http://0.0.0.0:80',
    'nonsense',
  ]) {
    assert.throws(() => parseJob({ ...job, bases: [base] }), LoadError, base);
  }
  assert.deepEqual(loopback('http://localhost:81'), {
    host: '127.0.0.1',
    port: 81,
    authority: 'localhost:81',
  });
  assert.deepEqual(loopback('http://[::1]'), { host: '::1', port: 80, authority: '[::1]' });
});
