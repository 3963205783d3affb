import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Hmac } from './hmac.ts';
import { TicketVerifier } from './ticket.ts';
import { MOST_TICKETS, TicketBatch } from './ticket-batch.ts';

const SECRET = 'a secret that is long enough for HS256';
const NOW = 1_800_000_000;
const HEADER = { alg: 'HS256', typ: 'JWT' };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(input: string, secret = SECRET): string {
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

function ticketOf(claims: object, secret = SECRET): string {
  return sign(`${encode(HEADER)}.${encode(claims)}`, secret);
}

const claimsOf = (sub: string) => ({ sub, aud: 'fairline', exp: NOW + 60 });

function makeBatch(): { verifier: TicketVerifier; batch: TicketBatch } {
  const verifier = new TicketVerifier(new Hmac(SECRET), 'fairline');
  assert.equal(verifier.verify(ticketOf(claimsOf('first')), NOW).state, 'valid');
  return { verifier, batch: new TicketBatch(verifier, SECRET) };
}

const { verifier, batch } = makeBatch();

/** The user of one ticket, or undefined if it must be verified on its own. */
function verifiedUser(ticket: string): string | undefined {
  const userId = batch.take(ticket, NOW);
  const wrong = batch.check();
  return wrong.has(batch.lastId) ? undefined : userId;
}

test('accepts only what the verifier accepts, for the same user', () => {
  const claim = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constant(['fairline']));
  const claims = fc.record(
    {
      sub: fc.oneof(fc.string({ maxLength: 140 }), claim),
      aud: fc.oneof(fc.constant('fairline'), claim),
      exp: fc.oneof(fc.integer({ min: NOW - 1, max: NOW + 60 }), claim),
      nbf: fc.oneof(fc.integer({ min: NOW - 1, max: NOW + 1 }), claim),
      iss: fc.string({ maxLength: 300 }),
    },
    { requiredKeys: ['sub', 'aud', 'exp'] },
  );
  let acceptedCount = 0;
  fc.assert(
    fc.property(claims, fc.boolean(), (of, isForged) => {
      const ticket = ticketOf(of, isForged ? 'another secret of enough characters' : SECRET);
      const userId = verifiedUser(ticket);
      if (userId === undefined) return;
      acceptedCount += 1;
      assert.deepEqual(verifier.verify(ticket, NOW), { state: 'valid', userId });
    }),
    { numRuns: 3_000 },
  );
  assert.ok(acceptedCount > 10, `${acceptedCount} were accepted`);
});

test('checks tickets of one to eight blocks, and takes no longer ones', () => {
  for (let length = 1; length <= 128; length++) {
    const user = 'u'.repeat(length);
    assert.equal(verifiedUser(ticketOf(claimsOf(user))), user);
    assert.equal(verifiedUser(ticketOf(claimsOf(user), 'another secret of enough characters')), undefined);
  }
  for (let length = 0; length < 400; length++) {
    const ticket = ticketOf({ ...claimsOf('alice'), iss: 'x'.repeat(length) });
    const fits = ticket.length - 44 <= 503;
    assert.equal(verifiedUser(ticket), fits ? 'alice' : undefined, `${ticket.length} characters`);
  }
});

test('detects a change of any character', () => {
  const ticket = ticketOf(claimsOf('alice'));
  for (let at = 0; at < ticket.length; at++) {
    for (const other of ['x', 'y', '.', '\u0100', '\u00e9', ' ']) {
      if (ticket[at] === other) continue;
      const changed = ticket.slice(0, at) + other + ticket.slice(at + 1);
      assert.equal(verifiedUser(changed), undefined, `${other} at ${at}`);
    }
  }
  for (let at = 0; at < ticket.length; at++)
    assert.equal(verifiedUser(ticket.slice(0, at)), undefined, `cut at ${at}`);
});

test('names exactly the forged tickets of a batch', () => {
  const forged = fc.array(fc.boolean(), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(forged, fc.integer({ min: 1, max: 90 }), (areForged, longest) => {
      const taken = areForged.map((isForged, index) => {
        const user = `${index}${'u'.repeat((index * 7) % longest)}`;
        const ticket = ticketOf(claimsOf(user), isForged ? 'another secret of enough characters' : SECRET);
        assert.equal(batch.take(ticket, NOW), user);
        return { id: batch.lastId, isForged };
      });
      const wrong = batch.check();
      for (const { id, isForged } of taken) assert.equal(wrong.has(id), isForged);
      assert.equal(batch.check().size, 0);
    }),
    { numRuns: 50 },
  );
});

test('beyond its capacity, checks all tickets and names the forged ones', () => {
  const forged: number[] = [];
  for (let index = 0; index < 3 * MOST_TICKETS + 1; index++) {
    const isForged = index % 100 === 7;
    const user = `user-${1_000 + index}`;
    const ticket = ticketOf(claimsOf(user), isForged ? 'another secret of enough characters' : SECRET);
    assert.equal(batch.take(ticket, NOW), user);
    if (isForged) forged.push(batch.lastId);
  }
  assert.deepEqual([...batch.check()], forged);
  assert.equal(batch.check().size, 0);
});

test('takes nothing before a header was verified', () => {
  const fresh = new TicketVerifier(new Hmac(SECRET), 'fairline');
  const early = new TicketBatch(fresh, SECRET);
  const ticket = ticketOf(claimsOf('alice'));
  assert.equal(early.take(ticket, NOW), undefined);
  assert.equal(fresh.verify(ticket, NOW).state, 'valid');
  assert.equal(early.take(ticket, NOW), 'alice');
});
