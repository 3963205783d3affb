import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Unreadable } from '../findings.ts';
import { base64url, canonical } from '../testing/basics.ts';
import { EntryReader, outcomes } from './entry-line.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(base64url);
const entry = fc.record(
  {
    alternate: fc.integer({ min: 1, max: 10_000_000 }),
    group: hash,
    leaf: fc.nat(),
    outcome: fc.constantFrom(...outcomes),
    reason: fc.string({ minLength: 1, unit: 'grapheme' }),
    serial: fc.integer({ min: 1, max: 1e9 }),
    slice: fc.nat(),
    source: fc.integer({ min: 0, max: 1 }),
    stamp: fc.maxSafeNat(),
    tickets: fc.integer({ min: 2, max: 1000 }),
    tier: fc.integer({ min: 0, max: 1000 }),
    who: hash,
  },
  { requiredKeys: ['leaf', 'outcome', 'slice', 'source', 'stamp', 'who'] },
);

function read(text: string) {
  const reader = new EntryReader(16);
  const bytes = Buffer.from(`#${text}#`);
  reader.read(bytes, 1, bytes.length - 1, 1);
  return reader.entry;
}

test('parses every entry', () => {
  fc.assert(
    fc.property(entry, one => {
      const line = read(canonical(one));
      assert.deepEqual(
        { ...line, group: undefined, who: base64url(line.who) },
        {
          alternate: one.alternate ?? -1,
          group: undefined,
          hasGroup: one.group !== undefined,
          leaf: one.leaf,
          outcome: one.outcome,
          reason: one.reason ?? '',
          serial: one.serial ?? -1,
          slice: one.slice,
          source: one.source,
          stamp: one.stamp,
          tickets: one.tickets ?? 1,
          tier: one.tier ?? -1,
          who: one.who,
        },
      );
      if (one.group !== undefined) assert.equal(base64url(line.group), one.group);
    }),
    { seed: 20260731 },
  );
});

const WHO = 'A'.repeat(43);
const RIGHT = `{"leaf":5,"outcome":"won","serial":1,"slice":0,"source":0,"stamp":123,"tier":0,"who":"${WHO}"}`;

test('rejects non-canonical or invalid lines, with the reason', () => {
  read(RIGHT);
  const wrong: readonly [string, RegExp][] = [
    [RIGHT.replace('"leaf":5', '"leaf":05'), /not JSON/],
    [RIGHT.replace('"leaf":5', '"leaf":5.0'), /not written as canonical JSON/],
    [
      RIGHT.replace('"leaf":5', '"leaf":-1'),
      /leaf in line 1 is -1; expected a whole number from 0 to 4294967295/,
    ],
    [RIGHT.replace('"leaf":5', '"leaf":4294967296'), /leaf in line 1 is 4294967296/],
    [RIGHT.replace('123', '9007199254740992'), /the number 9007199254740992; expected a safe integer/],
    [RIGHT.replace('123', '1e2'), /canonical/],
    [RIGHT.replace('"leaf":5,', ''), /leaf in line 1 is undefined/],
    [RIGHT.replace('"leaf":5,', '"leaf":5,"leaf":5,'), /canonical/],
    [RIGHT.replace(':5,', ': 5,'), /canonical/],
    [RIGHT.replace('"won"', '"lost"'), /outcome in line 1 is "lost"; expected granted or sold_out or/],
    [RIGHT.replace('"source":0', '"source":2'), /source in line 1 is 2/],
    [RIGHT.replace('"serial":1', '"serial":0'), /serial in line 1 is 0/],
    [RIGHT.replace('"tier":0', '"tickets":1,"tier":0'), /tickets in line 1 is 1/],
    [RIGHT.replace(WHO, WHO.slice(1)), /who in line 1 is/],
    [RIGHT.replace(WHO, `${WHO}A`), /who in line 1 is/],
    [RIGHT.replace(WHO, `${WHO.slice(1)}B`), /who in line 1 is/],
    [RIGHT.replace(WHO, `${WHO.slice(1)}+`), /who in line 1 is/],
    [RIGHT.replace('"who"', '"whom"'), /who in line 1 is undefined/],
    [RIGHT.replace('"tier":0', '"tier":0,"unknown":1'), /the unknown member "unknown"/],
    [RIGHT.replace('"serial"', '"reason":"","serial"'), /an empty reason/],
    [`${RIGHT} `, /canonical/],
    [RIGHT.slice(0, -1), /not JSON/],
    ['', /not JSON/],
    ['[]', /not a JSON object/],
    ['null', /not a JSON object/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(
      () => read(text),
      (error: unknown) => {
        assert.ok(error instanceof Unreadable, text);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('a line keeps nothing from the previous one', () => {
  const reader = new EntryReader(16);
  const withAll = Buffer.from(
    RIGHT.replace('{', `{"group":"${WHO}",`).replace('"slice"', '"reason":"x","slice"'),
  );
  // In canonical order its reason comes before the serial.
  const ordered = Buffer.from(canonical(JSON.parse(withAll.toString())));
  reader.read(ordered, 0, ordered.length, 1);
  assert.deepEqual([reader.entry.reason, reader.entry.hasGroup], ['x', true]);
  const plain = Buffer.from(
    `{"leaf":5,"outcome":"sold_out","slice":0,"source":0,"stamp":123,"who":"${WHO}"}`,
  );
  reader.read(plain, 0, plain.length, 2);
  const { reason, hasGroup, serial, tier, tickets, alternate } = reader.entry;
  assert.deepEqual([reason, hasGroup, serial, tier, tickets, alternate], ['', false, -1, -1, 1, -1]);
});
