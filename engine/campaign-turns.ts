/**
 * Settles many campaigns at once, each by itself: one that takes long, waits for a row or fails holds up no other.
 *
 * - At most `atOnce` steps are under way, in the order in which campaigns came to them: everything else that an engine does
 *   with the ledger needs connections too. A raffle that waits for its randomness is in no step.
 * - A campaign that is under way is not begun again. Its steps follow each other, and the lock of each keeps other engines
 *   from it meanwhile (settling.ts), so its order is what it is with one campaign alone.
 * - One that fails is tried again, later each time; passes go on without it.
 */
import type { Logger } from 'pino';
import type { CampaignKind } from '../sql/campaigns.ts';
import { mayPass } from './passing-errors.ts';
import { type SettlingOptions, settleCampaign } from './settling.ts';
import type { Instants } from './settling-step.ts';
import { Slots } from './slots.ts';

/** Campaigns with more to decide than fits in it go on in the next pass. Each gets one step in every pass. */
const SETTLE_MS = 150;
/** So long a pass waits for those that it has begun: then what is decided so far is shown, and they go on beside. */
const SHOWN_AFTER_MS = 400;
const FIRST_AGAIN_MS = 50;
/** A part that comes back is noticed within this; relays of randomness are asked again no sooner. */
const LAST_AGAIN_MS = 2_000;

export interface TurnOptions {
  readonly settling: SettlingOptions;
  /** Steps that are under way at most. */
  readonly atOnce: number;
  readonly log: Logger;
}

export interface Work {
  readonly campaignId: number;
  readonly kind: CampaignKind;
}

interface Failing {
  readonly reason: string;
  readonly times: number;
  readonly againAtMs: number;
}

export class CampaignTurns {
  readonly #options: TurnOptions;
  readonly #settling: SettlingOptions;
  /** Asks for the next pass at once. */
  readonly #onMore: () => void;
  readonly #closing = new AbortController();
  readonly #underWay = new Map<number, Promise<boolean>>();
  readonly #failing = new Map<number, Failing>();

  constructor(options: TurnOptions, onMore: () => void) {
    this.#options = options;
    this.#settling = { ...options.settling, slots: new Slots(options.atOnce) };
    this.#onMore = onMore;
  }

  /** How many campaigns could not be settled when they were tried last. */
  get failing(): number {
    return this.#failing.size;
  }

  /** Whether it can be begun now: it is not under way, and not waiting to be tried again. */
  canBegin({ campaignId }: Work): boolean {
    const againAtMs = this.#failing.get(campaignId)?.againAtMs ?? 0;
    return !this.#underWay.has(campaignId) && performance.now() >= againAtMs;
  }

  /**
   * Begins campaigns, as far as they can be, and waits a while for those that take no longer; for raffles it does not. Answers
   * whether any of them has more to decide at once. Those that come to an end later ask for a pass then.
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
    const more = await within(SHOWN_AFTER_MS, all);
    isWaiting = false;
    return more ?? false;
  }

  /** Stops between two steps, and waits for those under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#underWay.values());
  }

  /** Resolves when its turn is over, however it ended, with whether there is more to decide. */
  #begin(work: Work, instants: () => Instants, goOn: () => boolean): Promise<boolean> {
    const { campaignId } = work;
    const { signal } = this.#closing;
    const goesOn = (): boolean => !signal.aborted && goOn();
    const turn = settleCampaign(this.#settling, campaignId, instants, goesOn, signal)
      .then(more => {
        this.#failing.delete(campaignId);
        return more;
      })
      .catch((err: unknown) => {
        // A stop ends also what waits for randomness.
        if (!signal.aborted) this.#failed(work, err);
        return false;
      })
      .finally(() => this.#underWay.delete(campaignId));
    this.#underWay.set(campaignId, turn);
    return turn;
  }

  /** Said once for each reason: what fails is tried again often. A server that is away is no error of ours. */
  #failed({ campaignId, kind }: Work, err: unknown): void {
    const reason = err instanceof Error ? err.message : String(err);
    const before = this.#failing.get(campaignId);
    const times = (before?.times ?? 0) + 1;
    const againMs = kind === 'raffle' ? LAST_AGAIN_MS : FIRST_AGAIN_MS * 2 ** (times - 1);
    const againAtMs = performance.now() + Math.min(againMs, LAST_AGAIN_MS);
    this.#failing.set(campaignId, { reason, times, againAtMs });
    const level = before?.reason === reason ? 'debug' : mayPass(err) ? 'warn' : 'error';
    const what = kind === 'raffle' ? 'a raffle' : 'a campaign';
    this.#options.log[level]({ err, campaignId }, `${what} could not be settled; retrying`);
  }
}

/** What it resolves with, if that is within so many ms. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
