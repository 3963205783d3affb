/**
 * Checks whether the epoch that Redis shows is still the latest. A server that was replaced in a failover and still answers
 * cannot know, and its data about a user may be older than the answer of another gateway.
 *
 * The log knows, at no extra cost: it refuses a writer whose epoch has been followed by another. While the log does not answer,
 * the ledger decides: an epoch is written there before anything is shown under it.
 */
import { withTimeout } from '../../engine/contract/process/with-timeout.ts';
import type { SlicePipeline } from '../entry/slices.ts';
import { NextCall } from './next-call.ts';

export interface EpochCheckParts {
  /** The pipeline of the incarnation that serves; undefined without a lease. */
  readonly pipeline: () => Pick<SlicePipeline, 'epoch' | 'confirm'> | undefined;
  /** The epoch that started last, from the ledger. */
  readonly readEpoch: () => Promise<number>;
}

/** An idle gateway's log answers well within this; a longer wait would only hold up readers while the log is away. */
const LOG_WAIT_MS = 500;

export class EpochCheck {
  readonly #pipeline: EpochCheckParts['pipeline'];
  readonly #ledger: NextCall<number>;

  constructor({ pipeline, readEpoch }: EpochCheckParts) {
    this.#pipeline = pipeline;
    this.#ledger = new NextCall(readEpoch);
  }

  /** Whether no later epoch had started when this was called; also false if neither the log nor the ledger knows. */
  async isLatest(epoch: string): Promise<boolean> {
    const pipeline = this.#pipeline();
    const byLog = pipeline?.epoch === epoch ? pipeline.confirm() : undefined;
    if (byLog !== undefined && (await withTimeout(LOG_WAIT_MS, byLog, () => false))) return true;
    if (await this.#isLatestInLedger(epoch)) return true;
    return (await byLog) === true;
  }

  async #isLatestInLedger(epoch: string): Promise<boolean> {
    try {
      return String(await this.#ledger.ask()) === epoch;
    } catch {
      return false;
    }
  }
}
