/**
 * The gateway's copy of the board: read every few tens of milliseconds, so that nothing on the hot path asks anybody.
 *
 * A campaign that this gateway does not understand, as one of a kind that was added after it, is a stranger: nothing of it is
 * served here, and so every change of it can be confirmed.
 *
 * A campaign on the shelf is not kept here either: who asks about it is answered from the ledger (shelved.ts).
 */
import type { BoardCampaign, BoardNews, BoardStranger } from '../engine/contract/board/board.ts';
import { holdsText, readBoard } from '../engine/contract/board/board.ts';
import type { Keys } from '../engine/contract/keys.ts';
import type { RedisClient } from '../engine/contract/redis.ts';
import { monotonicUs } from './clock.ts';

export interface BoardListener {
  /** Something on the board changed: campaigns, or how far ranks are final. */
  changed(campaigns: readonly BoardCampaign[]): void;
  /** These are on the shelf: nothing of them is needed any more. */
  forgot?(campaignIds: readonly number[]): void;
  /** There are strangers that were none before. */
  metStrangers?(strangers: readonly BoardStranger[]): void;
  /** It is another board: what was known of campaigns may be of a ledger that is no more. `changed` with all of them follows. */
  replaced?(): void;
}

export class Board {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #campaigns = new Map<number, BoardCampaign>();
  /** None of them is in #campaigns: of one that was understood before, the terms that it had may not hold any more. */
  readonly #strangers = new Map<number, BoardStranger>();
  readonly #listeners: BoardListener[] = [];
  /** By campaign, the version of the change that is pending. */
  readonly #pending = new Map<number, number>();
  #lease: { readonly gateway: number; readonly incarnation: number } | undefined;
  #epoch = '';
  /** Of the board that the campaigns are of; it stays while there is none. */
  #shownEpoch = '';
  #version = 0;
  #rankedUs = 0;
  #shelvedTo = 0;
  #readAtUs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(redis: RedisClient, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** '' while Redis is new and the engine has not made the board. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Every rank of a request stamped up to here is final, microseconds since the epoch. */
  get rankedUs(): number {
    return this.#rankedUs;
  }

  /** When the last successful read was sent, on the monotonic clock, microseconds. */
  get readAtUs(): number {
    return this.#readAtUs;
  }

  /** Whether a campaign that is not on the board may be on the shelf. */
  mayBeShelved(campaignId: number): boolean {
    return campaignId <= this.#shelvedTo;
  }

  campaign(campaignId: number): BoardCampaign | undefined {
    return this.#campaigns.get(campaignId);
  }

  stranger(campaignId: number): BoardStranger | undefined {
    return this.#strangers.get(campaignId);
  }

  strangers(): Iterable<BoardStranger> {
    return this.#strangers.values();
  }

  campaigns(): readonly BoardCampaign[] {
    return [...this.#campaigns.values()].sort((a, b) => a.campaignId - b.campaignId);
  }

  /** Whether any campaign is open, or waits to be settled: then watermarks must move often. */
  busy(nowUs: number): boolean {
    for (const campaign of this.#campaigns.values()) {
      if (!campaign.finished && campaign.opensAtUs <= nowUs + 1_000_000) return true;
    }
    for (const { finished } of this.#strangers.values()) if (!finished) return true;
    return false;
  }

  /** Which lease the process holds: each read then confirms the pending changes that were read before. undefined: none. */
  confirmAs(lease: { readonly gateway: number; readonly incarnation: number } | undefined): void {
    this.#lease = lease;
  }

  listen(listener: BoardListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads what is new. Calls made while a read is under way share the NEXT one, so that whoever asks sees everything
   * that was published before they asked, and many who ask cost one read.
   */
  refresh(): Promise<void> {
    if (this.#reading === undefined) return this.#start();
    this.#next ??= this.#reading.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    return this.#next;
  }

  #startNext(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const askedUs = monotonicUs();
    const known = { epoch: this.#epoch, version: this.#version };
    const reader = this.#lease && { ...this.#lease, holds: holdsText(this.#pending) };
    const news = await readBoard(this.#redis, this.#keys, known, reader);
    this.#readAtUs = askedUs;
    if (news.epoch === '') {
      // Redis is new. What is known stays until there is another board; no lease is given before.
      this.#epoch = '';
      this.#version = 0;
      return;
    }
    const isAnother = news.epoch !== this.#shownEpoch;
    if (isAnother) this.#replace(news.epoch);
    const moved = isAnother || news.rankedUs > this.#rankedUs;
    this.#epoch = news.epoch;
    this.#version = news.version;
    this.#rankedUs = Math.max(this.#rankedUs, news.rankedUs);
    const changed = news.campaigns.filter(
      campaign => campaign.shelved === undefined && this.#isNews(campaign),
    );
    for (const campaign of changed) {
      this.#strangers.delete(campaign.campaignId);
      this.#campaigns.set(campaign.campaignId, campaign);
    }
    this.#forget(news);
    this.#meet(news.strangers.filter(stranger => this.#isNews(stranger)));
    if (moved || changed.length > 0) for (const listener of this.#listeners) listener.changed(changed);
  }

  /** Whether the record is newer than what is known; then its pending change is noted. */
  #isNews({ campaignId, revision, pending }: BoardCampaign | BoardStranger): boolean {
    const known = this.#campaigns.get(campaignId) ?? this.#strangers.get(campaignId);
    if (known !== undefined && known.revision >= revision) return false;
    if (pending === undefined) this.#pending.delete(campaignId);
    else this.#pending.set(campaignId, pending.version);
    return true;
  }

  /** Those that are shown as shelved, and those that are not on the board any more: their records had said so before. */
  #forget({ campaigns, strangers, isWhole, shelvedTo }: BoardNews): void {
    const shelved = campaigns.filter(each => each.shelved !== undefined).map(each => each.campaignId);
    this.#shelvedTo = Math.max(this.#shelvedTo, shelvedTo, ...shelved);
    const forgotten = new Set(shelved);
    if (isWhole) {
      const shown = new Set([...campaigns, ...strangers].map(each => each.campaignId));
      for (const campaignId of [...this.#campaigns.keys(), ...this.#strangers.keys()])
        if (!shown.has(campaignId)) forgotten.add(campaignId);
    }
    const known = [...forgotten].filter(id => this.#campaigns.has(id) || this.#strangers.has(id));
    for (const campaignId of known) {
      this.#campaigns.delete(campaignId);
      this.#strangers.delete(campaignId);
      this.#pending.delete(campaignId);
    }
    if (known.length > 0) for (const listener of this.#listeners) listener.forgot?.(known);
  }

  #meet(strangers: readonly BoardStranger[]): void {
    const unmet = strangers.filter(({ campaignId }) => !this.#strangers.has(campaignId));
    for (const stranger of strangers) {
      this.#campaigns.delete(stranger.campaignId);
      this.#strangers.set(stranger.campaignId, stranger);
    }
    if (unmet.length > 0) for (const listener of this.#listeners) listener.metStrangers?.(unmet);
  }

  /** The board is whole when it is opened: a campaign that is not on it is no more, as after a ledger was restored. */
  #replace(epoch: string): void {
    this.#shownEpoch = epoch;
    this.#campaigns.clear();
    this.#strangers.clear();
    this.#pending.clear();
    this.#rankedUs = 0;
    this.#shelvedTo = 0;
    for (const listener of this.#listeners) listener.replaced?.();
  }
}
