import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { jwtVerify, SignJWT } from 'jose';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { Hmac } from './hmac.ts';
import { TicketVerifier } from './ticket.ts';

const SECRET = 'a secret that is long enough for HS256';
const now = 1_800_000_000;
const verifier = new TicketVerifier(new Hmac(SECRET), 'fairline');

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function forge(header: unknown, claims: unknown, secret = SECRET): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const header = { alg: 'HS256', typ: 'JWT' };
const claims = { sub: 'alice', aud: 'fairline', exp: now + 60 };

function faultOf(ticket: string): string {
  const checked = verifier.verify(ticket, now);
  return checked.state === 'wrong' ? checked.fault.field : `valid: ${checked.userId}`;
}

test('a signed ticket is valid and names its user', async () => {
  const ticket = await signTicket('zoë & co', { secret: SECRET, audience: 'fairline', lifetimeSeconds: 60 });
  assert.deepEqual(verifier.verify(ticket, Date.now() / 1000), { state: 'valid', userId: 'zoë & co' });
});

test('rejects each invalid ticket by the invalid field', () => {
  const cases: [string, string][] = [
    ['', 'ticket'],
    ['no dots', 'ticket'],
    ['a.b', 'ticket'],
    [`${'x'.repeat(3000)}.y.z`, 'ticket'],
    [forge('not json', claims), 'ticket.header'],
    [forge({ alg: 'none' }, claims), 'ticket.alg'],
    [`${encode({ alg: 'none' })}.${encode(claims)}.`, 'ticket.alg'],
    [forge({ alg: 'RS256' }, claims), 'ticket.alg'],
    [forge({ alg: 'hs256' }, claims), 'ticket.alg'],
    [forge({ ...header, crit: ['b64'] }, claims), 'ticket.crit'],
    [forge(header, claims, 'another secret of enough characters'), 'ticket.signature'],
    [`${forge(header, claims)}A`, 'ticket.signature'],
    [forge(header, 'not json'), 'ticket.payload'],
    [forge(header, '[]'), 'ticket.payload'],
    [forge(header, 'null'), 'ticket.payload'],
    [forge(header, { ...claims, exp: undefined }), 'ticket.exp'],
    [forge(header, { ...claims, exp: 'tomorrow' }), 'ticket.exp'],
    [forge(header, { ...claims, exp: now }), 'ticket.exp'],
    [forge(header, { ...claims, nbf: now + 1 }), 'ticket.nbf'],
    [forge(header, { ...claims, aud: 'elsewhere' }), 'ticket.aud'],
    [forge(header, { ...claims, aud: undefined }), 'ticket.aud'],
    [forge(header, { ...claims, sub: undefined }), 'ticket.sub'],
    [forge(header, { ...claims, sub: '' }), 'ticket.sub'],
    [forge(header, { ...claims, sub: 7 }), 'ticket.sub'],
    [forge(header, { ...claims, sub: 'x'.repeat(129) }), 'ticket.sub'],
    [forge(header, { ...claims, sub: 'é'.repeat(65) }), 'ticket.sub'],
    [forge(header, { ...claims, sub: 'line\nbreak' }), 'ticket.sub'],
    [forge(header, { ...claims, sub: 'nul\u0000' }), 'ticket.sub'],
    [forge(header, '{"sub":"\\ud800","aud":"fairline","exp":1900000000}'), 'ticket.sub'],
  ];
  for (const [ticket, field] of cases) assert.equal(faultOf(ticket), field, ticket.slice(0, 200));
});

test('shows no part of a credential that may be valid elsewhere', () => {
  const others = [
    'fairline_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
    forge(header, claims, 'the secret of another service, long enough'),
    forge('not json, but long enough to be shown', claims),
    forge(header, 'not json, but long enough to be shown'),
  ];
  for (const ticket of others) {
    const checked = verifier.verify(ticket, now);
    const shown = JSON.stringify(checked);
    assert.equal(checked.state, 'wrong');
    for (let at = 0; at + 16 <= ticket.length; at++)
      assert.ok(!shown.includes(ticket.slice(at, at + 16)), shown);
  }
});

test('accepts the longest user id and one audience among several', () => {
  assert.equal(faultOf(forge(header, { ...claims, sub: 'é'.repeat(64) })), `valid: ${'é'.repeat(64)}`);
  assert.equal(faultOf(forge(header, { ...claims, aud: ['shop', 'fairline'] })), 'valid: alice');
});

test('detects a change of any character', () => {
  const ticket = forge(header, claims);
  for (let at = 0; at < ticket.length; at++) {
    const other = ticket[at] === 'x' ? 'y' : 'x';
    const changed = ticket.slice(0, at) + other + ticket.slice(at + 1);
    assert.equal(verifier.verify(changed, now).state, 'wrong', `changed at ${at}`);
  }
});

test('agrees with jose on what is valid', async () => {
  const key = new TextEncoder().encode(SECRET);
  const seconds = fc.integer({ min: -2, max: 2 });
  const audience = fc.constantFrom('fairline', 'elsewhere');
  await fc.assert(
    fc.asyncProperty(seconds, audience, fc.boolean(), async (lifetime, aud, right) => {
      const ticket = await new SignJWT({ aud, sub: 'alice', exp: now + lifetime })
        .setProtectedHeader(header)
        .sign(right ? key : new TextEncoder().encode('another secret of enough characters'));
      const theirs = await jwtVerify(ticket, key, {
        audience: 'fairline',
        currentDate: new Date(now * 1000),
      }).then(
        () => 'valid',
        () => 'wrong',
      );
      assert.equal(verifier.verify(ticket, now).state, theirs);
    }),
  );
});

test('answers any input without throwing', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), text => verifier.verify(text, now).state === 'wrong'));
  fc.assert(fc.property(fc.json(), json => verifier.verify(forge(header, json), now).state !== undefined));
});
