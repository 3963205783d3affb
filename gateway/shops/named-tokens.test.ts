/** What a gateway remembers of shops' tokens, over a ledger whose answers and time the test controls. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { LedgerUnavailable } from '../cold/ledger.ts';
import { type FoundToken, NamedTokens, OUTAGE_MS, TokensOverloaded, TRUSTED_MS } from './named-tokens.ts';

const DAY_MS = 86_400_000;
const hashOf = (name: string): Buffer => createHash('sha256').update(name).digest();

class Fixture {
  nowMs = 5_000;
  asked: number[] = [];
  noted: number[] = [];
  isDown = false;
  answers: Promise<void> = Promise.resolve();
  readonly rows = new Map<string, FoundToken>();
  readonly tokens = new NamedTokens({
    find: async hashes => {
      this.asked.push(hashes.length);
      if (this.isDown) throw new LedgerUnavailable('it is down');
      const found = hashes.flatMap(hash => this.rows.get(hash.toString('hex')) ?? []);
      await this.answers;
      return found;
    },
    noteUses: async ids => {
      this.noted.push(...ids);
    },
    nowMs: () => this.nowMs,
  });

  set(name: string, changes: Partial<FoundToken> = {}): Buffer {
    const secretHash = hashOf(name);
    const row = { tokenId: 1, shop: 'cycles', secretHash, expiresAt: new Date(DAY_MS), revokedAt: null };
    this.rows.set(secretHash.toString('hex'), { ...row, leftMs: DAY_MS, ...changes });
    return secretHash;
  }
}

async function over(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  const fixture = new Fixture();
  try {
    await work(fixture);
  } finally {
    fixture.tokens.close();
  }
}

test('a token in use costs its requests no query, and a thousand at once cost one', () =>
  over(async f => {
    const hash = f.set('a');
    assert.equal(f.tokens.held(hash), undefined);
    let answer: () => void = () => undefined;
    f.answers = new Promise(resolve => {
      answer = resolve;
    });
    const first = f.tokens.find(hash);
    const others = Array.from({ length: 1_000 }, () => f.tokens.find(hash));
    await assert.rejects(f.tokens.find(hash), TokensOverloaded);
    answer();
    assert.deepEqual(await first, { shop: 'cycles' });
    assert.deepEqual(
      [...new Set((await Promise.all(others)).map(each => JSON.stringify(each)))],
      ['{"shop":"cycles"}'],
    );
    assert.deepEqual(f.asked, [1, 1]);
    assert.deepEqual(f.tokens.held(hash), { shop: 'cycles' });
    assert.equal(f.asked.length, 2);
  }));

test('what was asked too long ago does not count, so a revocation is in effect within TRUSTED_MS', () =>
  over(async f => {
    const hash = f.set('a');
    await f.tokens.find(hash);
    f.set('a', { revokedAt: new Date(0) });
    f.nowMs += TRUSTED_MS;
    assert.deepEqual(f.tokens.held(hash), { shop: 'cycles' });
    f.nowMs += 1;
    assert.equal(f.tokens.held(hash), undefined);
    assert.deepEqual(await f.tokens.find(hash), { refused: 'was revoked at 1970-01-01T00:00:00.000Z' });
    assert.deepEqual(f.tokens.held(hash), { refused: 'was revoked at 1970-01-01T00:00:00.000Z' });
  }));

test('tokens in use are asked about by themselves, and their uses noted once a minute', () =>
  over(async f => {
    const hash = f.set('a', { tokenId: 7 });
    const other = f.set('b', { tokenId: 8, revokedAt: new Date(0) });
    await f.tokens.find(hash);
    await f.tokens.find(other);
    f.set('a', { tokenId: 7, shop: null });
    await eventually(() => {
      const held = f.tokens.held(hash);
      return held !== undefined && 'shop' in held && held.shop === null;
    });
    assert.ok(f.asked.includes(2), 'both in one statement');
    assert.deepEqual(f.noted, [7]);
  }));

test('expires by the monotonic clock, counted from that of the ledger', () =>
  over(async f => {
    const hash = f.set('a', { leftMs: 500 });
    assert.deepEqual(await f.tokens.find(hash), { shop: 'cycles' });
    f.nowMs += 499;
    assert.deepEqual(f.tokens.held(hash), { shop: 'cycles' });
    f.nowMs += 1;
    assert.deepEqual(f.tokens.held(hash), { refused: 'expired at 1970-01-02T00:00:00.000Z' });
    const past = f.set('b', { leftMs: -1 });
    assert.deepEqual(await f.tokens.find(past), { refused: 'expired at 1970-01-02T00:00:00.000Z' });
  }));

test('an outage of the ledger locks out no token that it confirmed within OUTAGE_MS, and lets in no other', () =>
  over(async f => {
    const hash = f.set('a');
    await f.tokens.find(hash);
    f.isDown = true;
    f.nowMs += OUTAGE_MS;
    assert.deepEqual(await f.tokens.find(hash), { shop: 'cycles' });
    await assert.rejects(f.tokens.find(hashOf('never shown')), LedgerUnavailable);
    f.nowMs += 1;
    await assert.rejects(f.tokens.find(hash), LedgerUnavailable);
    f.isDown = false;
    assert.deepEqual(await f.tokens.find(hash), { shop: 'cycles' });
  }));

test('a token that is not in the ledger is wrong, also one that was there before a restore', () =>
  over(async f => {
    const hash = f.set('a');
    await f.tokens.find(hash);
    f.rows.clear();
    f.nowMs += TRUSTED_MS + 1;
    assert.deepEqual(await f.tokens.find(hash), { refused: 'is wrong' });
    assert.equal(f.tokens.held(hash), undefined);
  }));
