/** A book that was read to its end, as input of checks and reports. */
import type { Drawn } from '../draw/draw.ts';
import type { DrawFacts } from '../draw/randomness.ts';
import type { Header } from './book-header.ts';
import type { Entries } from './entries.ts';
import type { Moves } from './moves.ts';
import type { Judge } from './outcomes.ts';
import type { Slices } from './slices.ts';

/** The parts of a book that could be read to its end. */
export interface ReadBook extends Header {
  readonly slices: Slices;
  readonly entries: Entries;
  readonly judge: Pick<Judge, 'granted' | 'outcomeOf'>;
  /** Only in a campaign with claims. */
  readonly moves: Moves | undefined;
  readonly poolRoot: Uint8Array;
  readonly draw: { readonly facts: DrawFacts; readonly drawn: Drawn } | undefined;
  readonly bytes: number;
}
