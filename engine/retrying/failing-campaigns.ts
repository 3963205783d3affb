/** Campaigns whose last attempt failed. Each is retried by itself, later each time, so that it holds up no other. */
import type { Logger } from 'pino';
import { isTransient } from './transient-errors.ts';

export interface FailingOptions {
  /** The delay after the first failure; each further one in a row doubles it. */
  readonly firstAgainMs: number;
  /** The greatest delay. */
  readonly lastAgainMs: number;
  readonly log: Logger;
}

interface Failing {
  readonly reason: string;
  readonly times: number;
  readonly againAtMs: number;
}

export class FailingCampaigns {
  readonly #options: FailingOptions;
  readonly #failing = new Map<number, Failing>();

  constructor(options: FailingOptions) {
    this.#options = options;
  }

  /** Failed attempts in a row, by campaign. */
  get times(): ReadonlyMap<number, number> {
    return new Map([...this.#failing].map(([campaignId, { times }]) => [campaignId, times]));
  }

  get count(): number {
    return this.#failing.size;
  }

  has(campaignId: number): boolean {
    return this.#failing.has(campaignId);
  }

  /** Whether it may be attempted now. */
  isDue(campaignId: number): boolean {
    return performance.now() >= (this.#failing.get(campaignId)?.againAtMs ?? 0);
  }

  succeeded(campaignId: number): void {
    this.#failing.delete(campaignId);
  }

  /** Forgets all but these: the others need no further attempt. */
  keepOnly(campaignIds: readonly number[]): void {
    const kept = new Set(campaignIds);
    for (const campaignId of this.#failing.keys())
      if (!kept.has(campaignId)) this.#failing.delete(campaignId);
  }

  /**
   * `what` could not be done. Logged once per reason, because retries are frequent. An unavailable server is not our error.
   * `firstAgainMs`: instead of that of the options.
   */
  failed(
    campaignId: number,
    err: unknown,
    what: string,
    firstAgainMs: number = this.#options.firstAgainMs,
  ): void {
    const reason = err instanceof Error ? err.message : String(err);
    const before = this.#failing.get(campaignId);
    const times = (before?.times ?? 0) + 1;
    const againMs = Math.min(firstAgainMs * 2 ** (times - 1), this.#options.lastAgainMs);
    this.#failing.set(campaignId, { reason, times, againAtMs: performance.now() + againMs });
    const level = before?.reason === reason ? 'debug' : isTransient(err) ? 'warn' : 'error';
    this.#options.log[level]({ err, campaignId }, `${what}; retrying`);
  }
}
