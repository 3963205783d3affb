/**
 * The heads of one keeper: a monitor, known by its key, or somebody who kept plain pages. Records which heads the keeper was
 * shown and when, and in which spans it was shown all heads; a head that appears in such a span later was not there.
 *
 * The order of a monitor's records matters: a head in a later record, within a span that an earlier one had seen completely,
 * is late, although it was kept.
 */
import type { Findings } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { nameOf, type SignedHead } from '../receipts/head.ts';
import { isoOf } from '../receipts/leaf.ts';
import { behind, compareHeadPositions, headPositionText, type Span, Spans } from './head-positions.ts';
import { isSignedRecord, type KeptPage, type MonitorRecord, NO_RECORD } from './kept-pages.ts';

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

type Recorded = KeptPage & { readonly record: MonitorRecord };

export class Keeper {
  /** A monitor's key, in base64url. */
  readonly key: string | undefined;
  readonly #records: readonly Recorded[];
  /** When each position was shown. */
  readonly #seen = new Map<string, number>();
  readonly #late = new Map<string, string>();
  readonly #spans = new Spans();
  readonly #chains = new Map<string, ChainSeen>();
  #matched = 0;

  constructor(key: string | undefined, pages: readonly KeptPage[]) {
    this.key = key;
    this.#records = pages.filter(isRecorded).sort((a, b) => a.record.number - b.record.number);
    if (key === undefined) {
      for (const { heads } of pages) for (const { head } of heads) this.#seen.set(headPositionText(head), 0);
      const spans = pages.map(spanOf).filter(span => span !== undefined);
      for (const span of spans.sort((a, b) => compareHeadPositions(a.from, b.from))) this.#spans.add(span);
    } else for (const page of this.#records) this.#take(page);
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
    return this.#records.length;
  }

  /** The number of records missing between the given ones. */
  get missing(): number {
    const [first, last] = [this.#records[0], this.#records.at(-1)];
    if (first === undefined || last === undefined) return 0;
    const numbers = new Set(this.#records.map(({ record: { number } }) => number));
    return last.record.number - first.record.number + 1 - numbers.size;
  }

  /** Why a head of the book cannot have been there; undefined if nothing speaks against it. */
  lateness(head: SignedHead): string | undefined {
    const position = headPositionText(head);
    const late = this.#late.get(position);
    if (late !== undefined) return late;
    if (this.#seen.has(position) || !this.#spans.has(head)) return undefined;
    return this.key === undefined
      ? 'was missing when the heads around it were kept'
      : `was never shown to ${this.name}, which was shown everything around it`;
  }

  /** Takes a head of the book that was kept in the same form. */
  match(head: SignedHead): void {
    const atUs = this.#seen.get(headPositionText(head));
    if (atUs === undefined) return;
    this.#matched += 1;
    const chain = `${head.gateway}/${head.incarnation}`;
    const before = this.#chains.get(chain);
    if (before === undefined || before.head.sliceNumber < head.sliceNumber)
      this.#chains.set(chain, { head, atUs });
  }

  /** When it had seen everything of a time, by its clock; undefined if it has not. */
  seenAllAtUs({ fromUs, untilUs }: Window): number | undefined {
    const whole = { from: behind(fromUs - 1), to: behind(untilUs - 1) };
    const spans = new Spans();
    for (const page of this.#records) {
      addTo(spans, spanOf(page));
      if (spans.covers(whole)) return page.record.atUs;
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

  /** Checks the records themselves: with invalid ones, nothing can be concluded. */
  async check(findings: Findings, limits: Limits, primitives: Primitives): Promise<void> {
    for (const [index, page] of this.#records.entries()) {
      const { record, what } = page;
      const before = this.#records[index - 1]?.record;
      const next = this.#records[index + 1]?.record;
      if (before?.number === record.number && before.hash !== record.hash) {
        findings.add(
          'monitor-record',
          `${what} exists twice with different content: the monitor's log was forked`,
        );
      } else if (
        before?.number === record.number - 1
          ? before.hash !== record.previous
          : record.number === 1 && record.previous !== NO_RECORD
      ) {
        findings.add('monitor-record', `${what} does not continue the previous one`);
      }
      // Its signature covers the record that it continues.
      if (next?.number === record.number + 1 && next.previous === record.hash) continue;
      if (!(await isSignedRecord(record, limits, primitives)))
        findings.add(
          'monitor-record',
          `the signature of ${what} by that monitor is invalid: the record was changed`,
        );
    }
  }

  #take(page: Recorded): void {
    const { heads, record, what } = page;
    for (const { head } of heads) {
      const position = headPositionText(head);
      if (this.#seen.has(position)) continue;
      if (this.#spans.has(head))
        this.#late.set(
          position,
          `appears first in ${what}, of ${isoOf(record.atUs)}, although the monitor was shown everything around it before`,
        );
      this.#seen.set(position, record.atUs);
    }
    this.#addSpan(spanOf(page));
  }

  #addSpan(span: Span | undefined): void {
    addTo(this.#spans, span);
  }
}

function isRecorded(page: KeptPage): page is Recorded {
  return page.record !== undefined;
}

function addTo(spans: Spans, span: Span | undefined): void {
  if (span !== undefined) spans.add(span);
}

/** For a page that no monitor recorded: from its first head to its last, between which nothing is missing. */
function spanOf({ heads, record }: KeptPage): Span | undefined {
  const [first, last] = [heads[0]?.head, heads.at(-1)?.head];
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
