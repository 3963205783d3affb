/**
 * An operator who has all keys and signs a book again after changing it: roots, chains, the roll of incarnations, and
 * everything that follows from the entries are consistent again. Only what a book must show can reveal the change, not a
 * signature.
 */
import { base64url, leafHashOf, linkTo, type Signer, signedHeadOf, treeRoot, u32, u64 } from './basics.ts';
import type { EntryObject, Parts } from './made.ts';
import { incarnationOf, OPENS_AT_US, sliceSigner } from './maker-world.ts';

export interface ForgedSlice {
  gateway: number;
  incarnation: number;
  sliceNumber: number;
  firstUs: number;
  lastUs: number;
  /** The data of its items; undefined if only its head is shown. */
  data: Buffer[] | undefined;
  count: number;
  root: Buffer;
  previous: Buffer;
  /** What the head says instead of what follows from the items, and who signs it instead. */
  told?: { readonly count?: number; readonly root?: Buffer };
  signer?: Signer;
}

const CAMPAIGN_AT = 2;
const ENTRY = 1;
const WITHDRAWAL = 2;

/** The 46 bytes of a leaf. */
export function dataOf(kind: number, campaign: number, stamp: number, who: Buffer, source = 0): Buffer {
  return Buffer.concat([Uint8Array.of(kind, source), u32(campaign), u64(stamp), who]);
}

export class Forger {
  readonly parts: Parts;
  slices: ForgedSlice[];
  /** Users with a withdrawal, in base64url. */
  readonly withdrew = new Set<string>();
  readonly #campaign: number;

