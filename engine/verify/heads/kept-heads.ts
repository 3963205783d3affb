/**
 * Compares heads that were kept while a campaign was open with its book. Heads are shown only once nothing can be added
 * before them any more. So each kept head from the time of the book must be in it unchanged, and where a keeper was shown all
 * heads, the book may have no others.
 */

import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import type { Signers } from '../receipts/keys.ts';
import { isoOf } from '../receipts/leaf.ts';
import { uint32 } from '../text/columns.ts';
import { type HeadNumbers, HeadStore, type KeptLocation } from './head-store.ts';
import { type ChainSeen, Keeper, lateMessage, type SignatureCheck, type Window } from './keepers.ts';
import { linesOf } from './kept-lines.ts';
import { isSignedRecord, type KeptPage, readKeptPage, whatOfHead } from './kept-pages.ts';

/** Each head of the book is compared with all of them; rules name at most 16. */
const MOST_KEEPERS = 100;
/** Instead of a page: the head of a receipt, whose other content is compared with the book elsewhere. */
const RECEIPT = MOST_KEEPERS;

/** The slice numbers of an incarnation that the book shows. */
interface Shown {
  least: number;
  greatest: number;
}

/** The time of a book, in which it shows all chains completely. */
export interface BookTime extends Window {
  isWithin(head: Pick<SignedHead, 'firstUs' | 'lastUs'>): boolean;
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

export interface KeptOptions {
  readonly findings: Findings;
  readonly limits: Limits;
  readonly primitives: Primitives;
}

export class KeptHeads {
  readonly #options: KeptOptions;
  readonly #store = new HeadStore();
  readonly #keepers: Keeper[] = [];
  /** Names of receipts, by the `page` of their heads. */
  readonly #receipts: string[] = [];
  readonly #shown = new Map<string, Shown>();
  /** Kept heads in whose place there is something else: each one's index, and that of the other + 1; 0 for the book. */
  readonly #differing = uint32();
  #matched = 0;

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  /** Reads kept pages, one per line. Rejects with Unreadable. */
  async read(source: AsyncIterable<Uint8Array>): Promise<void> {
    const { limits, primitives } = this.#options;
    const isSigned: SignatureCheck = async record => await isSignedRecord(record, limits, primitives);
    const byKey = new Map<string | undefined, number>();
    let number = 0;
    for await (const line of linesOf(source, limits)) {
      number += 1;
      const page = readKeptPage(line, number, limits, primitives);
      const keeper = byKey.get(page.record?.key) ?? this.#addKeeper(page.record?.key);
      byKey.set(page.record?.key, keeper);
      await this.#takePage(page, keeper, isSigned);
    }
    for (const keeper of this.#keepers) await keeper.endPages(isSigned);
  }

  /** Adds the head of a receipt, which was kept as well. */
  addReceipt(head: SignedHead, what: string): void {
    this.#receipts.push(what);
    this.#add(head, { keeper: RECEIPT, page: this.#receipts.length - 1, index: 0 });
  }

  /** Takes the next head of the book. */
  takeHead(head: SignedHead): void {
    const chain = chainOf(head);
    const shown = this.#shown.get(chain);
    if (shown === undefined) this.#shown.set(chain, { least: head.sliceNumber, greatest: head.sliceNumber });
    else shown.greatest = Math.max(shown.greatest, head.sliceNumber);
    const kept = this.#store.find(head);
    const isSame = kept !== undefined && this.#store.isSame(kept, head);
    if (kept !== undefined) {
      this.#store.setFound(kept);
      if (!isSame) this.#differ(kept, undefined);
      else if (!this.#isOfReceipt(kept)) this.#matched += 1;
    }
    const position = this.#store.findPosition(head);
    for (const keeper of this.#keepers) {
      if (isSame) keeper.match(head, kept);
      const why = keeper.lateness(head, position);
      if (why !== undefined) this.#options.findings.add('kept-head-late', lateMessage(head, why));
    }
  }

  /** Call this after the book was read. */
  async end({ time, announcedCloseUs, signers }: ComparedBook): Promise<KeptReport> {
    const { findings } = this.#options;
    for (const keeper of this.#keepers) keeper.check(findings);
    for (let at = 0; at < this.#differing.count; at += 2) {
      const [kept, other] = [this.#differing.at(at), this.#differing.at(at + 1) - 1];
      // Two contradicting heads accuse nobody unless both were signed.
      const areSigned =
        (await this.#isSigned(kept, signers)) && (other < 0 || (await this.#isSigned(other, signers)));
      if (areSigned) this.#differs(kept, other < 0 ? 'the book' : this.#whatOf(other));
    }
    const after = { slices: 0, items: 0 };
    for (let kept = 0; kept < this.#store.count; kept++) {
      if (!this.#store.isFirst(kept) || this.#isOfReceipt(kept)) continue;
      const numbers = this.#store.numbers(kept);
      if (numbers.firstUs >= time.untilUs && numbers.firstUs < announcedCloseUs) {
        after.slices += 1;
        after.items += numbers.count;
      }
      if (this.#store.isFound(kept) || !this.#belongs(numbers, time)) continue;
      if (await this.#isSigned(kept, signers)) this.#isMissing(kept);
    }
    return { matched: this.#matched, after, monitors: this.#monitors(time) };
  }

  #addKeeper(key: string | undefined): number {
    if (this.#keepers.length === MOST_KEEPERS)
      throw new Unreadable('too-large', `the kept heads come from more than ${MOST_KEEPERS} keepers`);
    return this.#keepers.push(new Keeper(key, this.#store)) - 1;
  }

  async #takePage(page: KeptPage, number: number, isSigned: SignatureCheck): Promise<void> {
    const keeper = this.#keepers[number];
    const heads = page.heads.map(({ head }, index) =>
      this.#add(head, { keeper: number, page: keeper?.nextPage ?? 0, index }),
    );
    await keeper?.takePage(page, heads, isSigned);
  }

  /** Returns its index. Two different heads of the same slot are a finding by themselves. */
  #add(head: SignedHead, location: KeptLocation): number {
    const before = this.#store.count;
    const kept = this.#store.add(head, location);
    const first = this.#store.find(head);
    if (kept === before && first !== undefined && first !== kept) this.#differ(kept, first);
    return kept;
  }

  #differ(kept: number, other: number | undefined): void {
    this.#differing.push(kept);
    this.#differing.push(other === undefined ? 0 : other + 1);
  }

  #isOfReceipt(kept: number): boolean {
    return this.#store.locationOf(kept).keeper === RECEIPT;
  }

  #whatOf(kept: number): string {
    const { keeper, page, index } = this.#store.locationOf(kept);
    const receipt = keeper === RECEIPT ? this.#receipts[page] : undefined;
    return receipt ?? whatOfHead(index, this.#keepers[keeper]?.whatOf(page) ?? '');
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
  #belongs(head: HeadNumbers, time: BookTime): boolean {
    const chain = this.#shown.get(chainOf(head));
    const isBetween =
      chain !== undefined && head.sliceNumber > chain.least && head.sliceNumber < chain.greatest;
    return isBetween || time.isWithin(head);
  }

  async #isSigned(kept: number, signers: Signers): Promise<boolean> {
    const what = this.#whatOf(kept);
    const head = this.#store.head(kept, what);
    const key = signers.keyFor(head.keyId, 'slices', head.lastUs, what);
    if (key === undefined) return false;
    const { findings, primitives } = this.#options;
    if (await primitives.verifyEd25519(key.bytes, head.signed, head.signature)) return true;
    findings.add('slice-signature', `${what} (${nameOf(head)}) is not signed by its key ${head.keyId}`);
    return false;
  }

  #isMissing(kept: number): void {
    const what = this.#whatOf(kept);
    const head = this.#store.head(kept, what);
    const chain = this.#shown.get(chainOf(head));
    const why =
      chain === undefined
        ? 'and shows nothing of that incarnation: it was left out'
        : `and shows that incarnation from slice ${chain.least} to ${chain.greatest}`;
    this.#options.findings.add(
      'kept-head-missing',
      `${what} is ${nameOf(head)}, from ${isoOf(head.firstUs)}; the book lacks it ${why}`,
    );
  }

  #differs(kept: number, elsewhere: string): void {
    const what = this.#whatOf(kept);
    this.#options.findings.add(
      'kept-head-differs',
      `${what} is ${nameOf(this.#store.head(kept, what))}, but ${elsewhere} has another slice in its place: the gateway's chain was forked`,
    );
  }
}

function chainOf({ gateway, incarnation }: Pick<SignedHead, 'gateway' | 'incarnation'>): string {
  return `${gateway}/${incarnation}`;
}
