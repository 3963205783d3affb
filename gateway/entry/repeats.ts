/**
 * Repeated entries, claims and withdrawals: answered at no cost to the log, and limited per user and per client address (a prefix of
 * it, see addressPrefix), by each gateway for itself. Only repeats count, so a crowd behind one address enters unhindered. Of entries,
 * only users who were told of theirs are refused; of claims and withdrawals, also those that still wait for the log.
 */

import { addressPrefix, clientAddress } from '../../engine/contract/clients/client-address.ts';
import type { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import { Buckets } from '../../engine/contract/limits/buckets.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { Metrics } from '../metrics.ts';
import { Entrants } from './entrants.ts';
import { type OwnRequestKind, OwnRequests } from './own-requests.ts';

/** The capacity of a bucket, in seconds of refill: ten page reloads in a row are allowed. */
const BURST_S = 10;
/** Buckets kept of each kind, at most 10 MB in all. With fewer, some buckets of a repeating crowd would start over. */
const MOST_BUCKETS = 32_768;

export interface RepeatTerms {
  readonly perUser: number;
  readonly perPrefix: number;
  readonly remembered: number;
}

export class Repeats {
  /** Claims and withdrawals. */
  readonly own: OwnRequests;
  /** Absent if nobody is remembered. */
  readonly #entrants: Entrants | undefined;
  readonly #terms: RepeatTerms;
  readonly #users: Buckets;
  readonly #prefixes: Buckets;
  readonly #proxies: TrustedProxies;
  readonly #metrics: Metrics;

  constructor(terms: RepeatTerms, parts: { proxies: TrustedProxies; metrics: Metrics }) {
    const bucketsOf = (perSecond: number): Buckets =>
      new Buckets({ perSecond, burst: BURST_S * perSecond, most: MOST_BUCKETS });
    this.#entrants = terms.remembered === 0 ? undefined : new Entrants(terms.remembered);
    this.own = new OwnRequests(terms.remembered);
    this.#terms = terms;
    this.#users = bucketsOf(terms.perUser);
    this.#prefixes = bucketsOf(terms.perPrefix);
    this.#proxies = parts.proxies;
    this.#metrics = parts.metrics;
  }

  /** Notes that the user was told of their entry, also of a withdrawn one. */
  note(campaignId: number, userId: string): void {
    this.#entrants?.note(campaignId, userId);
  }

  /** Whether the user probably has an entry; see Entrants. */
  has(campaignId: number, userId: string): boolean {
    return this.#entrants?.has(campaignId, userId) === true;
  }

  /** Answers 429 if the user, or their address, has repeated too often. Call it before the look-up that it is to save. */
  refuseTooMany(reply: Reply, userId: string, forwardedFor: string): Answered | undefined {
    const nowMs = performance.now();
    const waitMs = Math.max(
      this.#users.take(userId, nowMs),
      this.#waitOfPrefix(reply.remoteAddress(), forwardedFor, nowMs),
    );
    if (waitMs === 0) return undefined;
    this.#metrics.refuse('repeats');
    return reply.problem(
      'too-many-requests',
      `You have asked for this before, and the earlier answer stands. Repeated requests are limited to ${this.#terms.perUser} per second per user and ${this.#terms.perPrefix} per address.`,
      { headers: { 'retry-after': String(Math.ceil(waitMs / 1_000)) } },
    );
  }

  /**
   * For one claim or withdrawal. The returned function answers 429 if the user has asked for that before and repeats too often. Call it
   * before the look-up that it is to save, and again after it: of concurrent requests another may have been looked up first. A repeat
   * counts once.
   */
  guardOwn(
    kind: OwnRequestKind,
    reply: Reply,
    {
      campaignId,
      userId,
      forwardedFor,
    }: Readonly<Record<'userId' | 'forwardedFor', string>> & {
      readonly campaignId: number;
    },
  ): () => Answered | undefined {
    let isCounted = false;
    return () => {
      if (isCounted || !this.own.has(kind, campaignId, userId)) return undefined;
      isCounted = true;
      return this.refuseTooMany(reply, userId, forwardedFor);
    };
  }

  #waitOfPrefix(remote: string, forwardedFor: string, nowMs: number): number {
    const address = clientAddress(this.#proxies, remote, forwardedFor);
    const prefix = address === undefined ? undefined : addressPrefix(address);
    return prefix === undefined ? 0 : this.#prefixes.take(prefix, nowMs);
  }
}