  constructor(made: Parts) {
    this.parts = structuredClone(made);
    this.#campaign = made.header.campaign;
    this.slices = made.slices.map(({ head, others }, slice) => this.#read(head, others, slice));
  }

  get epoch(): Parts['header']['epochs'][number] {
    const epoch = this.parts.header.epochs[0];
    if (epoch === undefined) throw new Error('the book has no epoch');
    return epoch;
  }

  /** Signs all slices again, each continuing the previous one of its incarnation. */
  resign(): void {
    const last = new Map<number, Buffer>();
    this.parts.slices = this.slices.map(slice => {
      const { data, incarnation } = slice;
      const root = data === undefined ? slice.root : treeRoot(data.map(leafHashOf));
      const before = last.get(incarnation);
      const previous = before === undefined ? slice.previous : linkTo(before);
      const head = signedHeadOf(
        { ...slice, count: data?.length ?? slice.count, root, previous, ...slice.told },
        slice.signer ?? sliceSigner,
      );
      last.set(incarnation, head);
      return { head: base64url(head), ...(data === undefined ? {} : { others: this.#others(data) }) };
    });
  }

  /** Makes the lines of the entries from the slices, and the counts of the last line. */
  relist(outcomeOf: (index: number, who: string) => Partial<EntryObject>): void {
    const entries = this.slices.flatMap(({ data = [] }, slice) =>
      data.flatMap((one, leaf) => (this.#isLine(one) ? [{ one, slice, leaf }] : [])),
    );
    entries.sort((a, b) => stampOf(a.one) - stampOf(b.one));
    this.withdrew.clear();
    for (const one of this.slices.flatMap(({ data = [] }) => data))
      if (one[0] === WITHDRAWAL && one.readUInt32BE(CAMPAIGN_AT) === this.#campaign)
        this.withdrew.add(base64url(one.subarray(14)));
    this.parts.entries = entries.map(({ one, slice, leaf }, index): EntryObject => {
      const who = base64url(one.subarray(14));
      const declared = outcomeOf(index, who);
      return { leaf, outcome: 'sold_out', slice, source: one[1] ?? 0, stamp: stampOf(one), who, ...declared };
    });
    const pool = this.parts.entries.filter(({ outcome }) => outcome !== 'withdrawn');
    const leaves = pool.map(({ slice, leaf }) => this.slices[slice]?.data?.[leaf] ?? Buffer.alloc(0));
    const { end, moves } = this.parts;
    end.entries = this.parts.entries.length;
    end.slices = this.slices.length;
    end.lines = 1 + end.slices + end.entries + moves.length;
    end.count = pool.length;
    end.pool_root = base64url(treeRoot(leaves.map(leafHashOf)));
  }

  /** Makes the roll match the slices: no incarnation is missing, and chains end where they do. */
  retell(): void {
    const { epoch } = this;
    const untilUs = this.parts.header.until_us;
    const ends = new Map<number, number>();
    for (const { incarnation, sliceNumber, firstUs } of this.slices) {
      const number = incarnation - incarnationOf(0);
      ends.set(number, sliceNumber);
      if (firstUs >= untilUs) ends.delete(number);
      epoch.last = Math.max(epoch.last, number);
    }
    epoch.ends = [...ends].sort(([a], [b]) => a - b);
    const shown = new Set(this.slices.map(({ incarnation }) => incarnation - incarnationOf(0)));
    epoch.quiet = Array.from({ length: epoch.last }, (_, index) => index + 1)
      .filter(number => !shown.has(number))
      .map(number => [number, number]);
  }

  /** States an earlier close: the book ends there, and what was entered later has no line. */
  closeAt(closedAtUs: number): void {
    this.parts.header.closed_at_us = closedAtUs;
    this.parts.header.until_us = closedAtUs;
    const isBehind = ({ firstUs }: ForgedSlice): boolean => firstUs >= closedAtUs;
    this.slices = this.slices.filter((slice, index) => {
      const before = this.slices[index - 1];
      return !isBehind(slice) || before?.incarnation !== slice.incarnation || !isBehind(before);
    });
    for (const slice of this.slices.filter(isBehind)) slice.data = undefined;
    this.retell();
  }

  /** The first of a user's entries before the close has the line; the others are repeats. */
  #isLine(data: Buffer): boolean {
    if (data[0] !== ENTRY || data.readUInt32BE(CAMPAIGN_AT) !== this.#campaign) return false;
    const atUs = OPENS_AT_US + Math.floor(stampOf(data) / 1024);
    if (atUs >= this.parts.header.closed_at_us) return false;
    const who = data.subarray(14);
    return this.slices
      .flatMap(({ data: all = [] }) => all)
      .every(
        other =>
          other[0] !== ENTRY ||
          other.readUInt32BE(CAMPAIGN_AT) !== this.#campaign ||
          !other.subarray(14).equals(who) ||
          stampOf(other) >= stampOf(data),
      );
  }

  #others(data: readonly Buffer[]): [number, string][] {
    return data.flatMap((one, leaf): [number, string][] =>
      this.#isLine(one) ? [] : [[leaf, base64url(one)]],
    );
  }

  #read(text: string, others: readonly [number, string][] | undefined, slice: number): ForgedSlice {
    const head = Buffer.from(text, 'base64url');
    const count = head.readUInt32BE(20);
    const shown = new Map(
      others?.map(([leaf, data]): [number, Buffer] => [leaf, Buffer.from(data, 'base64url')]),
    );
    for (const entry of this.parts.entries) {
      if (entry.slice !== slice) continue;
      const who = Buffer.from(entry.who, 'base64url');
      shown.set(entry.leaf, dataOf(ENTRY, this.#campaign, entry.stamp, who, entry.source));
    }
    return {
      gateway: head.readUInt16BE(16),
      incarnation: Number(head.readBigUInt64BE(24)),
      sliceNumber: Number(head.readBigUInt64BE(32)),
      firstUs: Number(head.readBigUInt64BE(40)),
      lastUs: Number(head.readBigUInt64BE(48)),
      count,
      root: head.subarray(56, 88),
      previous: head.subarray(88, 120),
      data:
        others === undefined
          ? undefined
          : Array.from({ length: count }, (_, leaf) => shown.get(leaf) ?? Buffer.alloc(46)),
    };
  }
}

function stampOf(data: Uint8Array): number {
  return Number(Buffer.from(data).readBigUInt64BE(6));
}
