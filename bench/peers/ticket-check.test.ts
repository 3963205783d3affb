import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { ticketCheck, userOf } from './ticket-check.ts';

const terms = {
  secret: 'a secret of at least thirty-two characters',
  audience: 'fairline',
  lifetimeSeconds: 60,
};
const check = ticketCheck(terms.secret, terms.audience);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(header: unknown, claims: unknown): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', terms.secret).update(signed).digest('base64url')}`;
}

test('accepts a ticket signed by jose until it expires', async () => {
  const ticket = await signTicket('ann', terms);
  assert.equal(userOf(check, ticket, Date.now()), 'ann');
  assert.equal(userOf(check, ticket, Date.now() + 61_000), undefined);
});

test('rejects foreign tickets', async () => {
  const ticket = await signTicket('ann', terms);
  const exp = Math.floor(Date.now() / 1_000) + 60;
  const claims = { sub: 'ann', aud: terms.audience, exp };
  assert.equal(userOf(check, sign({ alg: 'HS256' }, claims), Date.now()), 'ann');
  for (const bad of [
    '',
    'a.b',
    `${ticket}.x`,
    `${ticket.slice(0, -2)}AA`,
    `${part({ alg: 'none' })}.${part(claims)}.`,
    sign({ alg: 'HS512' }, claims),
    sign({ alg: 'HS256' }, { ...claims, aud: 'another' }),
    sign({ alg: 'HS256' }, { ...claims, exp: undefined }),
    sign({ alg: 'HS256' }, { ...claims, sub: 7 }),
    await signTicket('ann', { ...terms, secret: 'another secret of at least thirty-two characters' }),
  ]) {
    assert.equal(userOf(check, bad, Date.now()), undefined, bad);
  }
});
