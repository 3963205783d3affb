import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamParser } from './event-stream.ts';

function parse(text: string, splits: readonly number[], id = ''): readonly string[] {
  const parsed: string[] = [];
  const parser: EventStreamParser = new EventStreamParser(
    {
      event: (type, data) => parsed.push(`${type}|${data}|${parser.lastEventId}`),
      comment: () => parsed.push('comment'),
      retry: ms => parsed.push(`retry ${ms}`),
    },
    id,
  );
  const bytes = Buffer.from(text);
  let from = 0;
  for (const to of [...splits, bytes.length]) {
    const piece = Buffer.concat([bytes.subarray(from, to), Buffer.from('data: not to be read\n\n')]);
    parser.feed(piece, 0, to - from);
    from = to;
  }
  return parsed;
}

const STREAM =
  '\ufeffretry: 2500\n\n' +
  ': heartbeat\n\n' +
  'id: 7:1:5\r\nevent: position\r\ndata: {"ahead":5}\r\n\r\n' +
  'data:first\rdata: second\r\r' +
  'data\ndata\nid\n\n' +
  'id: 7:1:4\n\n' +
  'event: nothing\n\n' +
  'unknown: x\nretry: soon\nid: no\0\ndata: ünïcödé 漢字\n\n' +
  'data: never ended';

const PARSED = [
  'retry 2500',
  'comment',
  'position|{"ahead":5}|7:1:5',
  'message|first\nsecond|7:1:5',
  'message|\n|',
  'message|ünïcödé 漢字|7:1:4',
];

test('parses every kind of line, split anywhere, also within a character', () => {
  assert.deepEqual(parse(STREAM, []), PARSED);
  const length = Buffer.byteLength(STREAM);
  for (let at = 1; at < length; at++) assert.deepEqual(parse(STREAM, [at]), PARSED, `at ${at}`);
  assert.deepEqual(
    parse(
      STREAM,
      Array.from({ length: length - 1 }, (_, index) => index + 1),
    ),
    PARSED,
  );
});

test('keeps the previous id until there is another', () => {
  assert.deepEqual(parse('data: x\n\nid: 9\ndata: y\n\n', [], '8'), ['message|x|8', 'message|y|9']);
});

test('rejects an oversized line', () => {
  assert.throws(() => parse(`data: ${'x'.repeat(100_000)}`, []), /too long/);
});
