import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadError } from './job.ts';
import { ResponseReader } from './response.ts';

/** What a reader reports for these bytes, given in these pieces. */
function read(text: string, splits: readonly number[], ends = false): readonly string[] {
  const parsed: string[] = [];
  let body = '';
  const reader = new ResponseReader({
    head: ({ status, retryAfterMs, mediaType }) => parsed.push(`${status} ${retryAfterMs} ${mediaType}`),
    body: (bytes, start, end) => {
      body += bytes.toString('utf8', start, end);
    },
    done: () => {
      parsed.push(body);
      body = '';
    },
  });
  const bytes = Buffer.from(text);
  let from = 0;
  for (const to of [...splits, bytes.length]) {
    // With bytes behind the piece in memory that must not be read.
    const piece = Buffer.concat([bytes.subarray(from, to), Buffer.from('HTTP\r\n\r\n')]);
    reader.feed(piece, to - from);
    from = to;
  }
  if (ends) assert.equal(reader.end(), true);
  return parsed;
}

const ANSWERS =
  'HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json; charset=utf-8\r\nRETRY-AFTER: 2\r\n' +
  'Content-Length: 2\r\n\r\n{}' +
  'HTTP/1.1 100 Continue\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Type: text/event-stream\r\n\r\n' +
  '5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n' +
  'HTTP/1.1 204 No Content\r\n\r\n' +
  'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n' +
  'HTTP/1.1 200 OK\r\n\r\nto the end';

const PARSED = [
  '409 2000 application/problem+json',
  '{}',
  '200 -1 text/event-stream',
  'hello 0123456789',
  '204 -1 ',
  '',
  '202 -1 ',
  '',
  '200 -1 ',
  'to the end',
];

test('parses responses of every framing, split anywhere', () => {
  assert.deepEqual(read(ANSWERS, [], true), PARSED);
  for (let at = 1; at < ANSWERS.length; at++) assert.deepEqual(read(ANSWERS, [at], true), PARSED, `at ${at}`);
  const everywhere = Array.from({ length: ANSWERS.length - 1 }, (_, index) => index + 1);
  assert.deepEqual(read(ANSWERS, everywhere, true), PARSED);
});

test('rejects anything but HTTP/1.1', () => {
  const wrong = [
    'HTTP/2 200\r\n',
    'HTTP/1.1 999 No\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: many\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
  ];
  for (const text of wrong) assert.throws(() => read(text, []), LoadError, text.slice(0, 60));
});
