/**
 * A large ordinary book, for measuring writer and verifier. Made with one hash at a time, and kept as bytes, so that a
 * million entries take some seconds and 100 MB.
 */
import { createHash } from 'node:crypto';
import { base64url, canonical, hmac, linkTo, sha256, signed, signedHeadOf, u32, u64 } from './basics.ts';
import type { EpochObject } from './made.ts';
import { revealOf } from './maker-draw.ts';
import {
  bookSigner,
  CAMPAIGN,
  CLOSES_AT_US,
  EPOCH,
  incarnationOf,
  keyObject,
  OPENS_AT_US,
  sliceSigner,
} from './maker-world.ts';

const HASH_BYTES = 32;
export const GATEWAYS = 4;
const WINNERS = [1, 10, 100];
const ALTERNATES = 50;

export interface LargePlan {
  readonly kind: 'coupon' | 'raffle';
  readonly entries: number;
  readonly sliceItems: number;
}

export interface LargeEntry {
  readonly leaf: number;
  readonly slice: number;
  readonly source: 0;
  readonly stamp: number;
  readonly who: Buffer;
  readonly outcome: string;
  readonly serial?: number;
  readonly tier?: number;
  readonly alternate?: number;
}

interface Decision {
  readonly outcome: string;
  readonly serial?: number;
  readonly tier?: number;
  readonly alternate?: number;
}

export class LargeBook {
  readonly #plan: LargePlan;
  readonly #leaves: Buffer;
  readonly #decisions = new Map<number, Decision>();
  readonly heads: readonly Buffer[];
  readonly rules: Record<string, unknown>;
  readonly rulesHash: Buffer;
  readonly poolRoot: Buffer;
  readonly draw: { readonly randomness: Buffer; readonly seed: Buffer; readonly secret: Buffer } | undefined;

