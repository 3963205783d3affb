import type { Base } from '../load/job.ts';
import type { SightCounts } from './sight.ts';

/** Dropping the connection while something is shown, and reconnecting. */
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
  /** The index in the list of bases to begin at. */
  readonly turn: number;
  readonly ticket: () => string;
  readonly reloading: Reloading | undefined;
}

/** What the watchers of a run share. */
export interface WatcherRun extends SightCounts {
  /** Nobody makes entries any more: a watcher need not wait for one any longer. */
  readonly finishing: boolean;
  /** A failure that a reconnect mends, by code. */
  error(code: string): void;
  over(): void;
}
