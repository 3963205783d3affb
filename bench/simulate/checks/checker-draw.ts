/**
 * Repeats the draw for the checker. It was written from engine/draw/vectors/VECTORS.md alone, and uses node:crypto alone. It
 * handles a few entrants, each with one ticket and no group.
 */
import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { SALT_SECRET } from '../actors/gateway.ts';

interface Drawing {
  readonly campaignId: number;
  /** Canonical JSON. */
  readonly rules: string;
  /** The revealed randomness. */
  readonly randomness: Buffer;
  /** User and stamp, in stamp order. */
  readonly pool: readonly (readonly [string, number])[];
}

const ONE_TICKET = Buffer.of(0, 1);
const NO_GROUP = Buffer.of(0);
const NOT_EXCLUDED = Buffer.of(0);

function hash(...parts: readonly (string | Uint8Array)[]): Buffer {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

function uint(value: number, bytes: 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 4) buffer.writeUInt32BE(value);
  else buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}

/** The drawn users in order: winners, then alternates. Throws if the randomness differs from the commitment. */
export function drawAgain({ campaignId, rules, randomness, pool }: Drawing): readonly string[] {
  const { draw } = JSON.parse(rules);
  const commitment = hash('fairline commit 1', randomness).toString('base64url');
  if (draw.randomness.commitment !== commitment) throw new Error(`${commitment} is not what was announced`);
  const leaves = pool.map(([userId, stamp]) => {
    const salt = createHmac('sha256', SALT_SECRET)
      .update('fairline salt 1')
      .update(uint(campaignId, 4))
      .update(userId)
      .digest()
      .subarray(0, 16);
    const source = Math.floor(stamp / 1024) % 2;
    const head = Buffer.from([0, 1, source]);
    return hash(head, uint(campaignId, 4), uint(stamp, 8), hash(salt, userId));
  });
  const bound = leaves.map(leaf => hash(Buffer.of(0), leaf, ONE_TICKET, NO_GROUP, NOT_EXCLUDED));
  const info = Buffer.concat([Buffer.from('fairline seed 1'), rootOf(bound), uint(pool.length, 8)]);
  const seed = Buffer.from(hkdfSync('sha256', randomness, hash(rules), info, 32));
  const keyed = pool.map(([userId], index) => {
    const message = Buffer.concat([leaves[index] ?? Buffer.alloc(0), uint(0, 4)]);
    return { userId, key: createHmac('sha256', seed).update(message).digest() };
  });
  const tiers: readonly { readonly winners: number }[] = draw.tiers;
  const count = tiers.reduce((sum, tier) => sum + tier.winners, draw.alternates);
  return keyed
    .sort((a, b) => a.key.compare(b.key))
    .slice(0, count)
    .map(({ userId }) => userId);
}

/** The root over hashes of leaves (RFC 6962, section 2.1). */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return hash();
  if (leaves.length === 1) return first;
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return hash(Buffer.from([1]), rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}
