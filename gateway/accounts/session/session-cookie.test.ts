import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SESSION_COOKIE, SessionCookies } from './session-cookie.ts';

const cookies = new SessionCookies('a secret of accounts, of 32 characters or more', 3_600);
const token = 'abcdefghijklmnopqrstuvwxyzABCDEF';

test('reads what it has written, among other cookies', () => {
  const pair = cookies.pair(token);
  assert.equal(cookies.read(pair), token);
  assert.equal(cookies.read(`a=b; ${pair}; c=d`), token);
  assert.equal(cookies.keep(token), `${pair}; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Lax`);
});

test('reads nothing that another secret has signed, or that was changed', () => {
  const other = new SessionCookies('another secret of 32 characters or more', 3_600);
  assert.equal(cookies.read(other.pair(token)), undefined);
  const pair = cookies.pair(token);
  const from = SESSION_COOKIE.length + 1;
  fc.assert(
    fc.property(fc.integer({ min: from, max: pair.length - 1 }), fc.string({ maxLength: 3 }), (at, text) => {
      const changed = pair.slice(0, at) + text + pair.slice(at + 1);
      const read = cookies.read(changed);
      // The escapes %2B and %2b are the same character.
      if (read !== undefined)
        assert.equal(decodeURIComponent(changed.split(';')[0] ?? ''), decodeURIComponent(pair));
    }),
    { numRuns: 2_000 },
  );
});

test('a clear removes the cookie only', () => {
  assert.equal(cookies.clear(), `${SESSION_COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`);
});
