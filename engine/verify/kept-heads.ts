/**
 * Heads that somebody kept while a campaign was open, held against its book: as `GET /v1/heads` answered them, a page or many
 * of them one a line. Heads are shown in the order of their last instant and gateway, and only where nothing can be added
 * before them any more. So each kept one stands in the book as it was, if it is of the time of the book, and between the first
 * and the last of a page there is none in the book that was not on the page.
 */

import type { Findings } from './findings.ts';
import { Unreadable } from './findings.ts';
import { nameOf, readHead, type SignedHead } from './head.ts';
import { Members, parseObject } from './json.ts';
import type { Signers } from './keys.ts';
import { isoOf } from './leaf.ts';
import type { Limits } from './limits.ts';
import type { Primitives } from './primitives.ts';

/** A page of the service has 500. */
const MOST_A_PAGE = 100_000;
const MOST_TEXT = 256;
const NEWLINE = 0x0a;

interface Kept {
  readonly text: string;
  readonly head: SignedHead;
  readonly what: string;
  /** One of a receipt: what it says beside is held against the book elsewhere. */
  readonly isOfReceipt: boolean;
  isFound: boolean;
}

/** Between these two nothing is missing. */
interface Span {
  readonly first: SignedHead;
  readonly last: SignedHead;
}

/** The slice numbers of an incarnation that the book shows. */
interface Shown {
  least: number;
  greatest: number;
}

/** What is known of the time of a book; of one that does not show its chains whole, nothing. */
export interface BookTime {
  isWithin(head: SignedHead): boolean;
}

export class KeptHeads {
  readonly #findings: Findings;
  readonly #kept = new Map<string, Kept>();
  readonly #spans: readonly Span[];
  readonly #shown = new Map<string, Shown>();
  #matched = 0;

  constructor(pages: readonly (readonly Kept[])[], findings: Findings) {
    this.#findings = findings;
    for (const kept of pages.flat()) this.add(kept);
    this.#spans = spansOf(pages);
  }

  /** How many of them stand in the book. */
  get matched(): number {
    return this.#matched;
  }

  /** Another one; two of the same place that differ are a finding by themselves. */
  add(kept: Kept): void {
    const place = placeOf(kept.head);
    const other = this.#kept.get(place);
    if (other === undefined) this.#kept.set(place, kept);
    else if (other.text !== kept.text) this.#differs(kept, other.what);
  }

  /** A head of the book, in its order. */
  takeHead(head: SignedHead, text: string): void {
    const chain = chainOf(head);
    const shown = this.#shown.get(chain);
    if (shown === undefined) this.#shown.set(chain, { least: head.sliceNumber, greatest: head.sliceNumber });
    else shown.greatest = Math.max(shown.greatest, head.sliceNumber);
    const kept = this.#kept.get(placeOf(head));
    if (kept === undefined) this.#checkEarlyEnough(head);
    else {
      kept.isFound = true;
      if (kept.text !== text) this.#differs(kept, 'the book');
      else if (!kept.isOfReceipt) this.#matched += 1;
    }
  }

  /** To be called when the book was read. */
  async end(time: BookTime | undefined, signers: Signers, primitives: Primitives): Promise<void> {
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
        `${kept.what} is ${nameOf(kept.head)}, from ${isoOf(kept.head.firstUs)}; the book does not have it, ${why}`,
      );
    }
  }

  /** Whether the book must have it. */
  #belongs(head: SignedHead, time: BookTime | undefined): boolean {
    const chain = this.#shown.get(chainOf(head));
    const isBetween =
      chain !== undefined && head.sliceNumber > chain.least && head.sliceNumber < chain.greatest;
    return isBetween || time?.isWithin(head) === true;
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
      `${what} is ${nameOf(head)}, and ${elsewhere} has another slice in its place: the gateway's chain was forked`,
    );
  }

  #checkEarlyEnough(head: SignedHead): void {
    let from = 0;
    let to = this.#spans.length;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const span = this.#spans[middle];
      if (span !== undefined && compare(span.last, head) <= 0) from = middle + 1;
      else to = middle;
    }
    const span = this.#spans[from];
    if (span === undefined || compare(span.first, head) >= 0) return;
    this.#findings.add(
      'kept-head-late',
      `${nameOf(head)}, up to ${isoOf(head.lastUs)}, is in the book and was not there when the heads around it were kept: it was made up later`,
    );
  }
}

/** Reads what somebody kept. Throws Unreadable. */
export function readKeptHeads(bytes: Uint8Array, limits: Limits): readonly (readonly Kept[])[] {
  if (bytes.length > limits.headsBytes) {
    throw new Unreadable(
      'too-large',
      `the kept heads have ${bytes.length} bytes; at most ${limits.headsBytes} are read`,
    );
  }
  const pages: Kept[][] = [];
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, from);
    const to = found < 0 ? bytes.length : found;
    if (to > from) pages.push(readPage(bytes.subarray(from, to), pages.length + 1, limits));
    from = to + 1;
  }
  return pages;
}

/** Of a page nothing but its heads counts: whatever else somebody noted with them may stand beside. */
function readPage(bytes: Uint8Array, number: number, limits: Limits): Kept[] {
  const what = `page ${number} of the kept heads`;
  const members = new Members(parseObject(bytes, what, limits.depth), what);
  const kept = members.array('heads', MOST_A_PAGE).map((text, index) => {
    const name = `head ${index + 1} on ${what}`;
    if (typeof text !== 'string' || text.length > MOST_TEXT)
      throw new Unreadable('malformed', `${name} is no signed head`);
    return { text, head: readHead(text, name), what: name, isOfReceipt: false, isFound: false };
  });
  kept.forEach(({ head, what: name }, index) => {
    const before = kept[index - 1];
    if (before !== undefined && compare(before.head, head) > 0)
      throw new Unreadable('malformed', `${name} comes before the one in front of it`);
  });
  return kept;
}

/** The spans of pages, by their ends; those that overlap or touch are one. */
function spansOf(pages: readonly (readonly Kept[])[]): readonly Span[] {
  const spans = pages
    .flatMap((page): Span[] => {
      const [first, last] = [page[0], page.at(-1)];
      return first === undefined || last === undefined ? [] : [{ first: first.head, last: last.head }];
    })
    .sort((a, b) => compare(a.first, b.first));
  const merged: Span[] = [];
  for (const span of spans) {
    const before = merged.at(-1);
    if (before === undefined || compare(before.last, span.first) < 0) merged.push(span);
    else if (compare(before.last, span.last) < 0) merged[merged.length - 1] = { ...before, last: span.last };
  }
  return merged;
}

function compare(a: SignedHead, b: SignedHead): number {
  return a.lastUs - b.lastUs || a.gateway - b.gateway;
}

function placeOf(head: SignedHead): string {
  return `${chainOf(head)}/${head.sliceNumber}`;
}

function chainOf({ gateway, incarnation }: SignedHead): string {
  return `${gateway}/${incarnation}`;
}
