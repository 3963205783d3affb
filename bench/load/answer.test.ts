import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answer, INCOMPLETE, readAnswer } from './answer.ts';

const TEXT =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRETRY-AFTER: 12\r\n' +
  'Connection: keep-alive, Close\r\ncontent-length:  2 \r\n\r\n{}';

test('a response is incomplete until its last byte, whatever follows in memory', () => {
  const answer = new Answer();
  const bytes = Buffer.from(`xx${TEXT}Transfer-Encoding: chunked\r\n`);
  for (let end = 2; end < 2 + TEXT.length; end++) {
    assert.equal(readAnswer(bytes, 2, end, answer), INCOMPLETE, `at ${end}`);
  }
  assert.equal(readAnswer(bytes, 2, bytes.length, answer), 2 + TEXT.length);
  assert.equal(answer.status, 503);
  assert.equal(answer.retryAfterMs, 12_000);
  assert.equal(answer.close, true);
  assert.equal(bytes.toString('latin1', answer.bodyStart, answer.bodyEnd), '{}');
});

test('one response leaves nothing behind for the next', () => {
  const answer = new Answer();
  readAnswer(Buffer.from(TEXT), 0, TEXT.length, answer);
  const next = Buffer.from('HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n');
  assert.equal(readAnswer(next, 0, next.length, answer), next.length);
  assert.equal(answer.status, 202);
  assert.equal(answer.retryAfterMs, -1);
  assert.equal(answer.close, false);
});

test('204 and 304 have no body, whatever their headers say', () => {
  const answer = new Answer();
  for (const status of ['204 No Content', '304 Not Modified']) {
    const bytes = Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\n`);
    assert.equal(readAnswer(bytes, 0, bytes.length, answer), bytes.length);
  }
});

test('reads Retry-After as a date from now, and ignores nonsense', () => {
  const answer = new Answer();
  const read = (value: string): number => {
    const bytes = Buffer.from(`HTTP/1.1 503 Busy\r\nRetry-After: ${value}\r\nContent-Length: 0\r\n\r\n`);
    readAnswer(bytes, 0, bytes.length, answer);
    return answer.retryAfterMs;
  };
  const inAnHour = read(new Date(Date.now() + 3_600_000).toUTCString());
  assert.ok(inAnHour > 3_000_000 && inAnHour <= 3_600_000);
  assert.equal(read(new Date(0).toUTCString()), 0);
  assert.equal(read('soon'), -1);
});

test('rejects an oversized head or body', () => {
  const answer = new Answer();
  const head = Buffer.from(`HTTP/1.1 202 Accepted\r\nX: ${'x'.repeat(20_000)}`);
  assert.throws(() => readAnswer(head, 0, head.length, answer), /a head over/);
  const body = Buffer.from('HTTP/1.1 202 Accepted\r\nContent-Length: 99999999\r\n\r\n');
  assert.throws(() => readAnswer(body, 0, body.length, answer), /a body over/);
});
