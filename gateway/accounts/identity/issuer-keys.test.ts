import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, jwtVerify } from 'jose';
import { pino } from 'pino';
import { Issuer, makeKey } from '../../../engine/contract/identity/testing/issuer.ts';
import { IssuerKeys, KeysUnavailable } from './issuer-keys.ts';

const MINUTE_MS = 60_000;
const log = pino({ level: 'silent' });

async function setUp() {
  const issuer = new Issuer([await makeKey('one')]);
  const state = { nowMs: 0, reads: 0, isAway: false };
  const read = async (): Promise<unknown> => {
    state.reads += 1;
    if (state.isAway) throw new Error('away');
    return issuer.jwks();
  };
  const keys = new IssuerKeys({ read, log, nowMs: () => state.nowMs });
  const check = async (token: string): Promise<unknown> =>
    (await jwtVerify(token, (header, jws) => keys.keyFor(header, jws))).payload.sub;
  return { issuer, state, check };
}

test('keys are read once, by all who wait for them, and again after five minutes', async () => {
  const { issuer, state, check } = await setUp();
  const token = await issuer.token('ada');
  await Promise.all(Array.from({ length: 20 }, () => check(token)));
  assert.equal(state.reads, 1);
  state.nowMs += 5 * MINUTE_MS;
  await check(token);
  assert.equal(state.reads, 1);
  state.nowMs += 1;
  await check(token);
  assert.equal(state.reads, 2);
});

test('keys that were read at the start suffice for the first token, although the provider is away by then', async () => {
  const issuer = new Issuer([await makeKey('one')]);
  let isAway = false;
  const read = async (): Promise<unknown> => {
    if (isAway) throw new Error('away');
    return issuer.jwks();
  };
  const keys = new IssuerKeys({ read, log });
  await keys.start();
  isAway = true;
  await jwtVerify(await issuer.token('ada'), (header, jws) => keys.keyFor(header, jws));
});

test('a new key is known with the first token that names it, a withdrawn one is believed for five minutes', async () => {
  const { issuer, state, check } = await setUp();
  const former = await issuer.token('ada');
  await check(former);
  state.nowMs += MINUTE_MS;
  issuer.keys = [await makeKey('two')];
  assert.equal(await check(former).then(() => 'good'), 'good');
  assert.equal(await check(await issuer.token('bob')), 'bob');
  await assert.rejects(check(former), errors.JWKSNoMatchingKey);
});

test('made-up keys have the keys read once in 30 seconds', async () => {
  const { issuer, state, check } = await setUp();
  const madeUp = await issuer.token('eve', { header: { kid: 'made up' } });
  for (let login = 0; login < 10; login++) await assert.rejects(check(madeUp), errors.JWKSNoMatchingKey);
  assert.equal(state.reads, 1);
  state.nowMs += 30_000;
  await assert.rejects(check(madeUp), errors.JWKSNoMatchingKey);
  await assert.rejects(check(madeUp), errors.JWKSNoMatchingKey);
  assert.equal(state.reads, 2);
});

test('keys outlive an outage of the provider, for a day', async () => {
  const { issuer, state, check } = await setUp();
  const token = await issuer.token('ada', { claims: { exp: Math.floor(Date.now() / 1_000) + 10 } });
  state.isAway = true;
  await assert.rejects(check(token), KeysUnavailable);
  state.isAway = false;
  await assert.rejects(check(token), KeysUnavailable, 'it was tried a moment ago');
  state.nowMs += 30_000;
  await check(token);
  const readAtMs = state.nowMs;
  state.isAway = true;
  while (state.nowMs < readAtMs + 24 * 60 * MINUTE_MS) {
    state.nowMs = Math.min(state.nowMs + 30 * MINUTE_MS, readAtMs + 24 * 60 * MINUTE_MS);
    assert.equal(await check(token), 'ada');
  }
  state.nowMs += 1;
  await assert.rejects(check(token), KeysUnavailable);
  state.isAway = false;
  state.nowMs += 30_000;
  assert.equal(await check(token), 'ada');
});

test('what is no JWK Set replaces no keys', async () => {
  const { issuer } = await setUp();
  let set: unknown = issuer.jwks();
  let nowMs = 0;
  const keys = new IssuerKeys({ read: async () => set, log, nowMs: () => nowMs });
  const token = await issuer.token('ada');
  const check = (): Promise<unknown> => jwtVerify(token, (header, jws) => keys.keyFor(header, jws));
  await check();
  for (const wrong of [undefined, 'maintenance', [], {}, { keys: 'none' }, { keys: [] }]) {
    set = wrong;
    nowMs += 10 * MINUTE_MS;
    await check();
  }
});

test('known keys are used at once while an issuer hangs', async () => {
  const { issuer } = await setUp();
  let nowMs = 0;
  let reads = 0;
  const hangs = new Promise<never>(() => undefined);
  const read = (): Promise<unknown> => (reads++ === 0 ? Promise.resolve(issuer.jwks()) : hangs);
  const keys = new IssuerKeys({ read, log, nowMs: () => nowMs });
  const token = await issuer.token('ada');
  for (let login = 0; login < 3; login++) {
    await jwtVerify(token, (header, jws) => keys.keyFor(header, jws));
    nowMs += 10 * MINUTE_MS;
  }
  assert.equal(reads, 2);
});

test('a key that is broken is an outage, whatever jose makes of it', async () => {
  const { issuer } = await setUp();
  const [good] = issuer.jwks().keys;
  const keys = new IssuerKeys({ read: async () => ({ keys: [{ ...good, x: 'AA' }] }), log });
  const token = await issuer.token('ada');
  await assert.rejects(
    jwtVerify(token, (header, jws) => keys.keyFor(header, jws)),
    KeysUnavailable,
  );
});
