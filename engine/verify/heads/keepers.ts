/**
 * The heads of one keeper: a monitor, known by its key, or somebody who kept plain pages. Records which heads the keeper was
 * shown and when, and in which spans it was shown all heads; a head that appears in such a span later was not there.
 *
 * The order of a monitor's records matters: a head in a later record, within a span that an earlier one had seen completely,
 * is late, although it was kept.
 */
import type { Findings } from '../findings.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import { isoOf } from '../receipts/leaf.ts';
import { areEqual } from '../text/bytes.ts';
import { SparseColumn } from '../text/columns.ts';
import { behind, compareHeadPositions, positionOf, type Span, Spans } from './head-positions.ts';
import type { HeadStore } from './head-store.ts';
import { type KeptPage, type MonitorRecord, whatOfPage } from './kept-pages.ts';
import { PageList } from './page-list.ts';

/** Whether a monitor has signed a record. */
export type SignatureCheck = (record: MonitorRecord) => Promise<boolean>;

/** The time of a book: nothing in it begins before `fromUs`, or at or after `untilUs`. */
export interface Window {
  readonly fromUs: number;
  readonly untilUs: number;
}

/** The last slice of a chain that the book has in the same form as the keeper. */
export interface ChainSeen {
  readonly head: SignedHead;
  readonly atUs: number;
}

/** A record whose signature is not known yet: the next one may cover it. */
interface Unchecked {
  readonly record: MonitorRecord;
  readonly page: number;
}

export class Keeper {
  /** A monitor's key, in base64url. */
  readonly key: string | undefined;
  readonly #store: HeadStore;
  readonly #pages = new PageList();
  #last: Unchecked | undefined;
  /** The page that showed each head first, by the index of the head that stands for its position. */
  readonly #seen = new SparseColumn();
  /** The same for heads that it was shown too late. */
  readonly #late = new Map<number, number>();
  readonly #spans = new Spans();
  readonly #chains = new Map<string, ChainSeen>();
  #matched = 0;

  constructor(key: string | undefined, store: HeadStore) {
    this.key = key;
    this.#store = store;
  }

  /** For messages. */
  get name(): string {
    return this.key === undefined ? 'who kept the pages' : `monitor ${this.key.slice(0, 8)}`;
  }

  /** The number of the book's heads that it has in the same form. */
  get matched(): number {
    return this.#matched;
  }

  get chains(): readonly ChainSeen[] {
    return [...this.#chains.values()];
  }

  get records(): number {
    return this.#pages.count;
  }

  /** The number of records missing between the given ones. */
  get missing(): number {
    const order = this.#pages.byNumber();
    let missing = 0;
    for (let at = 1; at < order.length; at++) {
      const step = this.#pages.number(order[at] ?? 0) - this.#pages.number(order[at - 1] ?? 0);
      missing += Math.max(0, step - 1);
    }
    return missing;
  }

  /** The number of the page that `takePage` takes next. */
  get nextPage(): number {
    return this.#pages.count;
  }

  /**
   * Takes a page, in any order. `heads`: indexes in the store. Resolves once a signature has been checked that the next
   * record does not cover.
   */
  async takePage(page: KeptPage, heads: readonly number[], isSigned: SignatureCheck): Promise<void> {
    const { record, number } = page;
    this.#pages.add(
      {
        number: record?.number ?? number,
        atUs: record?.atUs ?? 0,
        span: spanOf(page),
        ...(record === undefined ? {} : { hash: record.hash, previous: record.previous }),
      },
      heads,
    );
    if (record === undefined) return;
    const before = this.#last;
    this.#last = { record, page: this.#pages.count - 1 };
    // Its signature covers the record that it continues.
    const isCovered =
      before?.record.number === record.number - 1 && areEqual(before.record.hash, record.previous);
    if (!isCovered) await this.#checkSignature(before, isSigned);
  }

