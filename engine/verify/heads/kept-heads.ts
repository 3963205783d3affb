/**
 * Compares heads that somebody kept while a campaign was open with its book. Heads are shown only once nothing can be added
 * before them any more. So each kept head from the time of the book must be in it unchanged, and where a keeper was shown all
 * heads, the book may have no others.
 */

import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import type { Signers } from '../receipts/keys.ts';
import { isoOf } from '../receipts/leaf.ts';
import { type ChainSeen, Keeper, lateMessage, type Window } from './keepers.ts';
import type { KeptHead, KeptPage } from './kept-pages.ts';

/** Each head of the book is compared with all of them. */
const MOST_KEEPERS = 100;

interface Kept extends KeptHead {
  /** The head of a receipt, whose other content is compared with the book elsewhere. */
  readonly isOfReceipt: boolean;
  isFound: boolean;
}

/** The slice numbers of an incarnation that the book shows. */
interface Shown {
  least: number;
  greatest: number;
}

/** The time of a book, in which it shows all chains completely. */
export interface BookTime extends Window {
  isWithin(head: SignedHead): boolean;
}

/** What the records of a monitor say about a book. */
export interface MonitorSeen {
  /** In base64url. */
  readonly key: string;
  readonly records: number;
  /** The number of records missing between the given ones. */
  readonly missing: number;
  readonly matched: number;
  /** By gateway and incarnation: up to where each chain was seen as it is in the book. */
  readonly chains: readonly ChainSeen[];
  /** When it had seen everything of the book's time; undefined if it has not. */
  readonly seenAllAtUs: number | undefined;
  /** The parts of that time that it has seen completely. */
  readonly parts: readonly Window[];
}

/** What must be known of a book that was read. */
export interface ComparedBook {
  readonly time: BookTime;
  readonly announcedCloseUs: number;
  readonly signers: Signers;
}

/** The result of comparing kept heads with a book. */
export interface KeptReport {
  /** How many of them are in it. */
  readonly matched: number;
  /** What was kept from between the time of the book and the announced close; their signatures were not checked. */
  readonly after: { readonly slices: number; readonly items: number };
  readonly monitors: readonly MonitorSeen[];
}

export class KeptHeads {
  readonly #findings: Findings;
  /** By chain and slice number. */
  readonly #kept = new Map<string, Kept>();
  readonly #keepers: readonly Keeper[];
  readonly #shown = new Map<string, Shown>();
  /** Kept heads in whose place there is something else. */
  readonly #differing: { readonly kept: Kept; readonly other: Kept | undefined }[] = [];
  #matched = 0;

  constructor(pages: readonly KeptPage[], findings: Findings) {
    this.#findings = findings;
    for (const head of pages.flatMap(({ heads }) => heads))
      this.#add({ ...head, isOfReceipt: false, isFound: false });
    this.#keepers = keepersOf(pages);
  }

  /** Adds the head of a receipt, which somebody kept as well. */
  addReceipt(head: KeptHead): void {
    this.#add({ ...head, isOfReceipt: true, isFound: false });
  }

  /** Takes the next head of the book. */
  takeHead(head: SignedHead, text: string): void {
    const chain = chainOf(head);
    const shown = this.#shown.get(chain);
    if (shown === undefined) this.#shown.set(chain, { least: head.sliceNumber, greatest: head.sliceNumber });
    else shown.greatest = Math.max(shown.greatest, head.sliceNumber);
    const kept = this.#kept.get(slotOf(head));
    if (kept !== undefined) {
      kept.isFound = true;
      if (kept.text !== text) this.#differing.push({ kept, other: undefined });
      else if (!kept.isOfReceipt) this.#matched += 1;
    }
    for (const keeper of this.#keepers) {
      if (kept?.text === text) keeper.match(head);
      const why = keeper.lateness(head);
      if (why !== undefined) this.#findings.add('kept-head-late', lateMessage(head, why));
    }
  }

