import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { KeyRing } from '../../engine/contract/keys/key-ring.ts';
import { newPrivateKey } from '../../engine/contract/keys/signing-keys.ts';
import { PassTokens } from './pass-tokens.ts';

const silent = pino({ level: 'silent' });
const claims = { sub: 'alice', campaign: 7, serial: 3, jti: 'code' };
const inMs = (ms: number): number => Date.now() + ms;

function tokens(key = newPrivateKey()): PassTokens {
  return new PassTokens(new KeyRing({ SIGNING_KEYS_DIR: '', SIGNING_KEY: key }, silent));
}

async function signed(by: PassTokens, kind: 'pass' | 'visit' = 'pass', more: Partial<typeof claims> = {}) {
  const token = await by.sign(kind, { ...claims, ...more }, inMs(60_000));
  assert.ok(token !== undefined);
  return token;
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
  const expired = await own.sign('pass', claims, inMs(-60_000));
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
    [expired ?? '', /an unexpired/],
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

test('signs nothing without a key, and publishes an empty key set', async () => {
  const none = tokens('');
  assert.equal(await none.sign('pass', claims, inMs(60_000)), undefined);
  assert.deepEqual(none.jwks(), { keys: [] });
  assert.equal(tokens().jwks().keys.length, 1);
});
