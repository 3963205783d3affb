/** The progress of a monitor: where it continues, up to where it was shown everything, and the last heads shown. */
import { BEFORE_ALL, compareHeadPositions, type HeadPosition } from '../verify/heads/head-positions.ts';
import { ChainWatch, type ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import { type KeptStretch, lateOf, reachOf } from './look-back.ts';
import type { ShownPage } from './page.ts';
import type { Recorded } from './record-log.ts';

/** As many as on one page of the service: compared again in each round, and held in memory. */
export const STRETCH_HEADS = 500;

export class Followed {
  #chains: ChainWatch;
  #next: HeadPosition;
  #shownTo: HeadPosition;
  #isRestored = false;
  /** The last pages that had heads. */
  readonly #recent: { readonly after: HeadPosition; readonly heads: readonly ShownHead[] }[] = [];

  /** `from`: where a monitor without records begins. */
  constructor(from: HeadPosition) {
    this.#next = from;
    this.#shownTo = from;
    this.#chains = new ChainWatch(isStart(from));
  }

  /** The next page begins behind this position. */
  get next(): HeadPosition {
    return this.#next;
  }

  /** Everything up to here was shown. */
  get shownTo(): HeadPosition {
    return this.#shownTo;
  }

  /** The last heads shown, up to the position up to which everything was shown; undefined before the first head. */
  get recent(): KeptStretch | undefined {
    const after = this.#recent[0]?.after;
    if (after === undefined) return undefined;
    return { after, heads: this.#recent.flatMap(({ heads }) => heads), to: this.#shownTo };
  }

  /**
   * Takes a record of an earlier run, in order. Its findings were reported then. Heads with a wrong signature belong to no
   * chain.
   */
  restore({ record: { after, throughUs }, heads }: Recorded, isUnsigned: (text: string) => boolean): void {
    if (!this.#isRestored) {
      this.#isRestored = true;
      this.#next = after;
      this.#shownTo = after;
      this.#chains = new ChainWatch(isStart(after));
    }
    // A page shown again was recorded as evidence; it makes no progress.
    if (compareHeadPositions(after, this.#next) !== 0) return;
    const page = { after, heads, throughUs };
    for (const shown of heads) if (!isUnsigned(shown.text)) this.look(shown);
    this.moveOn(page);
  }

  /** Checks a head of the next page; returns what is wrong with it, if anything. */
  look(shown: ShownHead): MonitorFinding | undefined {
    return compareHeadPositions(shown.head, this.#shownTo) <= 0 ? lateOf(shown) : this.#chains.take(shown);
  }

  /** Advances behind a checked page. Returns findings about heads whose predecessor should have been shown by now. */
  moveOn(page: ShownPage): readonly MonitorFinding[] {
    const { after, heads } = page;
    const last = heads.at(-1);
    if (last !== undefined) {
      this.#recent.push({ after, heads });
      while (this.#recent.length > 1 && this.#recentHeads() > STRETCH_HEADS) this.#recent.shift();
      this.#next = last.head;
    }
    const reach = reachOf(page);
    if (compareHeadPositions(reach, this.#shownTo) > 0) this.#shownTo = reach;
    // Other heads may still follow with the same first instant as the position reached, so stop just before that instant.
    return this.#chains.passed(this.#shownTo.firstUs - 1);
  }

  #recentHeads(): number {
    return this.#recent.reduce((sum, { heads }) => sum + heads.length, 0);
  }
}

function isStart(position: HeadPosition): boolean {
  return compareHeadPositions(position, BEFORE_ALL) === 0;
}

/**
 * The recorded heads in stretches of about a page, each from where the previous one ends, without pages that were recorded as
 * evidence.
 */
export function* stretchesOf(records: Iterable<Recorded>): Generator<KeptStretch> {
  let next: HeadPosition | undefined;
  let after: HeadPosition | undefined;
  let heads: ShownHead[] = [];
  for (const { record, heads: kept } of records) {
    if (next !== undefined && compareHeadPositions(record.after, next) !== 0) continue;
    after ??= record.after;
    if (heads.length > 0 && heads.length + kept.length > STRETCH_HEADS) {
      yield { after, heads, to: record.after };
      after = record.after;
      heads = [];
    }
    heads.push(...kept);
    next = kept.at(-1)?.head ?? record.after;
  }
  const last = heads.at(-1);
  if (after !== undefined && last !== undefined) yield { after, heads, to: last.head };
}