  /** Call this after the last page. Throws Unreadable. */
  async endPages(isSigned: SignatureCheck): Promise<void> {
    await this.#checkSignature(this.#last, isSigned);
    this.#last = undefined;
    if (this.key === undefined) {
      for (let page = 0; page < this.#pages.count; page++)
        for (const head of this.#pages.heads(page)) this.#seen.set(this.#positionOf(head), page + 1);
      const spans = Array.from({ length: this.#pages.count }, (_, page) => this.#pages.span(page));
      const some = spans.filter(span => span !== undefined);
      for (const span of some.sort((a, b) => compareHeadPositions(a.from, b.from))) this.#spans.add(span);
    } else for (const page of this.#pages.byNumber()) this.#take(page);
  }

  /** Why a head of the book cannot have been there; undefined if nothing speaks against it. `index`: of its position. */
  lateness(head: SignedHead, index: number | undefined): string | undefined {
    const late = index === undefined ? undefined : this.#late.get(index);
    if (late !== undefined)
      return `appears first in ${this.whatOf(late)}, of ${isoOf(this.#pages.atUs(late))}, although the monitor was shown everything around it before`;
    const isSeen = index !== undefined && this.#seen.at(index) > 0;
    if (isSeen || !this.#spans.has(head)) return undefined;
    return this.key === undefined
      ? 'was missing when the heads around it were kept'
      : `was never shown to ${this.name}, which was shown everything around it`;
  }

  /** Takes a head of the book that was kept in the same form. */
  match(head: SignedHead, index: number): void {
    const page = this.#seen.at(index) - 1;
    if (page < 0) return;
    this.#matched += 1;
    const chain = `${head.gateway}/${head.incarnation}`;
    const before = this.#chains.get(chain);
    if (before === undefined || before.head.sliceNumber < head.sliceNumber)
      this.#chains.set(chain, { head, atUs: this.#pages.atUs(page) });
  }

  /** When it had seen everything of a time, by its clock; undefined if it has not. */
  seenAllAtUs({ fromUs, untilUs }: Window): number | undefined {
    const whole = { from: behind(fromUs - 1), to: behind(untilUs - 1) };
    const spans = new Spans();
    for (const page of this.#pages.byNumber()) {
      addTo(spans, this.#pages.span(page));
      if (spans.covers(whole)) return this.#pages.atUs(page);
    }
    return undefined;
  }

  /** The parts of a time that it has seen completely. */
  partsOf({ fromUs, untilUs }: Window): readonly Window[] {
    return this.#spans.all
      .map(({ from, to }) => ({
        fromUs: Math.max(from.firstUs, fromUs),
        untilUs: Math.min(to.firstUs, untilUs),
      }))
      .filter(part => part.fromUs < part.untilUs);
  }

  /** Checks the records of a monitor: with invalid ones, nothing can be concluded. */
  check(findings: Findings): void {
    if (this.key === undefined) return;
    const pages = this.#pages;
    let before: number | undefined;
    for (const page of pages.byNumber()) {
      const what = this.whatOf(page);
      const step = before === undefined ? undefined : pages.number(page) - pages.number(before);
      if (before !== undefined && step === 0 && !pages.isSame(page, before)) {
        findings.add(
          'monitor-record',
          `${what} exists twice with different content: the monitor's log was forked`,
        );
      } else if (
        before !== undefined && step === 1
          ? !pages.continues(page, before)
          : pages.number(page) === 1 && !pages.isStart(page)
      ) {
        findings.add('monitor-record', `${what} does not continue the previous one`);
      }
      if (pages.isUnsigned(page))
        findings.add(
          'monitor-record',
          `the signature of ${what} by that monitor is invalid: the record was changed`,
        );
      before = page;
    }
  }

  /** A page, for messages. */
  whatOf(page: number): string {
    return whatOfPage(this.#pages.number(page), this.key);
  }

  #positionOf(head: number): number {
    return this.#store.findPosition(this.#store.numbers(head)) ?? head;
  }

  async #checkSignature(unchecked: Unchecked | undefined, isSigned: SignatureCheck): Promise<void> {
    if (unchecked !== undefined && !(await isSigned(unchecked.record)))
      this.#pages.setUnsigned(unchecked.page);
  }

  #take(page: number): void {
    for (const head of this.#pages.heads(page)) {
      const index = this.#positionOf(head);
      if (this.#seen.at(index) > 0) continue;
      if (this.#spans.has(this.#store.numbers(head))) this.#late.set(index, page);
      this.#seen.set(index, page + 1);
    }
    addTo(this.#spans, this.#pages.span(page));
  }
}

function addTo(spans: Spans, span: Span | undefined): void {
  if (span !== undefined) spans.add(span);
}

/** For a page that no monitor recorded: from its first head to its last, between which nothing is missing. */
function spanOf({ heads, record }: KeptPage): Span | undefined {
  const [first, last] = [heads[0]?.head, heads.at(-1)?.head].map(head => head && positionOf(head));
  if (record === undefined)
    return first === undefined || last === undefined ? undefined : { from: first, to: last };
  const through = record.throughUs === undefined ? undefined : behind(record.throughUs);
  const ends = [last, through].filter(end => end !== undefined).sort(compareHeadPositions);
  const to = ends.at(-1);
  return to === undefined ? undefined : { from: record.after, to };
}

/** The message about a head that cannot have been there. */
export function lateMessage(head: SignedHead, why: string): string {
  return `${nameOf(head)}, from ${isoOf(head.firstUs)}, is in the book but ${why}: it was fabricated later`;
}
