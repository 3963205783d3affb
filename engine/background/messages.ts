/** What an engine and its background process tell each other, as JSON over the channel that `fork` opens. */
import type { IntakeCounts } from '../intake/intake.ts';

/** `run` starts intake and books, `trim` trims the log, `close` stops all. Each is answered. */
export type Command = 'run' | 'trim' | 'close';

export interface Call {
  readonly call: number;
  readonly command: Command;
}

export type Report =
  /** The servers are open; the log has this name (see LogConsumer). */
  | { readonly opened: string }
  /** The start failed; the process ends. */
  | { readonly failed: string }
  /** The command of this call was carried out, or failed. */
  | { readonly answered: number; readonly fault?: string }
  /** A batch was committed. */
  | { readonly batch: IntakeCounts }
  /** The campaigns whose books fail, with the failed attempts in a row; told at each change. */
  | { readonly failingBooks: readonly (readonly [campaignId: number, attempts: number])[] };
