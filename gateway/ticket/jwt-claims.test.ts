import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Claims, scanClaims } from './jwt-claims.ts';

const known = ['sub', 'exp', 'aud', 'nbf'] as const;

/** The claims as JSON.parse reads them; 'no object' if there is none. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'no object';
    return Object.fromEntries(
      known.filter(key => Object.hasOwn(value, key)).map(key => [key, Reflect.get(value, key)]),
    );
  } catch {
    return 'no object';
  }
}

/** The claims as scanClaims reads them, without absent ones. */
function scanned(text: string): Claims | undefined {
  const bytes = Buffer.from(text, 'utf8');
  // The bytes after the text are left from an earlier one.
  const claims = scanClaims(Buffer.concat([bytes, Buffer.from('",}7')]), bytes.length, 'fairline');
  return claims && Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

function agrees(text: string): boolean {
  const claims = scanned(text);
  if (claims !== undefined) assert.deepEqual({ ...claims }, parsed(text), text);
  return claims !== undefined;
}

test('reads the usual forms', () => {
  for (const claims of [
    { sub: 'alice', aud: 'fairline', exp: 1_800_000_000 },
    { iss: 'shop', sub: 'zo & co', iat: 1, exp: 1_800_000_000, nbf: 0, aud: 'fairline', jti: 'a:b{c}' },
    { exp: 0, sub: '' },
  ]) {
    assert.equal(agrees(JSON.stringify(claims)), true, JSON.stringify(claims));
  }
});

test('the last of duplicate claims counts, as in JSON.parse', () => {
  assert.deepEqual({ ...scanned('{"sub":"a","sub":"b"}') }, { sub: 'b' });
});

test('leaves every other form to JSON.parse', () => {
  for (const text of [
    '',
    '{}',
    '[]',
    '{"sub":"a"',
    '{"sub":"a"}}',
    '{"sub":"a",}',
    '{"sub" :"a"}',
    '{"sub":"\\u0061"}',
    '{"sub":"zo\u00eb"}',
    '{"sub":"a\u0000"}',
    '{"exp":1.5}',
    '{"exp":-1}',
    '{"exp":01}',
    '{"exp":1e3}',
    '{"exp":1234567890123456}',
    '{"exp":}',
    '{"aud":["a"]}',
    '{"nbf":null}',
  ]) {
    assert.equal(scanned(text), undefined, text);
  }
});

test('reads the same as JSON.parse, or nothing', () => {
  const key = fc.constantFrom(...known, 'iat', 'Sub', '', '__proto__');
  const value = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.constant(null), fc.constant(['a']));
  fc.assert(
    fc.property(fc.dictionary(key, value), claims => void agrees(JSON.stringify(claims))),
    { numRuns: 500 },
  );
  // Nearly valid texts: pieces of JSON in any order.
  const piece = fc.constantFrom(
    '{',
    '}',
    '"',
    ':',
    ',',
    '\\',
    '0',
    '7',
    '"sub"',
    '"exp"',
    ' ',
    '[',
    'a',
    '"x":"y"',
    '"nbf":12',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => void agrees(pieces.join(''))),
    { numRuns: 20_000 },
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), pieces => void agrees(`{"sub":"a",${pieces.join('')}}`)),
    { numRuns: 20_000 },
  );
});
