/**
 * Rebuilds projections beside the cycles, one campaign after another, while gateways accept entries: unfinished campaigns first,
 * then the most recently finished ones; in both groups, those that users ask about come first. Several engines share the
 * work: each skips what another one has taken, and continues what that one abandons.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pool } from '../../sql/database.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import type { ClockWatch } from '../clock/clock-watch.ts';
import { withTimeout } from '../contract/process/with-timeout.ts';
import type { Keys } from '../contract/redis/keys.ts';
import {
  forgetRequestedProjection,
  readRequestedProjections,
} from '../contract/redis/projection/requested.ts';
import type { RedisClient } from '../contract/redis/redis.ts';
import { type Decided, type Made, type Making, makeProjection, RANKED_AT_ONCE } from './make-projection.ts';

/** The delay before a blocked campaign is retried. */
const AGAIN_MS = 100;
/** A large campaign is built in turns of this length, so that one announced just now need not wait for it. */
const TURN_MS = 250;

/** A campaign to build, with its progress. */
interface Job {
  readonly campaign: Campaign;
  decided: Decided | undefined;
  /** When it last ran, and when it can run again. */
  triedAtMs: number;
  againAtMs: number;
  /** Resolves when it is complete. */
  readonly isDone: Promise<void>;
  readonly done: () => void;
}

export interface MakerOptions {
  readonly pool: Pool;
  readonly redis: RedisClient;
  readonly keys: Keys;
  /** The clock that stamps are taken by. */
  readonly clocks: Pick<ClockWatch, 'nowUs'>;
  readonly log: Logger;
  /** Entries ranked by one command; absent: the usual number. */
  readonly rankedAtOnce?: number | undefined;
}

/** The epoch of the registry and its progress, as of the last cycle. */
export interface MakerTurn {
  readonly epoch: number;
  readonly watermarkUs: number;
  readonly rankedUs: number;
}

export class Maker {
  readonly #options: MakerOptions;
  readonly #wanted = new Map<number, Job>();
  readonly #name = randomUUID();
  readonly #closing = new AbortController();
  #turn: MakerTurn = { epoch: 0, watermarkUs: 0, rankedUs: 0 };
  #working: Promise<void> | undefined;
  #requested: ReadonlySet<number> = new Set();

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /** Sets the epoch: work under another epoch no longer counts for this one. */
  follow(turn: MakerTurn): void {
    if (turn.epoch !== this.#turn.epoch) this.#wanted.clear();
    this.#turn = turn;
  }

  want(campaigns: readonly Campaign[]): void {
    for (const campaign of campaigns) {
      const { campaignId } = campaign;
      const decided = this.#wanted.get(campaignId)?.decided;
      let done = (): void => undefined;
      const isDone = new Promise<void>(resolve => {
        done = resolve;
      });
      this.#wanted.set(campaignId, { campaign, decided, triedAtMs: 0, againAtMs: 0, isDone, done });
    }
    this.#begin();
  }

  /** The campaign was shelved: stops building it. */
  forget(campaignId: number): void {
    this.#wanted.delete(campaignId);
  }

  /** Resolves when these are complete, or after `ms`. */
  async attend(campaigns: readonly Campaign[], ms: number): Promise<void> {
    const jobs = campaigns.flatMap(({ campaignId }) => this.#wanted.get(campaignId) ?? []);
    await withTimeout(ms, Promise.all(jobs.map(({ isDone }) => isDone)), () => undefined);
  }

  /** Stops between two campaigns; another engine, or the next start, continues. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
  }

  #begin(): void {
    if (this.#wanted.size === 0 || this.#closing.signal.aborted) return;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // Campaigns requested at the last moment.
      this.#begin();
    });
  }

  async #work(): Promise<void> {
    while (this.#wanted.size > 0 && !this.#closing.signal.aborted) {
      if (this.#wanted.size > 1) await this.#readRequested();
      const job = this.#next(performance.now());
      if (job === undefined) await this.#rest();
      else await this.#make(job);
    }
  }

  async #readRequested(): Promise<void> {
    const { redis, keys } = this.#options;
    this.#requested = await readRequestedProjections(redis, keys).catch(() => this.#requested);
  }

  /** Unfinished campaigns in turns, and while all of these must wait, the most recently finished one. */
  #next(nowMs: number): Job | undefined {
    let best: Job | undefined;
    for (const job of this.#wanted.values()) {
      if (job.againAtMs <= nowMs && (best === undefined || comesBefore(job, best, this.#requested)))
        best = job;
    }
    return best;
  }

  /** Continues it for a while. A failure is retried as long as the campaign is wanted. */
  async #make(job: Job): Promise<void> {
    const { pool, redis, keys, clocks, log, rankedAtOnce = RANKED_AT_ONCE } = this.#options;
    const { campaignId } = job.campaign;
    const { epoch } = this.#turn;
    const beganMs = performance.now();
    job.triedAtMs = beganMs;
    let state: Made['state'] = 'later';
    try {
      const making: Making = {
        pool,
        redis,
        keys: keys.campaign(campaignId),
        turn: { epoch, maker: this.#name, by: randomUUID() },
        rankedAtOnce,
        watermarks: () => this.#turn,
        nowUs: () => clocks.nowUs(),
        goOn: () => performance.now() - beganMs < TURN_MS && !this.#closing.signal.aborted,
      };
      const made = await makeProjection(making, job.campaign, job.decided);
      job.decided = made.decided;
      state = made.state;
    } catch (err) {
      log.debug({ err, campaignId, epoch }, 'cannot build a projection; retrying');
    }
    // Unless it is now wanted under another epoch, or as another row.
    if (state === 'whole') {
      job.done();
      if (this.#requested.has(campaignId))
        await forgetRequestedProjection(redis, keys, campaignId).catch(() => undefined);
    }
    if (state === 'whole' && this.#wanted.get(campaignId) === job) this.#wanted.delete(campaignId);
    if (state === 'later') job.againAtMs = performance.now() + AGAIN_MS;
  }

  async #rest(): Promise<void> {
    await sleep(AGAIN_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}

function comesBefore(job: Job, other: Job, requested: ReadonlySet<number>): boolean {
  const [ended, otherEnded] = [job.campaign.finishedAt, other.campaign.finishedAt];
  if ((ended === null) !== (otherEnded === null)) return ended === null;
  const isRequested = requested.has(job.campaign.campaignId);
  if (isRequested !== requested.has(other.campaign.campaignId)) return isRequested;
  return ended === null || otherEnded === null ? job.triedAtMs < other.triedAtMs : ended > otherEnded;
}
