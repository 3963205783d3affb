import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical.ts';

test('sorts members by UTF-16 code units, as the example of RFC 8785, section 3.2.3', () => {
  const value = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  };
  equal(
    canonicalJson(value),
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",' +
      '"\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  );
});

test('escapes strings as section 3.2.2.2 and writes no white space', () => {
  equal(
    canonicalJson({ b: ['\u20ac$\u000f\nA\'B"\\\\"/', null, true], a: -0 }),
    '{"a":0,"b":["\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/",null,true]}',
  );
});

test('refuses values without a canonical form', () => {
  for (const number of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    throws(() => canonicalJson([number]), /is not an integer/);
  }
  throws(() => canonicalJson({ a: '\ud83d' }), /half a surrogate pair/);
  throws(() => canonicalJson({ '\ude00': 1 }), /half a surrogate pair/);
});

test('ignores the order of insertion, and the value survives a round trip', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
  );
  const members = fc.uniqueArray(
    fc.tuple(
      fc.string({ unit: 'grapheme' }).filter(name => name !== '__proto__'),
      fc.oneof(leaf, fc.array(leaf)),
    ),
    { selector: ([name]) => name },
  );
  fc.assert(
    fc.property(members, pairs => {
      const text = canonicalJson(Object.fromEntries(pairs));
      equal(canonicalJson(Object.fromEntries(pairs.toReversed())), text);
      deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(Object.fromEntries(pairs))));
    }),
  );
});