  /** Call this after the book was read. */
  async end(
    { time, announcedCloseUs, signers }: ComparedBook,
    limits: Limits,
    primitives: Primitives,
  ): Promise<KeptReport> {
    for (const keeper of this.#keepers) await keeper.check(this.#findings, limits, primitives);
    for (const { kept, other } of this.#differing) {
      // Two contradicting heads accuse nobody unless both were signed.
      const areSigned =
        (await this.#isSigned(kept, signers, primitives)) &&
        (other === undefined || (await this.#isSigned(other, signers, primitives)));
      if (areSigned) this.#differs(kept, other?.what ?? 'the book');
    }
    for (const kept of this.#kept.values()) {
      if (kept.isFound || kept.isOfReceipt || !this.#belongs(kept.head, time)) continue;
      if (!(await this.#isSigned(kept, signers, primitives))) continue;
      const chain = this.#shown.get(chainOf(kept.head));
      const why =
        chain === undefined
          ? 'and shows nothing of that incarnation: it was left out'
          : `and shows that incarnation from slice ${chain.least} to ${chain.greatest}`;
      this.#findings.add(
        'kept-head-missing',
        `${kept.what} is ${nameOf(kept.head)}, from ${isoOf(kept.head.firstUs)}; the book lacks it ${why}`,
      );
    }
    const after = this.#between(time.untilUs, announcedCloseUs);
    return { matched: this.#matched, after, monitors: this.#monitors(time) };
  }

  #between(fromUs: number, untilUs: number): KeptReport['after'] {
    const between = [...this.#kept.values()].filter(
      ({ head: { firstUs }, isOfReceipt }) => !isOfReceipt && firstUs >= fromUs && firstUs < untilUs,
    );
    return { slices: between.length, items: between.reduce((sum, { head }) => sum + head.count, 0) };
  }

  /** Two different heads of the same position are a finding by themselves. */
  #add(kept: Kept): void {
    const slot = slotOf(kept.head);
    const other = this.#kept.get(slot);
    if (other === undefined) this.#kept.set(slot, kept);
    else if (other.text !== kept.text) this.#differing.push({ kept, other });
  }

  #monitors(time: BookTime): readonly MonitorSeen[] {
    return this.#keepers.flatMap(keeper => {
      const { key, records, missing, matched, chains } = keeper;
      if (key === undefined) return [];
      const [seenAllAtUs, parts] = [keeper.seenAllAtUs(time), keeper.partsOf(time)];
      return [{ key, records, missing, matched, chains, seenAllAtUs, parts }];
    });
  }

  /** Whether the book must contain it. */
  #belongs(head: SignedHead, time: BookTime): boolean {
    const chain = this.#shown.get(chainOf(head));
    const isBetween =
      chain !== undefined && head.sliceNumber > chain.least && head.sliceNumber < chain.greatest;
    return isBetween || time.isWithin(head);
  }

  async #isSigned({ head, what }: Kept, signers: Signers, primitives: Primitives): Promise<boolean> {
    const key = signers.keyFor(head.keyId, 'slices', head.lastUs, what);
    if (key === undefined) return false;
    if (await primitives.verifyEd25519(key.bytes, head.signed, head.signature)) return true;
    this.#findings.add('slice-signature', `${what} (${nameOf(head)}) is not signed by its key ${head.keyId}`);
    return false;
  }

  #differs({ head, what }: Kept, elsewhere: string): void {
    this.#findings.add(
      'kept-head-differs',
      `${what} is ${nameOf(head)}, but ${elsewhere} has another slice in its place: the gateway's chain was forked`,
    );
  }
}

/** One for each monitor, and one for all pages that no monitor recorded. Throws Unreadable. */
function keepersOf(pages: readonly KeptPage[]): readonly Keeper[] {
  const byKey = new Map<string | undefined, KeptPage[]>();
  for (const page of pages) {
    const key = page.record?.key;
    const own = byKey.get(key);
    if (own !== undefined) own.push(page);
    else if (byKey.size === MOST_KEEPERS)
      throw new Unreadable('too-large', `the kept heads come from more than ${MOST_KEEPERS} keepers`);
    else byKey.set(key, [page]);
  }
  return [...byKey].map(([key, own]) => new Keeper(key, own));
}

function slotOf(head: SignedHead): string {
  return `${chainOf(head)}/${head.sliceNumber}`;
}

function chainOf({ gateway, incarnation }: SignedHead): string {
  return `${gateway}/${incarnation}`;
}
