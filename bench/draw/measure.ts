/** One draw from entrants in memory to the text of its proof, and for comparison one call of node's hash per entrant. */
import { hash } from 'node:crypto';
import { leafData, saltOf, whoOf } from '../../engine/contract/record/leaf.ts';
import { ITEM_ENTRY } from '../../engine/contract/record/record.ts';
import { commitmentOf } from '../../engine/draw/commit.ts';
import { Draw } from '../../engine/draw/draw.ts';
import { BATCH, type Entrant, PoolTree } from '../../engine/draw/pool.ts';
import { proofParts } from '../../engine/draw/proof.ts';
import { DRAW_FUNCTION, type DrawRules, rulesHash, rulesText } from '../../engine/draw/rules.ts';
import { drawSeed } from '../../engine/draw/seed.ts';

const CAMPAIGN = 7;
const SALT_SECRET = 'a secret of salts for this bench only';
const SECRET = Buffer.alloc(32, 7);

/** Milliseconds. */
export interface Stages {
  /** Hashing every entry into its leaf, and the batches' trees. */
  readonly freeze: number;
  readonly root: number;
  readonly draw: number;
  readonly proof: number;
}

export interface Round {
  /** One `crypto.hash('sha256')` call per entrant, of the data of a leaf. */
  readonly hashes: number;
  readonly stages: Stages;
}

/** Entrants with ids as long as shops give them, each with `tickets` tickets. */
export function makeEntrants(count: number, tickets: number): Entrant[] {
  return Array.from({ length: count }, (_, index) => ({
    userId: `customer-${String(index).padStart(9, '0')}`,
    stamp: index * 1_031,
    tickets,
    group: null,
    excluded: null,
  }));
}

export function measureHashes(entrants: readonly Entrant[]): number {
  const who = whoOf(saltOf(SALT_SECRET, CAMPAIGN, 'x'), 'x');
  const data = leafData({ kind: ITEM_ENTRY, campaignId: CAMPAIGN, stamp: 0 }, who);
  const beganMs = performance.now();
  let characters = 0;
  for (const { stamp } of entrants) {
    data.writeUInt32BE(stamp % 4_294_967_296, 10);
    characters += hash('sha256', data).length;
  }
  if (characters !== 64 * entrants.length) throw new Error('a hash is not 64 characters of hex');
  return performance.now() - beganMs;
}

export function measureDraw(entrants: readonly Entrant[], winners: number): Stages {
  const draw: DrawRules = {
    function: DRAW_FUNCTION,
    group_limit: null,
    randomness: { source: 'commit', commitment: commitmentOf(SECRET).toString('base64url') },
    tiers: [{ name: 'prize', winners }],
    alternates: winners,
  };
  const rules = rulesText({
    kind: 'raffle',
    campaign: CAMPAIGN,
    title: 'bench',
    opensAtUs: 0,
    closesAtUs: 1,
    draw,
  });
  const marks = [performance.now()];
  const pool = new PoolTree(CAMPAIGN, SALT_SECRET);
  const leaves: Int32Array[] = [];
  for (let from = 0; from < entrants.length; from += BATCH) {
    leaves.push(pool.add(entrants.slice(from, from + BATCH)).slice());
  }
  marks.push(performance.now());
  const poolRoot = pool.root();
  marks.push(performance.now());
  const seed = drawSeed({
    randomness: SECRET,
    rulesHash: rulesHash(rules),
    poolRoot,
    poolCount: pool.count,
  });
  const under = new Draw<Entrant>({ size: 2 * winners, groupLimit: null }, seed);
  for (const [index, batch] of leaves.entries()) {
    under.add(entrants.slice(index * BATCH, (index + 1) * BATCH), batch);
  }
  const drawn = under.drawn();
  marks.push(performance.now());
  let characters = 0;
  const parts = proofParts({
    campaignId: CAMPAIGN,
    saltSecret: SALT_SECRET,
    rulesText: rules,
    frozenAtUs: 0,
    draw,
    poolRoot,
    poolCount: pool.count,
    reveal: { source: 'commit', secret: SECRET },
    randomness: SECRET,
    seed,
    drawn,
  });
  for (const part of parts) characters += part().length;
  marks.push(performance.now());
  if (drawn.length !== Math.min(2 * winners, entrants.length) || characters === 0) {
    throw new Error(`${drawn.length} were drawn of ${entrants.length}`);
  }
  const [began = 0, frozen = 0, rooted = 0, done = 0, proved = 0] = marks;
  return { freeze: frozen - began, root: rooted - frozen, draw: done - rooted, proof: proved - done };
}