  constructor(plan: LargePlan) {
    this.#plan = plan;
    this.#leaves = Buffer.alloc(plan.entries * HASH_BYTES);
    for (let entry = 0; entry < plan.entries; entry++) this.#hashLeaf(entry);
    this.heads = Array.from({ length: GATEWAYS }, (_, gateway) => this.#headsOf(gateway)).flat();
    this.poolRoot = rootOver(plan.kind === 'raffle' ? this.#boundLeaves() : Buffer.from(this.#leaves));
    const stock = Math.ceil(plan.entries / 100);
    const { announced, randomness } = revealOf('commit', CLOSES_AT_US);
    const tiers = WINNERS.map((winners, tier) => ({ name: `prize ${tier}`, winners }));
    const draw = {
      alternates: ALTERNATES,
      function: 'fairline draw 2',
      group_limit: null,
      randomness: announced,
      tiers,
    };
    this.rules = {
      campaign: CAMPAIGN,
      closes_at_us: CLOSES_AT_US,
      kind: plan.kind,
      opens_at_us: OPENS_AT_US,
      title: 'A large drop',
      ...(plan.kind === 'raffle' ? { draw } : { stock }),
    };
    this.rulesHash = sha256(canonical(this.rules));
    if (plan.kind === 'raffle') {
      const info = [Buffer.from('fairline seed 1'), this.poolRoot, u64(plan.entries), Uint8Array.of(1)];
      const seed = hmac(hmac(this.rulesHash, randomness), ...info);
      this.draw = { randomness, seed, secret: randomness };
      this.#drawAll(seed);
    } else {
      for (let entry = 0; entry < stock; entry++)
        this.#decisions.set(entry, { outcome: 'granted', serial: entry + 1 });
    }
  }

  /** The leaf hashes of a slice, in its order. */
  leavesOf(slice: number): Buffer[] {
    const { sliceItems } = this.#plan;
    const { gateway, from } = this.#whereOf(slice);
    const leaves: Buffer[] = [];
    for (let index = from; index < from + sliceItems; index++) {
      const entry = index * GATEWAYS + gateway;
      if (entry >= this.#plan.entries) break;
      leaves.push(this.#leaves.subarray(entry * HASH_BYTES, (entry + 1) * HASH_BYTES));
    }
    return leaves;
  }

  *entries(): Generator<LargeEntry> {
    const perGateway = this.#slicesPerGateway();
    const otherwise = { outcome: this.#plan.kind === 'raffle' ? 'not_drawn' : 'sold_out' };
    for (let entry = 0; entry < this.#plan.entries; entry++) {
      const gateway = entry % GATEWAYS;
      const index = Math.floor(entry / GATEWAYS);
      yield {
        leaf: index % this.#plan.sliceItems,
        slice: (perGateway[gateway] ?? 0) + Math.floor(index / this.#plan.sliceItems),
        source: 0,
        stamp: stampOf(entry),
        who: whoOf(entry),
        ...(this.#decisions.get(entry) ?? otherwise),
      };
    }
  }

  /** The book as downloaded, uncompressed, in pieces. */
  *bytes(): Generator<Buffer> {
    const hash = createHash('sha256');
    const keys = [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')];
    const { epochs, rules } = this;
    const times = { closed_at_us: CLOSES_AT_US, until_us: CLOSES_AT_US };
    const header = { book: 2, campaign: CAMPAIGN, ...times, epochs, keys, rules };
    let text = `${canonical({ ...header, rules_hash: base64url(this.rulesHash) })}\n`;
    for (const head of this.heads) text += `{"head":"${base64url(head)}","others":[]}\n`;
    for (const entry of this.entries()) {
      text += `${canonical({ ...entry, who: base64url(entry.who) })}\n`;
      if (text.length < 1 << 20) continue;
      hash.update(text);
      yield Buffer.from(text);
      text = '';
    }
    hash.update(text);
    const { entries } = this.#plan;
    const draw = this.draw && {
      randomness: base64url(this.draw.randomness),
      seed: base64url(this.draw.seed),
      source: { secret: base64url(this.draw.secret) },
    };
    const end = {
      count: entries,
      draw,
      entries,
      lines: 1 + this.heads.length + entries,
      pool_root: base64url(this.poolRoot),
      slices: this.heads.length,
    };
    const message = Buffer.concat([
      Buffer.from('fairline book 2'),
      hash.digest(),
      Buffer.from(canonical(end)),
    ]);
    const signature = base64url(signed(bookSigner, message));
    yield Buffer.from(`${text}${canonical({ end, key: bookSigner.id.toString('hex'), signature })}\n`);
  }

  /** Every gateway is registered from the opening on, and signs nothing later. */
  get epochs(): EpochObject[] {
    const counts = Array.from({ length: GATEWAYS }, (_, gateway) =>
      Math.ceil(this.#entriesOf(gateway) / this.#plan.sliceItems),
    );
    const ends: [number, number][] = [];
    const quiet: [number, number][] = [];
    counts.forEach((count, gateway) => {
      if (count > 0) ends.push([gateway + 1, count]);
      else quiet.push([gateway + 1, gateway + 1]);
    });
    return [{ began_us: OPENS_AT_US, ends, epoch: EPOCH, last: GATEWAYS, quiet }];
  }

  /** The index at which each gateway's slices begin. */
  #slicesPerGateway(): number[] {
    let before = 0;
    return Array.from({ length: GATEWAYS }, (_, gateway) => {
      const from = before;
      before += Math.ceil(this.#entriesOf(gateway) / this.#plan.sliceItems);
      return from;
    });
  }

  #entriesOf(gateway: number): number {
    return Math.ceil((this.#plan.entries - gateway) / GATEWAYS);
  }

  #whereOf(slice: number): { readonly gateway: number; readonly from: number } {
    const starts = this.#slicesPerGateway();
    const gateway = starts.findLastIndex((start, index) => start <= slice && this.#entriesOf(index) > 0);
    return { gateway, from: (slice - (starts[gateway] ?? 0)) * this.#plan.sliceItems };
  }

  #headsOf(gateway: number): Buffer[] {
    const { sliceItems } = this.#plan;
    const heads: Buffer[] = [];
    const first = this.#slicesPerGateway()[gateway] ?? 0;
    const count = this.#entriesOf(gateway);
    for (let index = 0; index < count; index += sliceItems) {
      const last = heads.at(-1);
      const leaves = this.leavesOf(first + heads.length);
      const fields = {
        gateway,
        incarnation: incarnationOf(gateway + 1),
        sliceNumber: heads.length + 1,
        firstUs: instantOf(index * GATEWAYS + gateway),
        lastUs: instantOf((index + leaves.length - 1) * GATEWAYS + gateway),
        count: leaves.length,
        root: rootOver(Buffer.concat(leaves)),
        previous: last === undefined ? Buffer.alloc(HASH_BYTES) : linkTo(last),
      };
      heads.push(signedHeadOf(fields, sliceSigner));
    }
    return heads;
  }

  #hashLeaf(entry: number): void {
    const data = Buffer.concat([Uint8Array.of(0, 1, 0), u32(CAMPAIGN), u64(stampOf(entry)), whoOf(entry)]);
    sha256(data).copy(this.#leaves, entry * HASH_BYTES);
  }

  /** The leaves of a raffle's pool: everybody has one ticket, no group and no exclusion. */
  #boundLeaves(): Buffer {
    const bound = Buffer.from(this.#leaves);
    for (let at = 0; at < bound.length; at += HASH_BYTES) {
      const leaf = this.#leaves.subarray(at, at + HASH_BYTES);
      sha256(Uint8Array.of(0), leaf, Uint8Array.of(0, 1, 0, 0)).copy(bound, at);
    }
    return bound;
  }

  #drawAll(seed: Buffer): void {
    const wanted = WINNERS.reduce((sum, winners) => sum + winners, ALTERNATES);
    let best: { readonly key: Buffer; readonly entry: number }[] = [];
    for (let entry = 0; entry < this.#plan.entries; entry++) {
      const key = hmac(seed, this.#leaves.subarray(entry * HASH_BYTES, (entry + 1) * HASH_BYTES), u32(0));
      const worst = best.length < wanted ? undefined : best[wanted - 1];
      if (worst !== undefined && Buffer.compare(key, worst.key) > 0) continue;
      best.push({ key, entry });
      best.sort((a, b) => Buffer.compare(a.key, b.key) || a.entry - b.entry);
      best = best.slice(0, wanted);
    }
    const tiers = WINNERS.flatMap((winners, tier) => Array.from({ length: winners }, () => tier));
    best.forEach(({ entry }, index) => {
      const tier = tiers[index];
      this.#decisions.set(
        entry,
        tier === undefined
          ? { outcome: 'alternate', alternate: index - tiers.length + 1 }
          : { outcome: 'won', serial: index + 1, tier },
      );
    });
  }
}

function stampOf(entry: number): number {
  return entry * 1024 + (entry % GATEWAYS);
}

function instantOf(entry: number): number {
  return OPENS_AT_US + entry;
}

function whoOf(entry: number): Buffer {
  return sha256(u32(entry));
}

/** The root over consecutive leaf hashes, level by level; overwrites them. */
function rootOver(level: Buffer): Buffer {
  let count = level.length / HASH_BYTES;
  while (count > 1) {
    const pairs = count >>> 1;
    for (let pair = 0; pair < pairs; pair++) {
      sha256(Uint8Array.of(1), level.subarray(2 * pair * HASH_BYTES, 2 * (pair + 1) * HASH_BYTES)).copy(
        level,
        pair * HASH_BYTES,
      );
    }
    if (count % 2 === 1) level.copy(level, pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
    count = pairs + (count % 2);
  }
  return level.subarray(0, HASH_BYTES);
}
