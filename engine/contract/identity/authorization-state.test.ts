import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTHORIZATION_LIFE_S, AuthorizationStates } from './authorization-state.ts';

const COOKIE = '__Host-fairline_authorization';
const SECRET = 'a secret of accounts, of 32 characters or more';

const pairOf = (cookie: string): string => cookie.split(';')[0] ?? '';

test('a login is found by its browser, for fifteen minutes', () => {
  let nowMs = 1_900_000_000_000;
  const states = new AuthorizationStates(COOKIE, SECRET, () => nowMs);
  const { authorization, cookie } = states.begin('');
  assert.match(cookie, /; Max-Age=900; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  assert.deepEqual(states.find(pairOf(cookie), authorization.state), authorization);
  nowMs += AUTHORIZATION_LIFE_S * 1_000 - 1;
  assert.deepEqual(states.find(pairOf(cookie), authorization.state), authorization);
  nowMs += 1;
  assert.equal(states.find(pairOf(cookie), authorization.state), undefined);
});

test('logins in several tabs have a cookie in common, and nothing else', () => {
  const states = new AuthorizationStates(COOKIE, SECRET);
  const first = states.begin('');
  const second = states.begin(pairOf(first.cookie));
  assert.equal(second.cookie, first.cookie);
  for (const { authorization } of [first, second])
    assert.deepEqual(states.find(pairOf(first.cookie), authorization.state), authorization);
  const values = [first, second].flatMap(({ authorization }) => Object.values(authorization));
  assert.equal(new Set(values).size, 6);
  for (const value of values)
    assert.match(value, /^[A-Za-z0-9_.-]{43,}$/, 'RFC 7636: 43 characters at least');
});

test('no other browser, secret, or state that was changed finds a login', () => {
  const states = new AuthorizationStates(COOKIE, SECRET);
  const { authorization, cookie } = states.begin('');
  const { state } = authorization;
  const other = states.begin('');
  assert.notEqual(other.cookie, cookie);
  assert.equal(states.find(pairOf(other.cookie), state), undefined);
  assert.equal(states.find('', state), undefined);
  assert.equal(states.find(`${pairOf(cookie)}x`, state), undefined);
  assert.equal(new AuthorizationStates(COOKIE, `${SECRET}!`).find(pairOf(cookie), state), undefined);
  const later = state.replace(/\.(\d)/, (_, digit: string) => `.${Number(digit) + 1}`);
  for (const wrong of ['', 'x', later, state.slice(1), `${state}x`, other.authorization.state])
    assert.equal(states.find(pairOf(cookie), wrong), undefined, wrong);
});
