/**
 * Settles many campaigns concurrently and independently: a campaign that is slow, waits for a row or fails delays no other.
 *
 * - At most `atOnce` steps run, first come, first served: everything else that an engine does with the ledger needs
 *   connections too. A raffle that waits for its randomness is in no step, nor is one whose pool is read as a whole; one
 *   pool is read at a time, as it takes the process's time and memory.
 * - A running campaign is not started again. Its steps run one after another, and the lock of each step keeps other engines
 *   out (settling.ts), so its order is the same as with a single campaign.
 * - A failed campaign is retried with growing delays; cycles continue without it. It is forgotten when it is no longer due, as
 *   when another engine has settled it.
 * - When more campaigns are due than steps run at once, engines share them (work-sharing.ts).
 */
import type { Logger } from 'pino';
import type { CampaignKind } from '../../sql/statements/campaigns/campaigns.ts';
import { withTimeout } from '../contract/process/with-timeout.ts';
import { FailingCampaigns } from '../retrying/failing-campaigns.ts';
import { type SettlingOptions, settleCampaign } from './settling.ts';
import type { Instants } from './settling-step.ts';
import { Slots } from './slots.ts';
import { type DueWork, WorkSharing } from './work-sharing.ts';

/** Campaigns with more to decide than fits continue in the next cycle. Each gets one step per cycle. */
const SETTLE_MS = 150;
/** How long a cycle waits for campaigns it has started; then it publishes the decisions so far, and they continue meanwhile. */
const SHOWN_AFTER_MS = 400;
const FIRST_AGAIN_MS = 50;
/** A recovered component is noticed within this time; drand relays are not asked again sooner. */
const LAST_AGAIN_MS = 2_000;

export interface TurnOptions {
  readonly settling: SettlingOptions;
  /** The maximum number of concurrent steps. */
  readonly atOnce: number;
  readonly log: Logger;
}

export interface Work extends DueWork {
  readonly kind: CampaignKind;
}

export class CampaignTurns {
  readonly #atOnce: number;
  readonly #settling: SettlingOptions;
  /** Requests the next cycle at once. */
  readonly #onMore: () => void;
  readonly #closing = new AbortController();
  readonly #underWay = new Map<number, Promise<boolean>>();
  readonly #failing: FailingCampaigns;
  readonly #sharing = new WorkSharing();

  constructor(options: TurnOptions, onMore: () => void) {
    const { settling, atOnce, log } = options;
    this.#atOnce = atOnce;
    this.#settling = { ...settling, slots: new Slots(atOnce), pools: new Slots(1) };
    this.#failing = new FailingCampaigns({ firstAgainMs: FIRST_AGAIN_MS, lastAgainMs: LAST_AGAIN_MS, log });
    this.#onMore = onMore;
  }

  /** The number of due campaigns whose last settling attempt failed. */
  get failing(): number {
    return this.#failing.count;
  }

  /**
   * Which of the campaigns that are due start now; `due` is all of them. The others are running, wait for a retry, or are left
   * to other engines.
   */
  choose(due: readonly Work[]): readonly Work[] {
    this.#failing.keepOnly(due.map(({ campaignId }) => campaignId));
    const able = due.filter(each => this.canBegin(each));
    const fitsAtOnce = able.length + this.#underWay.size <= this.#atOnce;
    return fitsAtOnce ? able : this.#sharing.choose(able, performance.now());
  }

  /** Whether another engine settles it, as far as is known. */
  isLeft(campaignId: number): boolean {
    return this.#sharing.isLeft(campaignId);
  }

  /** Whether it can start now: it is neither running nor waiting for a retry. */
  canBegin({ campaignId }: Pick<Work, 'campaignId'>): boolean {
    return !this.#underWay.has(campaignId) && this.#failing.isDue(campaignId);
  }

  /**
   * Starts the chosen campaigns and waits for them for a while, but never for raffles. Returns whether any of them
   * has more to decide at once. Campaigns that end later request a cycle then.
   */
  async settle(work: readonly Work[], instants: () => Instants): Promise<boolean> {
    const untilMs = performance.now() + SETTLE_MS;
    let isWaiting = true;
    const begun: Promise<boolean>[] = [];
    for (const each of work.filter(one => this.canBegin(one))) {
      const isBeside = each.kind === 'raffle';
      const turn = this.#begin(each, instants, () => isBeside || performance.now() < untilMs);
      if (!isBeside) begun.push(turn);
      void turn.then(() => {
        if (isBeside || !isWaiting) this.#onMore();
      });
    }
    const all = Promise.all(begun).then(more => more.includes(true));
    const more = await withTimeout(SHOWN_AFTER_MS, all, () => false);
    isWaiting = false;
    return more;
  }

  /** Stops between two steps and waits for running ones. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#underWay.values());
  }

  /** Resolves when its turn has ended in any way, with whether there is more to decide. */
  #begin(work: Work, instants: () => Instants, goOn: () => boolean): Promise<boolean> {
    const { campaignId } = work;
    const { signal } = this.#closing;
    const goesOn = (): boolean => !signal.aborted && goOn();
    const turn = settleCampaign(this.#settling, campaignId, instants, goesOn, signal)
      .then(({ more, isIdle }) => {
        this.#failing.succeeded(campaignId);
        this.#sharing.note(campaignId, isIdle, performance.now());
        return more;
      })
      .catch((err: unknown) => {
        // A stop also ends the wait for randomness.
        if (!signal.aborted) this.#failed(work, err);
        return false;
      })
      .finally(() => this.#underWay.delete(campaignId));
    this.#underWay.set(campaignId, turn);
    return turn;
  }

  #failed({ campaignId, kind }: Work, err: unknown): void {
    if (kind === 'raffle')
      this.#failing.failed(campaignId, err, 'a raffle could not be settled', LAST_AGAIN_MS);
    else this.#failing.failed(campaignId, err, 'a campaign could not be settled');
  }
}
