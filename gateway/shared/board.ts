/**
 * The gateway's copy of the board: read every few tens of milliseconds, so that the hot path needs no request to Redis.
 *
 * A campaign that this gateway does not support, such as one of a newer kind, is a stranger: this gateway serves no requests
 * for it, and so can confirm every change of it.
 *
 * Shelved campaigns are not kept here either: requests about them are answered from the ledger (cold/shelved.ts).
 */

import { type Blocked, holdsBlocks } from '../../engine/contract/redis/board/blocks.ts';
import type { BoardCampaign, BoardNews, BoardStranger } from '../../engine/contract/redis/board/board.ts';
import { holdsText, readBoard } from '../../engine/contract/redis/board/board.ts';
import type { Keys } from '../../engine/contract/redis/keys.ts';
import type { RedisClient } from '../../engine/contract/redis/redis.ts';
import { monotonicUs } from '../clock/clock.ts';
import { NextCall } from './next-call.ts';

export interface BoardListener {
  /** The board changed: campaigns, or the instant up to which ranks are final. */
  changed(campaigns: readonly BoardCampaign[]): void;
  /** These campaigns were shelved: their state is no longer needed. */
  forgot?(campaignIds: readonly number[]): void;
  /** Others are blocked than before. */
  blocked?(blocked: Blocked): void;
  /** There are new strangers. */
  metStrangers?(strangers: readonly BoardStranger[]): void;
  /** The board is another one: known campaigns may belong to a ledger that no longer exists. `changed` with all follows. */
  replaced?(): void;
}

export class Board {
  readonly #redis: RedisClient;
  readonly #keys: Keys;
  readonly #campaigns = new Map<number, BoardCampaign>();
  /** None of them is in #campaigns: the old terms of a previously supported campaign may no longer apply. */
  readonly #strangers = new Map<number, BoardStranger>();
  readonly #listeners: BoardListener[] = [];
  /** By campaign, the version of the pending change. */
  readonly #pending = new Map<number, number>();
  #lease: { readonly gateway: number; readonly incarnation: number } | undefined;
  #epoch = '';
  /** The epoch of the board of these campaigns; kept while there is no board. */
  #shownEpoch = '';
  #version = 0;
  /** The revision of the list of blocks that the listeners act on. */
  #blocks = 0;
  #rankedUs = 0;
  #shelvedTo = 0;
  #readAtUs = Number.NEGATIVE_INFINITY;
  readonly #reading = new NextCall(() => this.#read());

  constructor(redis: RedisClient, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** '' while Redis is new and the engine has not built the board. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Every rank of a request stamped up to here is final, microseconds since the epoch. */
  get rankedUs(): number {
    return this.#rankedUs;
  }

  /** When the last successful read was sent, by the monotonic clock, microseconds. */
  get readAtUs(): number {
    return this.#readAtUs;
  }

  /** Whether a campaign missing from the board may be shelved. */
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

  /** Whether any campaign is open or waiting to be settled: then watermarks must advance often. */
  busy(nowUs: number): boolean {
    for (const campaign of this.#campaigns.values()) {
      if (!campaign.finished && campaign.opensAtUs <= nowUs + 1_000_000) return true;
    }
    for (const { finished } of this.#strangers.values()) if (!finished) return true;
    return false;
  }

  /** Sets the lease of the process, undefined if none: each read then confirms the pending changes read before. */
  confirmAs(lease: { readonly gateway: number; readonly incarnation: number } | undefined): void {
    this.#lease = lease;
  }

  listen(listener: BoardListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Reads what is new. Calls during a read share the NEXT one, so that every caller sees everything published before the
   * call, and many callers cost one read.
   */
  refresh(): Promise<void> {
    return this.#reading.ask();
  }

  async #read(): Promise<void> {
    const askedUs = monotonicUs();
    const known = { epoch: this.#epoch, version: this.#version, blocks: this.#blocks };
    const reader = this.#lease && { ...this.#lease, holds: this.#holds() };
    const news = await readBoard(this.#redis, this.#keys, known, reader);
    this.#readAtUs = askedUs;
    if (news.epoch === '') {
      // Redis is new. Keep the known state until there is another board; no lease is granted before.
      this.#epoch = '';
      this.#version = 0;
      return;
    }
    if (news.blocked !== undefined) {
      this.#blocks = news.blocked.revision;
      for (const listener of this.#listeners) listener.blocked?.(news.blocked);
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

  #holds(): string {
    const [changes, blocks] = [holdsText(this.#pending), holdsBlocks(this.#blocks)];
    return changes === '' || blocks === '' ? changes + blocks : `${changes},${blocks}`;
  }

  /** Whether the record is newer than the known one; if so, records its pending change. */
  #isNews({ campaignId, revision, pending }: BoardCampaign | BoardStranger): boolean {
    const known = this.#campaigns.get(campaignId) ?? this.#strangers.get(campaignId);
    if (known !== undefined && known.revision >= revision) return false;
    if (pending === undefined) this.#pending.delete(campaignId);
    else this.#pending.set(campaignId, pending.version);
    return true;
  }

  /** Campaigns marked as shelved, and those no longer on the board: their records had been marked before. */
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

  /** The board is complete when opened: a campaign missing from it no longer exists, as after a restore of the ledger. */
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
