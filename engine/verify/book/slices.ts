/**
 * The slice lines of a book: each head's signature, the chain of each gateway's heads, and, once all entries are read, the
 * root of each slice from the leaves in the book.
 */
import { type Findings, Unreadable } from '../findings.ts';
import type { HashJobs } from '../hashing/hash-jobs.ts';
import { HASH_BYTES } from '../hashing/lanes.ts';
import { HASH_WORDS, HashList } from '../hashing/merkle.ts';
import { IS_OTHER, NOWHERE } from '../hashing/slice-roots.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { linkOf, nameOf, readHead, type SignedHead } from '../receipts/head.ts';
import type { Signers } from '../receipts/keys.ts';
import { gatewayOf } from '../receipts/leaf.ts';
import { areEqual } from '../text/bytes.ts';
import { float64, uint8, uint16, uint32 } from '../text/columns.ts';
import { Members, parseCanonical } from '../text/json.ts';
import type { Chains } from './chains.ts';
import type { Others } from './others.ts';

/** The entries' data that the roots need. */
export interface PlacedEntries {
  readonly count: number;
  readonly slice: (entry: number) => number;
  readonly leaf: (entry: number) => number;
  readonly leaves: HashList;
}

/** Items hashed as one job, in some milliseconds. */
const ITEMS_A_JOB = 32_768;

export interface SlicesOptions {
  readonly primitives: Primitives;
  readonly limits: Limits;
  readonly signers: Signers;
  readonly findings: Findings;
  readonly jobs: HashJobs;
  readonly chains: Chains;
  readonly others: Others;
  /** Called with each head in order, and its index. */
  readonly onHead: (head: SignedHead, text: string, index: number) => void;
}

