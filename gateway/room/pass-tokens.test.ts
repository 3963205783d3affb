import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { pino } from 'pino';
import { KeyRing } from '../../engine/contract/keys/key-ring.ts';
import { newPrivateKey } from '../../engine/contract/keys/signing-keys.ts';
import { PassTokens } from './pass-tokens.ts';

const silent = pino({ level: 'silent' });
const claims = { sub: 'alice', campaign: 7, serial: 3, jti: 'code' };

function tokens(key = newPrivateKey(), nowMs: () => number = Date.now): PassTokens {
  return new PassTokens(new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: key }, silent), nowMs);
}

async function signed(by: PassTokens, kind: 'pass' | 'visit' = 'pass', more: Partial<typeof claims> = {}) {
  const given = await by.sign(kind, { ...claims, ...more }, 60_000);
  assert.ok(given !== undefined);
  return given.token;
}

test('a pass names the user, the campaign and the admission', async () => {
  const own = tokens();
  const checked = await own.verify('pass', 7, await signed(own));
  assert.ok('claims' in checked);
  const { sub, campaign, serial, jti } = checked.claims;
  assert.deepEqual({ sub, campaign, serial, jti }, claims);
});

test('another gateway accepts a pass with the same key, and rejects it with another key', async () => {
  const key = newPrivateKey();
  const token = await signed(tokens(key));
  assert.ok('claims' in (await tokens(key).verify('pass', 7, token)));
  const refused = await tokens().verify('pass', 7, token);
  assert.ok('fault' in refused);
  assert.match(refused.fault.expected, /jwks/);
});

test('reports why a pass is invalid, without printing the pass', async () => {
  const own = tokens();
  const expired = await own.sign('pass', claims, -60_000);
  const token = await signed(own);
  const [head = '', body = '', signature = ''] = token.split('.');
  const changed = Buffer.from(body, 'base64url').toString().replace('alice', 'mallory');
  const none = Buffer.from('{"alg":"none","typ":"fairline-pass+jwt"}').toString('base64url');
  const other = generateKeyPairSync('ed25519').privateKey;
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString());
  const forged = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'fairline-pass+jwt', kid })
    .setIssuer('fairline')
    .setAudience('fairline-room-7')
    .setExpirationTime('1h')
    .sign(other);
  const wrong: [string, RegExp][] = [
    [expired?.token ?? '', /an unexpired/],
    [await signed(own, 'pass', { campaign: 8 }), /campaign 7/],
    [await signed(own, 'visit'), /signed JWT/],
    [`${head}.${Buffer.from(changed).toString('base64url')}.${signature}`, /jwks/],
    [`${none}.${body}.`, /signed JWT/],
    [forged, /jwks/],
    ['', /signed JWT/],
    ['not.a.token', /signed JWT/],
    ['x'.repeat(10_000), /signed JWT/],
  ];
  for (const [given, expected] of wrong) {
    const checked = await own.verify('pass', 7, given);
    assert.ok('fault' in checked, given);
    assert.match(checked.fault.expected, expected, given);
    assert.equal(checked.fault.value, '(secret)');
  }
});

test('lives by the shared clock, whatever the clock of the machine shows', async () => {
  const key = newPrivateKey();
  const sharedMs = Date.now() + 86_400_000;
  const own = tokens(key, () => sharedMs);
  const given = await own.sign('visit', claims, 60_000);
  assert.ok(given !== undefined);
  assert.equal(given.expiresMs, sharedMs + 60_000);
  const { iat, exp } = decodeJwt(given.token);
  assert.deepEqual([iat, exp], [Math.floor(sharedMs / 1000), Math.floor(given.expiresMs / 1000)]);
  assert.ok('claims' in (await own.verify('visit', 7, given.token)));
  const later = await tokens(key, () => sharedMs + 63_000).verify('visit', 7, given.token);
  assert.ok('fault' in later);
  assert.match(later.fault.expected, /an unexpired/);
});

test('signs nothing without a key, and publishes an empty key set', async () => {
  const none = tokens('');
  assert.equal(await none.sign('pass', claims, 60_000), undefined);
  assert.deepEqual(none.jwks(), { keys: [] });
  assert.equal(tokens().jwks().keys.length, 1);
});
