/**
 * One test vector: a draw from its inputs to its proof, through every step. ../vectors/VECTORS.md describes the members. Run as a
 * program, it regenerates vectors.json: node --import tsx engine/draw/testing/vector.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HASH_BYTES } from '../../contract/hashing/merkle.ts';
import { commitmentOf, deriveSecret } from '../commit.ts';
import { Draw } from '../draw.ts';
import { BATCH, type Entrant, PoolTree } from '../pool.ts';
import { proofParts } from '../proof.ts';
import { type Reveal, randomnessFrom } from '../reveal.ts';
import {
  type AnnouncedRandomness,
  DRAW_FUNCTION,
  type DrawRules,
  rulesHash,
  rulesText,
  winnersOf,
} from '../rules.ts';
import { drawSeed } from '../seed.ts';
import { TermsHasher } from '../terms.ts';

export interface Given {
  readonly campaign: number;
  readonly title: string;
  readonly opens_at_us: number;
  readonly closes_at_us: number;
  readonly salt_secret: string;
  readonly tiers: DrawRules['tiers'];
  readonly alternates: number;
  readonly group_limit: number | null;
  readonly randomness:
    | { readonly source: 'commit'; readonly draw_secret: string; readonly nonce: string }
    | {
        readonly source: 'drand';
        readonly chain_hash: string;
        readonly round: number;
        readonly signature: string;
      };
  readonly entrants: readonly GivenEntrant[];
}

export interface GivenEntrant {
  readonly user: string;
  readonly stamp: number;
  readonly tickets?: number;
  readonly group?: string;
  readonly excluded?: string;
}

export interface Expected {
  readonly rules: string;
  readonly rules_hash: string;
  readonly leaf_hashes: readonly string[];
  readonly pool_leaf_hashes: readonly string[];
  readonly pool_root: string;
  readonly randomness: string;
  readonly seed: string;
  readonly winners: readonly string[];
  readonly alternates: readonly string[];
  readonly proof: string;
}

export interface Vector {
  readonly about: string;
  readonly given: Given;
  readonly expected: Expected;
}

export const VECTORS_FILE = fileURLToPath(new URL('../vectors/vectors.json', import.meta.url));

export function readVectors(): readonly Vector[] {
  return JSON.parse(readFileSync(VECTORS_FILE, 'utf8'));
}

export function compute(given: Given): Expected {
  const { announced, reveal } = randomnessOf(given);
  const draw: DrawRules = {
    function: DRAW_FUNCTION,
    group_limit: given.group_limit,
    randomness: announced,
    tiers: given.tiers,
    alternates: given.alternates,
  };
  const rules = rulesText({
    kind: 'raffle',
    campaign: given.campaign,
    title: given.title,
    opensAtUs: given.opens_at_us,
    closesAtUs: given.closes_at_us,
    draw,
  });
  const entrants = given.entrants.map(entrantOf);
  const pool = new PoolTree(given.campaign, given.salt_secret);
  const leaves = batchesOf(entrants).map(batch => pool.add(batch).slice());
  const poolRoot = pool.root();
  const randomness = randomnessFrom(announced, reveal);
  const seed = drawSeed({ randomness, rulesHash: rulesHash(rules), poolRoot, poolCount: pool.count });
  const winners = winnersOf(draw);
  const under = new Draw<Entrant>({ size: winners + draw.alternates, groupLimit: draw.group_limit }, seed);
  for (const [index, batch] of batchesOf(entrants).entries()) {
    under.add(batch, leaves[index] ?? new Int32Array());
  }
  const drawn = under.drawn();
  const parts = proofParts({
    campaignId: given.campaign,
    saltSecret: given.salt_secret,
    rulesText: rules,
    // Ignored: the vector's round is the announced one.
    frozenAtUs: 0,
    draw,
    poolRoot,
    poolCount: pool.count,
    reveal,
    randomness,
    seed,
    drawn,
  });
  const leafHashes = leaves.flatMap(hashesOf);
  const hasher = new TermsHasher(given.campaign, given.salt_secret);
  const users = drawn.map(({ entrant }) => entrant.userId);
  return {
    rules,
    rules_hash: rulesHash(rules).toString('base64url'),
    leaf_hashes: leafHashes.map(leaf => leaf.toString('base64url')),
    pool_leaf_hashes: entrants.map((entrant, index) =>
      hasher.poolLeafHash(leafHashes[index] ?? Buffer.alloc(0), entrant).toString('base64url'),
    ),
    pool_root: poolRoot.toString('base64url'),
    randomness: randomness.toString('base64url'),
    seed: seed.toString('base64url'),
    winners: users.slice(0, winners),
    alternates: users.slice(winners),
    proof: parts.map(part => part()).join(''),
  };
}

function entrantOf(given: GivenEntrant): Entrant {
  return {
    userId: given.user,
    stamp: given.stamp,
    tickets: given.tickets ?? 1,
    group: given.group ?? null,
    excluded: given.excluded ?? null,
  };
}

function hashesOf(words: Int32Array): Buffer[] {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, index) =>
    bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

function batchesOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / BATCH) }, (_, index) =>
    all.slice(index * BATCH, (index + 1) * BATCH),
  );
}

function randomnessOf({ campaign, randomness }: Given): { announced: AnnouncedRandomness; reveal: Reveal } {
  if (randomness.source === 'drand') {
    const { chain_hash, round, signature } = randomness;
    return {
      announced: { source: 'drand', chain_hash, round },
      reveal: { source: 'drand', round, signature: Buffer.from(signature, 'hex') },
    };
  }
  const nonce = Buffer.from(randomness.nonce, 'base64url');
  const secret = deriveSecret(randomness.draw_secret, campaign, nonce);
  const commitment = commitmentOf(secret).toString('base64url');
  return { announced: { source: 'commit', commitment }, reveal: { source: 'commit', secret } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const vectors = readVectors().map(({ about, given }) => ({ about, given, expected: compute(given) }));
  writeFileSync(VECTORS_FILE, `${JSON.stringify(vectors, null, 2)}\n`);
}
