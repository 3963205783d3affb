/**
 * The leaves of slices that have no line in the book. They show what they are, so that no entry can be hidden among them as
 * if it belonged to another campaign. Those of the campaign itself are withdrawals, claims, and repeats of users who have an
 * entry with an earlier stamp.
 */
import type { Rules } from '../draw/rules.ts';
import { type Findings, Unreadable } from '../findings.ts';
import type { Memory } from '../hashing/memory.ts';
import { HashList } from '../hashing/merkle.ts';
import type { Primitives } from '../primitives.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import {
  CLAIM,
  ENTRY,
  gatewayOf,
  instantOf,
  isoOf,
  LEAF_AT,
  LEAF_BYTES,
  leafHash,
  WITHDRAWAL,
} from '../receipts/leaf.ts';
import { fromBase64Url, readU64, toBase64Url } from '../text/bytes.ts';
import { float64, uint8, uint32 } from '../text/columns.ts';
import type { Json } from '../text/json.ts';
import { type Entries, part } from './entries.ts';

export interface OthersOptions {
  readonly primitives: Primitives;
  readonly memory: Memory;
  readonly findings: Findings;
  /** Their maximum number. */
  readonly most: number;
  readonly rules: Pick<Rules, 'campaign' | 'opensAtUs' | 'closesAtUs' | 'kind'>;
  readonly closedAtUs: number;
}

export class Others {
  readonly #options: OthersOptions;
  /** Where the leaves of each slice begin in the two lists below. */
  readonly #from = uint32();
  readonly #indexes = uint32();
  readonly hashes: HashList;
  /** For leaves of the campaign itself. */
  readonly #kinds = uint8();
  readonly #stamps = float64();
  readonly #lines = uint32();
  readonly #whos = new HashList();

  constructor(options: OthersOptions) {
    this.#options = options;
    this.hashes = new HashList(options.memory);
  }

  get count(): number {
    return this.#indexes.count;
  }

  /** The number of leaves of the campaign itself. */
  get own(): number {
    return this.#kinds.count;
  }

  /** The range of a slice's leaves: from the first, to before the second number. */
  rangeOf(slice: number): readonly [number, number] {
    return [this.#from.at(slice), slice + 1 < this.#from.count ? this.#from.at(slice + 1) : this.count];
  }

  leafOf(other: number): number {
    return this.#indexes.at(other);
  }

  /** Takes the leaves of the next slice, on line `line`. Throws Unreadable. */
  take(list: readonly Json[] | undefined, head: SignedHead, line: number): void {
    const { most } = this.#options;
    this.#from.push(this.count);
    if (this.count + (list?.length ?? 0) > most)
      throw new Unreadable('too-large', `the book has more than ${most} leaves that are not entries`);
    let least = 0;
    for (const other of list ?? []) {
      const [leaf, text, ...rest] = Array.isArray(other) ? (other as readonly Json[]) : [];
      const data = typeof text === 'string' ? fromBase64Url(text, LEAF_BYTES) : undefined;
      if (
        typeof leaf !== 'number' ||
        leaf < least ||
        leaf >= head.count ||
        data === undefined ||
        rest.length > 0
      ) {
        throw new Unreadable(
          'malformed',
          `others on line ${line} are not [leaf index, leaf data] with increasing indexes`,
        );
      }
      least = leaf + 1;
      this.#indexes.push(leaf);
      this.hashes.add(this.#takeData(data, head, line));
    }
  }

  /** Checks the leaves of the campaign against its entries, once all of these are there. */
  check(entries: Entries): void {
    const { findings, closedAtUs, rules } = this.#options;
    const whos = Array.from({ length: this.own }, (_, own) => toBase64Url(this.#whos.at(own)));
    const firstWords = new Set(whos.map((_, own) => this.#whos.word(own, 0)));
    const entryOf = entries.ofWhos(new Set(whos), firstWords);
    const withdrew = new Set<string>();
    whos.forEach((who, own) => {
      const kind = this.#kinds.at(own);
      const entry = entryOf.get(who);
      const atUs = instantOf(this.#stamps.at(own), rules.opensAtUs);
      const what = `a leaf on line ${this.#lines.at(own)}, stamped ${isoOf(atUs)},`;
      if (kind === WITHDRAWAL) {
        withdrew.add(who);
        if (entry !== undefined && atUs < closedAtUs) this.#checkKept(entry, entries, what);
      } else if (kind === ENTRY) {
        if (atUs >= closedAtUs) {
          // Gateways know of an early close before it comes, and no entry is accepted from then on.
          findings.add(
            'entry-after-close',
            `${what} is an entry of the campaign, so gateways accepted entries after the stated close at ${isoOf(closedAtUs)}; the announced one is ${isoOf(rules.closesAtUs)}`,
          );
        } else if (entry === undefined) {
          findings.add('entry-hidden', `${what} is an entry of the campaign, but its user has no line`);
        } else if (entries.stamps.at(entry) > this.#stamps.at(own)) {
          findings.add('entry-hidden', `${what} is an entry of a user whose line has a later stamp`);
        }
      }
    });
    this.#checkWithdrawn(entries, withdrew);
  }

  /** A coupon may be granted before its withdrawal arrives; a raffle is drawn when all have arrived. */
  #checkKept(entry: number, entries: Entries, what: string): void {
    if (this.#options.rules.kind !== 'raffle' || entries.parts.at(entry) === part.withdrawn) return;
    this.#options.findings.add(
      'withdrawal-ignored',
      `${what} is a withdrawal, but entry ${entry} (from 0) of the same user counts in the draw`,
    );
  }

  #checkWithdrawn(entries: Entries, withdrew: ReadonlySet<string>): void {
    for (let entry = 0; entry < entries.count; entry++) {
      if (entries.parts.at(entry) !== part.withdrawn) continue;
      if (withdrew.has(toBase64Url(entries.whos.at(entry)))) continue;
      this.#options.findings.add(
        'withdrawal-missing',
        `entry ${entry} (from 0) is marked as withdrawn, but the book has no withdrawal of its user`,
      );
    }
  }

  /** Stores a leaf of the campaign; returns its hash. */
  #takeData(data: Uint8Array, head: SignedHead, line: number): Uint8Array {
    const { findings, primitives, rules } = this.#options;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const kind = view.getUint8(LEAF_AT.kind);
    const source = view.getUint8(LEAF_AT.source);
    const campaign = view.getUint32(LEAF_AT.campaign);
    const stamp = readU64(view, LEAF_AT.stamp);
    const who = data.subarray(LEAF_AT.who);
    if (kind < ENTRY || kind > CLAIM || source > 1 || stamp === undefined)
      throw new Unreadable('malformed', `line ${line} has a leaf that is not an entry, withdrawal or claim`);
    if (campaign === rules.campaign) {
      const atUs = instantOf(stamp, rules.opensAtUs);
      if (gatewayOf(stamp) !== head.gateway)
        findings.add(
          'wrong-gateway',
          `line ${line} has a leaf whose stamp is from another gateway than ${nameOf(head)}`,
        );
      if (atUs < head.firstUs || atUs > head.lastUs) {
        findings.add(
          'slice-instant',
          `line ${line} has a leaf stamped outside the instants of ${nameOf(head)}`,
        );
      }
      this.#kinds.push(kind);
      this.#stamps.push(stamp);
      this.#lines.push(line);
      this.#whos.add(who);
    }
    return leafHash({ kind, source, campaign, stamp, who }, primitives);
  }
}
