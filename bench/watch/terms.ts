import type { Base } from '../load/job.ts';
import type { SightCounts } from './sight.ts';

/** Dropping the connection while something is shown, and coming back. */
export interface Reloading {
  readonly times: number;
  readonly withoutId: boolean;
  readonly afterMs: { readonly from: number; readonly to: number };
}

/** Who watches what, and how. */
export interface WatcherTerms {
  readonly campaign: number;
  readonly user: string;
  readonly enter: 'post' | 'wait';
  readonly bases: readonly Base[];
  /** The place in the list of bases to begin at. */
  readonly turn: number;
  readonly ticket: () => string;
  readonly reloading: Reloading | undefined;
}

/** What the watchers of a run share. */
export interface WatcherRun extends SightCounts {
  /** Nobody makes entries any more: who waits for one need not wait longer. */
  readonly finishing: boolean;
  /** Something went wrong that is put right by coming back, by code. */
  error(code: string): void;
  over(): void;
}
