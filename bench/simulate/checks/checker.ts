/**
 * The checker compares what happened with the eight invariants (see README, "What is guaranteed"). It keeps its own record of
 * what clients were told and of what is in the log, and reads the ledger's rows and the ranks. It shares no code with gateway
 * and engine, so it cannot share their mistakes.
 *
 * After each record of the log, each commit of the ledger and each answer to a client, it checks what these can break. Once all
 * faults are over and nothing is left to do, it checks everything (checker-end.ts).
 */
import {
  CheckedEnds,
  checkClaims,
  checkShownOffer,
  KnownDeadlines,
  type ToldOffer,
} from './checker-claims.ts';
import type { CheckedCoupon } from './checker-coupons.ts';
import { checkGrants } from './checker-grants.ts';
import { KnownWishes } from './checker-leaving.ts';
import type { SeenLedger } from './checker-ledger.ts';
import { CheckedLog, type LoggedItem } from './checker-log.ts';
import { Outages } from './checker-outages.ts';
import { KnownAbsences, Streams } from './checker-presence.ts';
import { CheckedPace, checkRoom } from './checker-rooms.ts';
import type { Announced, SeenCampaign, SeenRows } from './checker-rows.ts';
import { CheckedSchedule } from './checker-schedule.ts';
import { checkOvertaken, checkRules, checkTime } from './checker-settling.ts';
import { CheckedShop } from './checker-shop.ts';
import { CheckedTerms } from './checker-terms.ts';
import type { Checks } from './checks.ts';

/** An invariant is broken; `message` begins with its number. */
export class Violation extends Error {
  readonly invariant: number;

