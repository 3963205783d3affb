import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { makeCode } from './codes.ts';

test('encodes the bits from first to last', () => {
  equal(makeCode(Buffer.alloc(10)), '0000-0000-0000-0000');
  equal(makeCode(Buffer.alloc(10, 255)), 'ZZZZ-ZZZZ-ZZZZ-ZZZZ');
  // Five bytes are eight digits of five bits: the numbers 0 to 7, then 24 to 31.
  equal(makeCode(Buffer.from('00443214c7c675be77df', 'hex')), '0123-4567-RSTV-WXYZ');
});

test('uses the alphabet and never repeats a code', () => {
  const codes = new Set(Array.from({ length: 1_000 }, () => makeCode()));
  equal(codes.size, 1_000);
  for (const code of codes) match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
});
