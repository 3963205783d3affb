import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jwtVerify } from 'jose';
import { Hmac } from '../../ticket/hmac.ts';
import { TicketVerifier } from '../../ticket/ticket.ts';
import { TicketMint } from './mint-ticket.ts';

const secret = 'a secret of tickets, 32 characters at least: ä';
const mint = new TicketMint({ secret, audience: 'fairline', lifetimeS: 600 });

test('jose and the gateway accept a ticket, until it expires', async () => {
  const nowS = 1_900_000_000.75;
  const ticket = mint.mint('aD4xQm81nTcVzKpR07LwYbEsJg2HfUoi', nowS);
  const key = new TextEncoder().encode(secret);
  const verified = await jwtVerify(ticket, key, {
    audience: 'fairline',
    currentDate: new Date(nowS * 1_000),
  });
  assert.deepEqual(verified.payload, {
    ...{ sub: 'aD4xQm81nTcVzKpR07LwYbEsJg2HfUoi', aud: 'fairline', exp: 1_900_000_600 },
  });
  const verifier = new TicketVerifier(new Hmac(secret), 'fairline');
  assert.deepEqual(verifier.verify(ticket, nowS).state, 'valid');
  assert.notEqual(verifier.verify(ticket, nowS + 601).state, 'valid');
});