  constructor(invariant: number, what: string) {
    super(`invariant ${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

export interface ToldOutcome {
  readonly campaignId: number;
  readonly userId: string;
  readonly outcome: string;
  readonly serial: number | undefined;
  readonly position: number | undefined;
}

/** What a user was told before the current request. */
export interface ToldSoFar {
  /** The lowest stamp. */
  readonly stamp: number | undefined;
  /** A final outcome. */
  readonly outcome: string | undefined;
}

interface ToldAgain {
  readonly status: number;
  readonly type: unknown;
  readonly outcome: unknown;
  /** The stamp in an answer about the user's own entry. */
  readonly stamp: number | undefined;
}

const STAMPS_PER_US = 1024;

export class Checker implements Checks {
  readonly log: CheckedLog;
  /** The terms of the versions in effect. */
  readonly announced: Map<number, Announced>;
  readonly schedule = new CheckedSchedule();
  /** The stocks that were announced before those in effect. */
  readonly raised = new Map<number, readonly number[]>();
  readonly accepted: { readonly campaignId: number; readonly userId: string; readonly stamp: number }[] = [];
  /** Keyed by `campaign/user`: the position that was shown. */
  readonly shown = new Map<string, number>();
  /** The count of users ahead that a client was shown last. */
  readonly #ahead = new WeakMap<object, number>();
  readonly outcomes: ToldOutcome[] = [];
  readonly claimed: { readonly campaignId: number; readonly userId: string; readonly serial: number }[] = [];
  readonly ends = new CheckedEnds();
  readonly deadlines = new KnownDeadlines();
  readonly streams = new Streams();
  readonly rooms: CheckedTerms;
  readonly shop: CheckedShop;
  readonly absences = new KnownAbsences();
  readonly pace = new CheckedPace();
  readonly wishes = new KnownWishes();
  readonly outages = new Outages();
  /** When no engine could take in reports of streams, including the times of unavailability. */
  readonly reports = new Outages();
  /** By how much a clock that is set may go unnoticed: CLOCK_STOP_MS, where one is set. */
  clockOffUs = 0;
  /** By how much a gateway's clock, and Redis', may be off unnoticed: CLOCK_STOP_MS each. */
  stampOffUs = 0;
  /** How long before the request a stamp may lie: proxies note earlier times. */
  stampBehindUs = Number.POSITIVE_INFINITY;
  /** Until then a gateway was further behind without knowing it, because its machine had stood still. */
  behindUntilUs: () => number = () => 0;
  /** How long before it is made an offer may begin: when there is much to decide, the last is no later than the first. */
  offeredBeforeUs = Number.POSITIVE_INFINITY;
  readonly #ledger: SeenLedger;
  readonly #broken: (violation: Violation) => void;
  /** The last seen state of the campaigns. */
  readonly #seen = new Map<number, SeenRows>();

  constructor(
    { campaigns: announced, coupons }: { campaigns: readonly Announced[]; coupons: readonly CheckedCoupon[] },
    ledger: SeenLedger,
    broken: (violation: Violation) => void,
  ) {
    this.announced = new Map(announced.map(campaign => [campaign.campaignId, campaign]));
    this.#ledger = ledger;
    this.#broken = broken;
    this.shop = new CheckedShop(coupons, ledger.shop);
    this.rooms = new CheckedTerms(announced, () => ledger.roomTerms());
    this.log = new CheckedLog(campaignId => this.announced.get(campaignId)?.opensAtUs ?? 0);
  }

  /** A record was appended to the log. */
  landed(partition: number, bytes: Buffer, nowUs: number): void {
    for (const item of this.log.land(partition, bytes, what => this.breaks(1, what))) {
      if (item.isEntry) this.#checkStamp(item, nowUs);
      const seen = this.#seen.get(item.campaignId);
      if (item.isEntry && seen !== undefined) checkOvertaken(this, seen, item.userId);
    }
  }

  /** No stamp comes from a clock whose error could have been noticed. */
  #checkStamp({ campaignId, userId, stamp }: LoggedItem, nowUs: number): void {
    const stampUs = (this.announced.get(campaignId)?.opensAtUs ?? 0) + Math.floor(stamp / STAMPS_PER_US);
    const askedUs = this.schedule.firstAskedUs(campaignId, userId) ?? nowUs;
    if (stampUs > nowUs + this.stampOffUs)
      this.breaks(
        3,
        `${userId} of campaign ${campaignId} is stamped ${stampUs - nowUs} us ahead of the time`,
      );
    if (stampUs < askedUs - this.stampBehindUs && askedUs > this.behindUntilUs())
      this.breaks(
        3,
        `${userId} of campaign ${campaignId} is stamped ${askedUs - stampUs} us before they asked`,
      );
  }

  /** The ledger has committed a transaction that began at `beganUs`. */
  committed(beganUs: number, nowUs: number): void {
    if (this.shop.isOpen) this.shop.committed(this, nowUs);
    this.absences.committed(this.#ledger.people(), this.reports.sinceUs ?? nowUs, nowUs);
    for (const campaign of this.#ledger.campaigns()) {
      const before = this.#seen.get(campaign.campaignId);
      if (before?.campaign.revision === campaign.revision) continue;
      this.#takeVersion({ campaign, before: before?.campaign }, nowUs);
      const rows = this.rowsOf(campaign);
      if (rows === undefined) continue;
      this.#seen.set(campaign.campaignId, rows);
      checkRules(this, rows);
      checkTime(this, rows, nowUs);
      checkGrants(this, rows, before);
      this.wishes.check(this, rows, before, beganUs);
      if (rows.announced.claims !== undefined) checkClaims(this, rows, before, nowUs);
      if (rows.announced.room !== undefined) {
        this.rooms.committed(this, campaign.campaignId);
        checkRoom(this, rows, before, nowUs);
      }
      for (const userId of rows.logged.earliest.keys()) checkOvertaken(this, rows, userId);
    }
    const isClaimant = (campaignId: number, userId: string): boolean =>
      this.#seen.get(campaignId)?.claimants.some(claimant => claimant.userId === userId) === true;
    this.wishes.committed(this.#ledger.withdrawals(), isClaimant, nowUs);
  }

  #takeVersion(rows: Parameters<CheckedSchedule['committed']>[1], nowUs: number): void {
    const { campaignId } = rows.campaign;
    const announced = this.announced.get(campaignId);
    if (announced === undefined) return;
    const changed = this.schedule.committed(this, rows, announced, this.#ledger.versions(), nowUs);
    if (changed === undefined) return;
    this.announced.set(campaignId, changed);
    if (changed.stock > announced.stock)
      this.raised.set(campaignId, [...(this.raised.get(campaignId) ?? []), announced.stock]);
  }

  rowsOf(campaign: SeenCampaign): SeenRows | undefined {
    const { campaignId } = campaign;
    const announced = this.announced.get(campaignId);
    if (announced === undefined) return undefined;
    const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
    const entries = this.#ledger.entries().filter(isOfIt);
    const winners = this.#ledger.grants().filter(isOfIt);
    const alternates = this.#ledger
      .alternates()
      .filter(isOfIt)
      .toSorted((a, b) => a.waitlistPosition - b.waitlistPosition);
    const gone = this.#ledger.withdrawals().filter(row => isOfIt(row) && row.honoured === true);
    return {
      campaign,
      announced,
      logged: this.log.campaign(campaignId),
      entries: new Map(
        [...entries].sort((a, b) => a.stamp - b.stamp).map(({ userId, stamp }) => [userId, stamp]),
      ),
      winners: [...winners].sort((a, b) => a.serial - b.serial),
      alternates: alternates.map(({ userId }) => userId),
      gone: new Set(gone.map(({ userId }) => userId)),
      claimants: this.#ledger
        .claimants()
        .filter(isOfIt)
        .toSorted((a, b) => a.number - b.number),
      people: this.#ledger.people().filter(isOfIt),
      terms: announced.room && this.rooms.current(campaignId),
    };
  }

  ledger(): SeenLedger {
    return this.#ledger;
  }

  breaks(invariant: number, what: string): void {
    this.#broken(new Violation(invariant, what));
  }

  /** A gateway answers 202, or 200 with a valid entry: the log has that entry, and it counts. */
  toldAccepted(campaignId: number, userId: string, stamp: number, askedUs: number): void {
    const stampUs = (this.announced.get(campaignId)?.opensAtUs ?? 0) + Math.floor(stamp / 1024);
    this.schedule.entered(this, { campaignId, userId, askedUs, stampUs });
    this.accepted.push({ campaignId, userId, stamp });
    const earliest = this.log.campaign(campaignId).earliest.get(userId);
    if (earliest === undefined || earliest > stamp) {
      this.breaks(
        1,
        `${userId} was told ${stamp}; what counts in the log of campaign ${campaignId} is ${earliest}`,
      );
    }
  }

  /** What a user was told so far. */
  toldSoFar(campaignId: number, userId: string): ToldSoFar {
    const isTheirs = (each: { readonly campaignId: number; readonly userId: string }): boolean =>
      each.campaignId === campaignId && each.userId === userId;
    const told = this.accepted.filter(isTheirs);
    return {
      stamp: told.length === 0 ? undefined : Math.min(...told.map(({ stamp }) => stamp)),
      // A user who was skipped in a room may come back.
      outcome:
        this.announced.get(campaignId)?.kind === 'room' ? undefined : this.outcomes.find(isTheirs)?.outcome,
    };
  }

  /** Checks an answer against what the user had been told before the request. */
  toldAgain(userId: string, before: ToldSoFar, { status, type, stamp, outcome }: ToldAgain): void {
    if (before.outcome !== undefined && (outcome === 'waiting' || outcome === 'waitlisted'))
      this.breaks(1, `${userId} was told ${before.outcome}, and ${outcome} when they asked again`);
    if (before.stamp === undefined) return;
    if (status === 404 && type === 'urn:fairline:problem:no-entry')
      this.breaks(1, `${userId} was accepted, and told that there is no entry`);
    if (stamp !== undefined && stamp > before.stamp)
      this.breaks(4, `${userId} was told ${before.stamp}, and ${stamp} when they asked again`);
  }

  /**
   * A gateway answers `sold_out`: then nothing is left of the stock that it knows, and no winner gets that answer. A gateway may
   * not know yet that the stock was raised, but it never knows of more than was announced.
   */
  toldSoldOut(campaignId: number, userId: string, stock = 0): void {
    const winners = this.#ledger.grants().filter(grant => grant.campaignId === campaignId);
    const announced = this.announced.get(campaignId)?.stock ?? 0;
    const isKnown = stock === announced || (this.raised.get(campaignId)?.includes(stock) ?? false);
    if (!isKnown) this.breaks(8, `told that a stock of ${stock} is gone; announced are ${announced}`);
    if (winners.length < stock) this.breaks(2, `told sold out with ${winners.length} of ${stock} granted`);
    if (winners.some(winner => winner.userId === userId))
      this.breaks(1, `${userId} has one and was told sold out`);
  }

  /** A gateway answers that the campaign is closed: never to a user whose entry is decided, or soon will be. */
  toldClosed(campaignId: number, userId: string): void {
    const seen = this.#seen.get(campaignId);
    const stamp = seen?.entries.get(userId);
    if (seen === undefined || stamp === undefined || stamp > seen.campaign.settledStamp) return;
    this.breaks(1, `${userId} has the entry ${stamp} and was told that campaign ${campaignId} is closed`);
  }

  /**
   * A client is shown its position: all clients of a user see the same one. The count ahead only falls for one client; two
   * clients, at two gateways, may learn of a change one after the other.
   */
  toldPosition(
    campaignId: number,
    userId: string,
    position: number,
    ahead?: { readonly client: object; readonly count: number },
  ): void {
    const key = `${campaignId}/${userId}`;
    const before = this.shown.get(key) ?? position;
    this.shown.set(key, before);
    if (position !== before) {
      this.breaks(5, `${userId} of campaign ${campaignId} was shown ${before}, then ${position}`);
    }
    if (ahead === undefined) return;
    const { client, count } = ahead;
    const aheadBefore = this.#ahead.get(client) ?? count;
    if (count > aheadBefore) this.breaks(5, `${userId} had ${aheadBefore} ahead, then ${count}`);
    this.#ahead.set(client, count);
  }

  /** A gateway shows an offer, on a stream or with the entry. */
  toldOffer(told: ToldOffer, nowUs: number): void {
    const announced = this.announced.get(told.campaignId);
    if (announced === undefined) return;
    const claimants = this.#ledger.claimants().filter(({ campaignId }) => campaignId === told.campaignId);
    checkShownOffer(this, { announced, claimants }, told, nowUs);
  }

  /** A gateway answers that an offer is claimed. */
  toldClaimed(campaignId: number, userId: string, serial: number): void {
    this.claimed.push({ campaignId, userId, serial });
  }

  toldOutcome(told: ToldOutcome): void {
    this.outcomes.push(told);
    const { campaignId, userId, outcome, serial, position } = told;
    if (position !== undefined) this.toldPosition(campaignId, userId, position);
    if (outcome !== 'granted' && outcome !== 'won' && outcome !== 'admitted') return;
    const grants = this.#ledger
      .grants()
      .filter(grant => grant.campaignId === campaignId && grant.userId === userId);
    if (grants[0]?.serial !== serial)
      this.breaks(1, `${userId} was told serial ${serial}, and has ${grants[0]?.serial}`);
    const campaign = this.#ledger.campaigns().find(each => each.campaignId === campaignId);
    if (serial !== undefined && campaign !== undefined && campaign.grantedCount < serial)
      this.breaks(6, `${userId} was told serial ${serial} of a draw that is not whole`);
  }
}
