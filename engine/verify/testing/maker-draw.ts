/** The draw of a made book: computes every key and sorts all entrants. */
import { base64url, hmac, sha256, u32, u64 } from './basics.ts';
import type { EntryObject, Item } from './made.ts';
import { quicknetRound } from './quicknet-round.ts';

export interface DrawnEntry {
  readonly object: EntryObject;
  readonly item: Item;
}

/** Randomness, as announced and as revealed. */
export interface Reveal {
  readonly announced: object;
  readonly source: object;
  readonly randomness: Buffer;
}

const PERIOD_US = 3_000_000;

/**
 * `late`: an earlier round is announced, and the pool is frozen so late that by rule the real one follows, which is as far
 * behind the freeze as the announced one is behind the close.
 */
export function revealOf(kind: 'commit' | 'drand' | 'late', closesAtUs: number): Reveal {
  if (kind === 'commit') {
    const secret = sha256('the secret');
    const commitment = base64url(sha256('fairline commit 1', secret));
    return {
      announced: { source: 'commit', commitment },
      source: { secret: base64url(secret) },
      randomness: secret,
    };
  }
  const { chainHash, round, signature, randomness, knownUs } = quicknetRound;
  const earlier = kind === 'late' ? Math.ceil((knownUs - closesAtUs) / 2 / PERIOD_US) : 0;
  const frozen_at_us = closesAtUs + earlier * PERIOD_US;
  return {
    announced: { source: 'drand', chain_hash: chainHash, round: round - earlier },
    source: { ...(kind === 'late' ? { frozen_at_us } : {}), round, signature },
    randomness: Buffer.from(randomness, 'hex'),
  };
}

/** Decides who wins, writes it into the entries, and returns the parts for the book's end and the proof. */
export function drawOf(
  pool: readonly DrawnEntry[],
  { randomness, source }: Reveal,
  rulesHash: Buffer,
  poolRoot: Buffer,
  tiers: readonly number[],
  alternates: number,
  groupLimit: number | null,
) {
  const extracted = hmac(rulesHash, randomness);
  const seed = hmac(extracted, Buffer.from('fairline seed 1'), poolRoot, u64(pool.length), Uint8Array.of(1));
  const order = pool
    .filter(({ object }) => object.outcome !== 'excluded')
    .map(entry => ({ entry, key: keyOf(seed, entry) }))
    .sort((a, b) => Buffer.compare(a.key, b.key) || a.entry.item.stamp - b.entry.item.stamp);
  const tierOfSerial = tiers.flatMap((winners, tier) => Array.from({ length: winners }, () => tier));
  const inGroup = new Map<string, number>();
  const winners: object[] = [];
  const standIns: object[] = [];
  for (const { entry, key } of order) {
    const { object } = entry;
    if (groupLimit !== null && object.group !== undefined) {
      const count = inGroup.get(object.group) ?? 0;
      if (count >= groupLimit) continue;
      inGroup.set(object.group, count + 1);
    }
    const person = { stamp: object.stamp, who: object.who, key: base64url(key), tickets: object.tickets };
    if (winners.length < tierOfSerial.length) {
      object.outcome = 'won';
      object.serial = winners.length + 1;
      object.tier = tierOfSerial[winners.length] ?? 0;
      winners.push({ ...person, serial: object.serial, tier: object.tier });
    } else if (standIns.length < alternates) {
      object.outcome = 'alternate';
      object.alternate = standIns.length + 1;
      standIns.push({ ...person, alternate: object.alternate });
    } else break;
  }
  const facts = { randomness: base64url(randomness), seed: base64url(seed), source };
  return { facts, proof: { proof: 1, ...facts, winners, alternates: standIns } };
}

function keyOf(seed: Buffer, { object, item }: DrawnEntry): Buffer {
  const keys = Array.from({ length: object.tickets ?? 1 }, (_, ticket) => hmac(seed, item.leaf, u32(ticket)));
  return keys.reduce((least, key) => (Buffer.compare(key, least) < 0 ? key : least));
}
