import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EntryBody, readAny, readEntryBody, readFlat } from './entry-body.ts';

/** Reads the same text in both ways, placed between bytes that are not part of it. */
function readBoth(text: string): { flat: boolean; any: boolean; fromFlat: EntryBody; fromAny: EntryBody } {
  const bytes = Buffer.from(`}{"${text}"} 1`);
  const end = bytes.length - 4;
  const fromFlat = new EntryBody();
  const fromAny = new EntryBody();
  return { flat: readFlat(bytes, 3, end, fromFlat), any: readAny(bytes, 3, end, fromAny), fromFlat, fromAny };
}

test("reads fairline's responses without JSON.parse", () => {
  for (const text of [
    '{"campaign":7,"stamp":1234567890123,"position":null,"provisional":true,"estimated_position":12345}',
    '{ "campaign": 7, "stamp":   9007199254740, "position":  0, "kind": "coupon", "x": null, "y": false }',
  ]) {
    const { flat, any, fromFlat, fromAny } = readBoth(text);
    assert.ok(flat && any, text);
    assert.deepEqual(fromFlat, fromAny);
    assert.equal(fromFlat.campaign, 7);
  }
});

test('skips a receipt at the end, and leaves an unclosed one to JSON.parse', () => {
  const text =
    '{"campaign":7,"stamp":5,"position":null,"provisional":true,"estimated_position":3,"receipt":{"v":1,"stamp":6,"salt":"AA"}}';
  const { flat, any, fromFlat, fromAny } = readBoth(text);
  assert.ok(flat && any);
  assert.deepEqual(fromFlat, fromAny);
  assert.equal(fromFlat.stamp, 5);
  assert.equal(fromFlat.estimatedPosition, 3);
  for (const wrong of [text.slice(0, -1), '{"receipts":{}}', '{"stamp":5,"receipt":{}']) {
    assert.equal(readBoth(wrong).flat, false, wrong);
  }
});

test('reads the same as JSON.parse wherever the fast path applies', () => {
  const key = fc.constantFrom(
    'campaign',
    'stamp',
    'position',
    'provisional',
    'estimated_position',
    'x',
    'é',
    'a"b',
    '',
  );
  const value = fc.oneof(
    fc.maxSafeNat(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.string(),
    fc.array(fc.nat(), { maxLength: 2 }),
  );
  const pairs = fc.array(fc.tuple(key, value), { maxLength: 6 });
  const text = fc
    .tuple(
      pairs,
      fc.constantFrom('', ' '),
      fc.nat(),
      fc.constantFrom('', '0', '"', '}', ',', '{', 'e', '\\', ' '),
    )
    .map(([all, space, offset, damage]) => {
      const fields = all.map(([name, one]) => `${JSON.stringify(name)}:${space}${JSON.stringify(one)}`);
      const whole = `{${fields.join(`,${space}`)}}`;
      const at = offset % (whole.length + 1);
      return whole.slice(0, at) + damage + whole.slice(at);
    });
  fc.assert(
    fc.property(text, one => {
      const { flat, any, fromFlat, fromAny } = readBoth(one);
      if (!flat) return;
      assert.ok(any, one);
      assert.deepEqual(fromFlat, fromAny, one);
    }),
    { numRuns: 3_000 },
  );
});

test('rejects bodies that are not JSON objects', () => {
  const body = new EntryBody();
  for (const text of ['', '[]', '7', 'null', '{"stamp":1', '{"stamp":01}', 'accepted']) {
    assert.equal(readEntryBody(Buffer.from(text), 0, text.length, body), false, text);
  }
});
