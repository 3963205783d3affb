/** How far a monitor has followed: where it goes on, what it was shown whole, and the last of it. */
import { BEFORE_ALL, comparePlaces, type Place } from '../verify/heads/places.ts';
import { ChainWatch, type ShownHead } from './chain-watch.ts';
import type { MonitorFinding } from './finding.ts';
import { type KeptStretch, lateOf, reachOf } from './look-back.ts';
import type { ShownPage } from './page.ts';
import type { Recorded } from './record-log.ts';

/** As many as one page of the service shows: what is looked at again at once, and held in memory. */
export const STRETCH_HEADS = 500;

export class Followed {
  #chains: ChainWatch;
  #next: Place;
  #shownTo: Place;
  #isRestored = false;
  /** The last pages that had heads. */
  readonly #recent: { readonly after: Place; readonly heads: readonly ShownHead[] }[] = [];

  /** `from`: where a monitor that has kept nothing begins. */
  constructor(from: Place) {
    this.#next = from;
    this.#shownTo = from;
    this.#chains = new ChainWatch(isStart(from));
  }

  /** Behind it the next page begins. */
  get next(): Place {
    return this.#next;
  }

  /** All up to here was shown. */
  get shownTo(): Place {
    return this.#shownTo;
  }

  /** The last of what was shown, up to where all was; undefined before the first head. */
  get recent(): KeptStretch | undefined {
    const after = this.#recent[0]?.after;
    if (after === undefined) return undefined;
    return { after, heads: this.#recent.flatMap(({ heads }) => heads), to: this.#shownTo };
  }

  /**
   * Takes what an earlier run has kept, in order. What was found then was told then; of chains are no heads whose signature
   * was found wrong.
   */
  restore({ record: { after, throughUs }, heads }: Recorded, isUnsigned: (text: string) => boolean): void {
    if (!this.#isRestored) {
      this.#isRestored = true;
      this.#next = after;
      this.#shownTo = after;
      this.#chains = new ChainWatch(isStart(after));
    }
    // A page that was looked at again is kept as evidence, and leads no further.
    if (comparePlaces(after, this.#next) !== 0) return;
    const page = { after, heads, throughUs };
    for (const shown of heads) if (!isUnsigned(shown.text)) this.look(shown);
    this.moveOn(page);
  }

  /** What is wrong with a head of the next page, if anything is. */
  look(shown: ShownHead): MonitorFinding | undefined {
    return comparePlaces(shown.head, this.#shownTo) <= 0 ? lateOf(shown) : this.#chains.take(shown);
  }

  /** The page was looked at and kept. Answers what has waited in vain for something in it. */
  moveOn(page: ShownPage): readonly MonitorFinding[] {
    const { after, heads } = page;
    const last = heads.at(-1);
    if (last !== undefined) {
      this.#recent.push({ after, heads });
      while (this.#recent.length > 1 && this.#recentHeads() > STRETCH_HEADS) this.#recent.shift();
      this.#next = last.head;
    }
    const reach = reachOf(page);
    if (comparePlaces(reach, this.#shownTo) > 0) this.#shownTo = reach;
    // Of the instant that it reaches others may follow.
    return this.#chains.passed(this.#shownTo.firstUs - 1);
  }

  #recentHeads(): number {
    return this.#recent.reduce((sum, { heads }) => sum + heads.length, 0);
  }
}

function isStart(place: Place): boolean {
  return comparePlaces(place, BEFORE_ALL) === 0;
}

/**
 * What was kept, in stretches of about a page, each from where the one before ends. Pages that were looked at again are no
 * part of it.
 */
export function* stretchesOf(records: Iterable<Recorded>): Generator<KeptStretch> {
  let next: Place | undefined;
  let after: Place | undefined;
  let heads: ShownHead[] = [];
  for (const { record, heads: kept } of records) {
    if (next !== undefined && comparePlaces(record.after, next) !== 0) continue;
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
