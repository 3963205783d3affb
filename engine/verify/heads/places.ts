/**
 * The order in which heads are shown (`GET /v1/heads`): by first instant, gateway, incarnation and slice number, so that each
 * has a unique place. Also spans of that order, in which somebody has seen all heads.
 */

import { Unreadable } from '../findings.ts';

export interface Place {
  readonly firstUs: number;
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
}

export const BEFORE_ALL: Place = { firstUs: 0, gateway: 0, incarnation: 0, sliceNumber: 0 };

/** After all heads that begin at or before an instant, and before all others: incarnations and slices are numbered from 1. */
export function behind(throughUs: number): Place {
  return { ...BEFORE_ALL, firstUs: throughUs + 1 };
}

export function comparePlaces(a: Place, b: Place): number {
  return (
    a.firstUs - b.firstUs ||
    a.gateway - b.gateway ||
    a.incarnation - b.incarnation ||
    a.sliceNumber - b.sliceNumber
  );
}

/** In the format of the service: the four numbers separated by dots. */
export function placeText({ firstUs, gateway, incarnation, sliceNumber }: Place): string {
  return `${firstUs}.${gateway}.${incarnation}.${sliceNumber}`;
}

/** Undefined if the text is not a result of `placeText`. */
export function readPlace(text: string): Place | undefined {
  const match = /^(\d{1,16})\.(\d{1,4})\.(\d{1,16})\.(\d{1,16})$/.exec(text);
  if (match === null) return undefined;
  const [firstUs = 0, gateway = 0, incarnation = 0, sliceNumber = 0] = match.slice(1).map(Number);
  const place = { firstUs, gateway, incarnation, sliceNumber };
  const isExact = [firstUs, incarnation, sliceNumber].every(Number.isSafeInteger);
  return isExact && placeText(place) === text ? place : undefined;
}

/** After `from`, up to and including `to`. */
export interface Span {
  readonly from: Place;
  readonly to: Place;
}

/**
 * A monitor continues where it stopped, and looks back at its records, so it has one span, or a few. Many scattered spans
 * would take time quadratic in their number.
 */
const MOST_SCATTERED = 10_000;

/** Spans that may touch or overlap, merged into as few as possible. */
export class Spans {
  /** By their ends; no two touch. */
  readonly #spans: Span[] = [];

  get all(): readonly Span[] {
    return this.#spans;
  }

  /** Throws Unreadable if there are too many. */
  add({ from, to }: Span): void {
    if (comparePlaces(from, to) >= 0) return;
    const first = this.#firstEndingFrom(from);
    let least = from;
    let greatest = to;
    let count = 0;
    for (let span = this.#spans[first]; span !== undefined; span = this.#spans[first + count]) {
      if (comparePlaces(span.from, to) > 0) break;
      if (comparePlaces(span.from, least) < 0) least = span.from;
      if (comparePlaces(span.to, greatest) > 0) greatest = span.to;
      count += 1;
    }
    if (first < this.#spans.length && this.#spans.length > MOST_SCATTERED)
      throw new Unreadable('too-large', `the kept heads are unordered, in more than ${MOST_SCATTERED} spans`);
    this.#spans.splice(first, count, { from: least, to: greatest });
  }

  has(place: Place): boolean {
    const span = this.#spans[this.#firstEndingFrom(place)];
    return span !== undefined && comparePlaces(span.from, place) < 0;
  }

  /** Whether one of them contains all of another span. */
  covers({ from, to }: Span): boolean {
    const span = this.#spans[this.#firstEndingFrom(to)];
    return span !== undefined && comparePlaces(span.from, from) <= 0;
  }

  /** The index of the first span that ends at or after a place. */
  #firstEndingFrom(place: Place): number {
    let from = 0;
    let to = this.#spans.length;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const span = this.#spans[middle];
      if (span !== undefined && comparePlaces(span.to, place) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