export class Slices {
  readonly #options: SlicesOptions;
  readonly #counts = uint32();
  readonly #gateways = uint16();
  readonly #firstUs = float64();
  readonly #lastUs = float64();
  readonly #lines = uint32();
  readonly #hasItems = uint8();
  readonly #entries = uint32();
  readonly #roots = new HashList();
  readonly #gatewaysSeen = new Set<number>();
  #signatures: Promise<void>[] = [];
  #last: SignedHead | undefined;
  /** Where the slots of each slice begin; NOWHERE if its root is not computed. */
  #starts: Float64Array = new Float64Array(0);
  /** The roots of these slices, HASH_WORDS words per slice. */
  #computed: Uint32Array = new Uint32Array(0);

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#counts.count;
  }

  get others(): Others {
    return this.#options.others;
  }

  get gateways(): number {
    return this.#gatewaysSeen.size;
  }

  /** Reads the slice line `number`. Throws Unreadable; adds other problems as findings. */
  add(bytes: Uint8Array, number: number): void {
    const { chains, limits, onHead } = this.#options;
    const what = `line ${number}`;
    if (this.count === limits.slices)
      throw new Unreadable('too-large', `the book has more than ${limits.slices} slices`);
    const members = new Members(parseCanonical(bytes, what, limits.depth), what);
    const text = members.text('head', limits.lineBytes);
    const head = readHead(text, what);
    const others = members.has('others') ? members.array('others', head.count) : undefined;
    members.end();
    this.#checkOrder(head, what);
    chains.take(head, others !== undefined, what);
    this.#checkSignature(head, what);
    this.#keep(head, number, others !== undefined);
    this.others.take(others, head, number);
    onHead(head, text, this.count - 1);
  }

  /** Takes the claim of the entry on line `line` that it is in `slice`. */
  takeEntry(slice: number, stamp: number, instantUs: number, line: number): void {
    const { findings } = this.#options;
    if (slice >= this.count) {
      findings.add('slice-items', `line ${line} names slice ${slice}, but the book has ${this.count}`);
      return;
    }
    this.#entries.add(slice, 1);
    if (gatewayOf(stamp) !== this.#gateways.at(slice)) {
      findings.add(
        'wrong-gateway',
        `line ${line} has a stamp of gateway ${gatewayOf(stamp)}, but ${this.#name(slice)} is of another`,
      );
    }
    if (instantUs < this.#firstUs.at(slice) || instantUs > this.#lastUs.at(slice)) {
      findings.add('slice-instant', `line ${line} was stamped outside the instants of ${this.#name(slice)}`);
    }
  }

  /** The number of signatures being checked. */
  get pending(): number {
    return this.#signatures.length;
  }

  /** Waits for running signature checks. */
  async settle(): Promise<void> {
    const under = this.#signatures;
    this.#signatures = [];
    await Promise.all(under);
  }

  /** Puts every leaf in its place and starts computing each slice's root; `checkRoots` completes it. */
  beginRoots(entries: PlacedEntries): void {
    const starts = this.#startsOfWhole();
    const slots = new Uint32Array(this.#options.jobs.memory(4 * starts.total));
    for (let entry = 0; entry < entries.count; entry++) {
      const slice = entries.slice(entry);
      this.#place(slots, starts.of, slice, entries.leaf(entry), entry + 1);
    }
    for (let slice = 0; slice < this.count; slice++) {
      const [from, to] = this.others.rangeOf(slice);
      for (let other = from; other < to; other++)
        this.#place(slots, starts.of, slice, this.others.leafOf(other), (other + 1) | IS_OTHER);
    }
    for (let slice = 0; slice < this.count; slice++) {
      const start = starts.of[slice] ?? NOWHERE;
      // A leaf claimed twice leaves another place empty; that was reported already.
      const isWhole = start !== NOWHERE && !slots.subarray(start, start + this.#counts.at(slice)).includes(0);
      if (!isWhole) starts.of[slice] = NOWHERE;
    }
    this.#starts = starts.of;
    this.#handOut(slots, entries.leaves);
  }

  /** Compares the computed roots with those in the heads, once the jobs are done. */
  checkRoots(): void {
    const computed = new Uint8Array(this.#computed.buffer);
    for (let slice = 0; slice < this.count; slice++) {
      if (this.#starts[slice] === NOWHERE) continue;
      const root = computed.subarray(slice * HASH_BYTES, (slice + 1) * HASH_BYTES);
      if (areEqual(root, this.#roots.at(slice))) continue;
      this.#options.findings.add(
        'slice-root',
        `the leaves of ${this.#name(slice)} do not give the root in its signed head: an item was changed, or the head is of another slice`,
      );
    }
  }

  /** Starts the jobs of the slices, with about ITEMS_A_JOB items each. */
  #handOut(slots: Uint32Array, leaves: HashList): void {
    const { jobs } = this.#options;
    this.#computed = new Uint32Array(jobs.memory(this.count * HASH_BYTES));
    let from = 0;
    let items = 0;
    for (let slice = 0; slice < this.count; slice++) {
      if (this.#starts[slice] !== NOWHERE) items += this.#counts.at(slice);
      if (items < ITEMS_A_JOB && slice + 1 < this.count) continue;
      jobs.add({
        kind: 'roots',
        starts: this.#starts.slice(from, slice + 1),
        counts: this.#counts.slice(from, slice + 1),
        slots,
        leaves: leaves.pieces,
        others: this.others.hashes.pieces,
        roots: this.#computed.subarray(from * HASH_WORDS, (slice + 1) * HASH_WORDS),
      });
      from = slice + 1;
      items = 0;
    }
  }

  #checkOrder(head: SignedHead, what: string): void {
    const { findings, primitives } = this.#options;
    const last = this.#last;
    this.#last = head;
    this.#gatewaysSeen.add(head.gateway);
    if (last === undefined) return;
    const difference =
      head.gateway - last.gateway ||
      head.incarnation - last.incarnation ||
      head.sliceNumber - last.sliceNumber;
    if (difference === 0) {
      findings.add('slice-forked', `${what}: ${nameOf(head)} is in the book twice`);
    } else if (difference < 0) {
      findings.add('slice-order', `${what}: ${nameOf(head)} follows ${nameOf(last)}`);
    } else if (head.gateway === last.gateway && head.incarnation === last.incarnation) {
      if (areEqual(head.previous, linkOf(last, primitives))) return;
      if (areEqual(head.previous, last.previous)) {
        findings.add(
          'slice-forked',
          `${what}: ${nameOf(head)} continues the same slice as ${nameOf(last)}: a fork`,
        );
      } else findings.add('slice-chain', `${what}: ${nameOf(head)} does not continue ${nameOf(last)}`);
    }
  }

  #checkSignature(head: SignedHead, what: string): void {
    const { findings, primitives, signers } = this.#options;
    const key = signers.keyFor(head.keyId, 'slices', head.lastUs, `${what}, ${nameOf(head)},`);
    if (key === undefined) return;
    this.#signatures.push(
      primitives.verifyEd25519(key.bytes, head.signed, head.signature).then(isGood => {
        if (!isGood)
          findings.add('slice-signature', `${what}: ${nameOf(head)} is not signed by its key ${head.keyId}`);
      }),
    );
  }

  #keep(head: SignedHead, number: number, hasItems: boolean): void {
    this.#counts.push(head.count);
    this.#gateways.push(head.gateway);
    this.#firstUs.push(head.firstUs);
    this.#lastUs.push(head.lastUs);
    this.#lines.push(number);
    this.#hasItems.push(hasItems ? 1 : 0);
    this.#entries.push(0);
    this.#roots.add(head.root);
  }

  /** Where the slots of each slice begin, for slices with exactly as many leaves as their head counts. */
  #startsOfWhole(): { readonly of: Float64Array; readonly total: number } {
    const of = new Float64Array(this.count).fill(NOWHERE);
    let total = 0;
    for (let slice = 0; slice < this.count; slice++) {
      const [from, to] = this.others.rangeOf(slice);
      const inBook = this.#entries.at(slice) + to - from;
      const isBare = this.#hasItems.at(slice) === 0;
      if (isBare && inBook === 0) continue;
      if (isBare || inBook !== this.#counts.at(slice)) {
        const said = isBare
          ? 'none, as its line has no others'
          : `${this.#counts.at(slice)}, by its signed head`;
        this.#options.findings.add(
          'slice-items',
          `${inBook} items of ${this.#name(slice)} are in the book; expected ${said}`,
        );
        continue;
      }
      of[slice] = total;
      total += inBook;
    }
    return { of, total };
  }

  #place(slots: Uint32Array, starts: Float64Array, slice: number, leaf: number, value: number): void {
    const start = starts[slice] ?? NOWHERE;
    if (start === NOWHERE) return;
    if (leaf >= this.#counts.at(slice) || slots[start + leaf] !== 0) {
      this.#options.findings.add(
        'slice-items',
        `leaf ${leaf} of ${this.#name(slice)} does not exist, or is claimed twice`,
      );
    } else slots[start + leaf] = value;
  }

  #name(slice: number): string {
    return `slice ${slice} (line ${this.#lines.at(slice)})`;
  }
}
