/**
 * The order in which heads are shown (`GET /v1/heads`): by first instant, gateway, incarnation and slice number, so that each
 * has a unique position. Also spans of that order in which a keeper has seen all heads.
 */

import { Unreadable } from '../findings.ts';

export interface HeadPosition {
  readonly firstUs: number;
  readonly gateway: number;
  readonly incarnation: number;
  readonly sliceNumber: number;
}

export const BEFORE_ALL: HeadPosition = { firstUs: 0, gateway: 0, incarnation: 0, sliceNumber: 0 };

/** After all heads that begin at or before an instant, and before all others: incarnations and slices are numbered from 1. */
export function behind(throughUs: number): HeadPosition {
  return { ...BEFORE_ALL, firstUs: throughUs + 1 };
}

export function compareHeadPositions(a: HeadPosition, b: HeadPosition): number {
  return (
    a.firstUs - b.firstUs ||
    a.gateway - b.gateway ||
    a.incarnation - b.incarnation ||
    a.sliceNumber - b.sliceNumber
  );
}

/** Without what else a head has. */
export function positionOf({ firstUs, gateway, incarnation, sliceNumber }: HeadPosition): HeadPosition {
  return { firstUs, gateway, incarnation, sliceNumber };
}

/** In the format of the service: the four numbers separated by dots. */
export function headPositionText({ firstUs, gateway, incarnation, sliceNumber }: HeadPosition): string {
  return `${firstUs}.${gateway}.${incarnation}.${sliceNumber}`;
}

/** Undefined if the text is not a result of `headPositionText`. */
export function readHeadPosition(text: string): HeadPosition | undefined {
  const match = /^(\d{1,16})\.(\d{1,4})\.(\d{1,16})\.(\d{1,16})$/.exec(text);
  if (match === null) return undefined;
  const [firstUs = 0, gateway = 0, incarnation = 0, sliceNumber = 0] = match.slice(1).map(Number);
  const position = { firstUs, gateway, incarnation, sliceNumber };
  const isExact = [firstUs, incarnation, sliceNumber].every(Number.isSafeInteger);
  return isExact && headPositionText(position) === text ? position : undefined;
}

/** After `from`, up to and including `to`. */
export interface Span {
  readonly from: HeadPosition;
  readonly to: HeadPosition;
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
    if (compareHeadPositions(from, to) >= 0) return;
    const first = this.#firstEndingFrom(from);
    let least = from;
    let greatest = to;
    let count = 0;
    for (let span = this.#spans[first]; span !== undefined; span = this.#spans[first + count]) {
      if (compareHeadPositions(span.from, to) > 0) break;
      if (compareHeadPositions(span.from, least) < 0) least = span.from;
      if (compareHeadPositions(span.to, greatest) > 0) greatest = span.to;
      count += 1;
    }
    if (first < this.#spans.length && this.#spans.length > MOST_SCATTERED)
      throw new Unreadable('too-large', `the kept heads are unordered, in more than ${MOST_SCATTERED} spans`);
    this.#spans.splice(first, count, { from: least, to: greatest });
  }

  has(position: HeadPosition): boolean {
    const span = this.#spans[this.#firstEndingFrom(position)];
    return span !== undefined && compareHeadPositions(span.from, position) < 0;
  }

  /** Whether one of them contains all of another span. */
  covers({ from, to }: Span): boolean {
    const span = this.#spans[this.#firstEndingFrom(to)];
    return span !== undefined && compareHeadPositions(span.from, from) <= 0;
  }

  /** The index of the first span that ends at or after a position. */
  #firstEndingFrom(position: HeadPosition): number {
    let from = 0;
    let to = this.#spans.length;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const span = this.#spans[middle];
      if (span !== undefined && compareHeadPositions(span.to, position) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
