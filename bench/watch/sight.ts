import type { Histogram } from '../load/histogram.ts';
import type { ShownLog, ShownOutcome } from './record.ts';

/** What the watchers of a run were shown, counted over all of them. */
export interface SightCounts {
  readonly shown: ShownLog;
  /** From the request for a stream to the first thing shown in it, in microseconds. */
  readonly firstShown: Histogram;
  /** Times that `ahead` grew, or the position became a later one, compared with the last one shown. */
  positionsBackward: number;
  /** Times that the position became an earlier one: a final position never changes. */
  positionsMoved: number;
  /** Times that the outcome differed from the one shown before. */
  outcomesChanged: number;
  /** Times that a stream said that nothing moves. */
  stalled: number;
}

/** What one watcher was shown, over all their streams. */
export class Sight {
  readonly outcomes: ShownOutcome[] = [];
  readonly #index: number;
  readonly #counts: SightCounts;
  #position = 0;
  #ahead = Number.POSITIVE_INFINITY;
  #openedUs = 0;

  constructor(index: number, counts: SightCounts) {
    this.#index = index;
    this.#counts = counts;
  }

  /** A stream is open; it was requested at `askedUs`. */
  opened(askedUs: number): void {
    this.#openedUs = askedUs;
  }

  /** Takes an event; returns what is wrong with it, if anything is. */
  event(type: string, data: string, atUs: number): string | undefined {
    if (type === 'stalled') {
      this.#counts.stalled += 1;
      return undefined;
    }
    if (type === 'paused' || type === 'resumed') return undefined;
    const fields = objectOf(data);
    const { position } = fields;
    if (!isWhole(position, 1)) return `an event ${type} without a position: ${data.slice(0, 100)}`;
    if (this.#openedUs > 0) this.#counts.firstShown.add(atUs - this.#openedUs);
    this.#openedUs = 0;
    if (type === 'outcome') return this.#outcome(position, fields, atUs);
    const { ahead } = fields;
    if (type !== 'position' || !isWhole(ahead, 0)) return `an unknown event ${type}: ${data.slice(0, 100)}`;
    this.#counts.shown.add(this.#index, atUs, position, ahead);
    this.#at(position);
    if (ahead > this.#ahead) this.#counts.positionsBackward += 1;
    this.#ahead = ahead;
    return undefined;
  }

  #outcome(position: number, fields: Fields, atUs: number): string | undefined {
    const { outcome, serial, code } = fields;
    if (typeof outcome !== 'string') return 'an outcome that is no text';
    this.#at(position);
    const shown: ShownOutcome = {
      atUs,
      outcome,
      position,
      serial: isWhole(serial, 1) ? serial : null,
      code: typeof code === 'string' ? code : null,
    };
    const before = this.outcomes.at(-1);
    if (before !== undefined && !isSame(before, shown)) this.#counts.outcomesChanged += 1;
    this.outcomes.push(shown);
    return undefined;
  }

  #at(position: number): void {
    if (this.#position !== 0 && position > this.#position) this.#counts.positionsBackward += 1;
    if (position < this.#position) this.#counts.positionsMoved += 1;
    this.#position = position;
  }
}

interface Fields {
  readonly position?: unknown;
  readonly ahead?: unknown;
  readonly outcome?: unknown;
  readonly serial?: unknown;
  readonly code?: unknown;
}

function isSame(one: ShownOutcome, other: ShownOutcome): boolean {
  return one.outcome === other.outcome && one.serial === other.serial && one.code === other.code;
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least;
}

/** The members of a JSON object; none when the text is something else, or not JSON. */
export function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
