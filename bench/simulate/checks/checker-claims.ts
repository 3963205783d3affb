/**
 * What must hold where users must claim grants and wins: a serial has one holder at a time, nobody loses a position on the
 * waitlist, an offer ends in exactly one way, a freed serial goes to the next in line, and a deadline is as far off as
 * announced, outages excluded. Shares no code with gateway and engine.
 */
import type { Announced, SeenClaimant, SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

/** The error of the known beginning and end of an outage, and of clocks. */
const SLACK_US = 80_000;
/**
 * The service was certainly available this short a time before an offer is made: an outage may extend the offer's deadline by
 * this much too much.
 */
const AVAILABLE_BEFORE_US = 3_000_000;

/** Offers that an operator ends by hand. */
export class CheckedEnds {
  /** A gateway may rely on its last read for this long. */
  leaseUs = 0;
  readonly #askedUs = new Map<string, number>();

  /** The operator requests the end of a user's offer. A repeated request changes nothing. */
  requested(campaignId: number, userId: string, nowUs: number): void {
    const key = `${campaignId}/${userId}`;
    if (!this.#askedUs.has(key)) this.#askedUs.set(key, nowUs);
  }

  /** The offer does not end before this, unless its time is over; undefined if nobody has requested its end. */
  dueUs(campaignId: number, userId: string): number | undefined {
    const askedUs = this.#askedUs.get(`${campaignId}/${userId}`);
    return askedUs === undefined ? undefined : askedUs + this.leaseUs;
  }
}

/** What users are shown of an offer. */
export interface ToldOffer {
  readonly campaignId: number;
  readonly userId: string;
  /** As in the answer: RFC 3339; anything else if none is shown. */
  readonly claimBy: unknown;
}

/** The deadlines that the ledger has had, to compare those with that users are shown. */
export class KnownDeadlines {
  /** Keyed by `campaign/user`: stored deadlines. The operator may have moved one. */
  readonly #storedUs = new Map<string, Set<number>>();
  /** By campaign: how much outages had extended the stored deadlines. */
  readonly #outagesUs = new Map<number, Set<number>>();

  committed({ campaign: { campaignId, outageUs }, claimants }: SeenRows): void {
    this.#outagesUs.set(campaignId, (this.#outagesUs.get(campaignId) ?? new Set()).add(outageUs));
    for (const { userId, claimByUs, endingUs } of claimants) {
      const key = `${campaignId}/${userId}`;
      const stored = this.#storedUs.get(key) ?? new Set();
      for (const us of [claimByUs, endingUs]) if (us !== null) stored.add(us);
      this.#storedUs.set(key, stored);
    }
  }

  /** Whether the ledger has had this deadline, ms since the epoch. A gateway may not know yet of what has extended it since. */
  has({ campaignId, userId }: ToldOffer, claimByMs: number): boolean {
    const stored = this.#storedUs.get(`${campaignId}/${userId}`) ?? [];
    const outages = this.#outagesUs.get(campaignId) ?? [];
    return [...stored].some(us => [...outages].some(byUs => Math.floor((us + byUs) / 1_000) === claimByMs));
  }
}

/** At `nowUs` a gateway shows an offer of the rows' campaign: with a deadline, and one that rules and outages allow. */
export function checkShownOffer(
  checker: Checks & { readonly deadlines: KnownDeadlines },
  { announced, claimants }: Pick<SeenRows, 'announced' | 'claimants'>,
  told: ToldOffer,
  nowUs: number,
): void {
  const { userId, claimBy } = told;
  if (typeof claimBy !== 'string') {
    // To a clock that is behind unnoticed, a right deadline lies beyond the rules.
    if (nowUs > checker.behindUntilUs()) checker.breaks(9, `${userId} is shown an offer without a deadline`);
    return;
  }
  const claimByMs = Date.parse(claimBy);
  if (!checker.deadlines.has(told, claimByMs))
    checker.breaks(9, `${userId} is shown the deadline ${claimBy}, which the ledger never had`);
  if (claimByMs * 1_000 > latestUs(checker, announced, nowUs))
    checker.breaks(9, `${userId} is shown a deadline ${claimByMs * 1_000 - nowUs} us away`);
  const offeredUs = claimants.find(row => row.userId === userId)?.offeredUs ?? 0;
  const leastMs = Math.floor((offeredUs + withinUsOf(announced)) / 1_000);
  if (claimByMs < leastMs && checker.ends.dueUs(announced.campaignId, userId) === undefined)
    checker.breaks(9, `${userId} is shown a deadline ${leastMs - claimByMs} ms before that of the rules`);
}

function withinUsOf({ claims }: Announced): number {
  return (claims?.withinS ?? 0) * 1_000_000;
}

/** No deadline is later at `nowUs`: only past outages extend the announced time to claim. */
function latestUs(checker: Checks, announced: Announced, nowUs: number): number {
  return nowUs + withinUsOf(announced) + AVAILABLE_BEFORE_US + SLACK_US + checker.clockOffUs;
}

function holds({ state }: SeenClaimant): boolean {
  return state === 'offered' || state === 'claimed';
}

function isOver({ state }: SeenClaimant): boolean {
  return state !== 'offered' && state !== 'waitlisted';
}

/** Runs after each commit, at `nowUs`. */
export function checkClaims(
  checker: Checks & { readonly deadlines: KnownDeadlines },
  rows: SeenRows,
  before: SeenRows | undefined,
  nowUs: number,
): void {
  const { announced, claimants, campaign } = rows;
  const holders = claimants.filter(holds);
  if (holders.length > announced.stock)
    checker.breaks(2, `campaign ${campaign.campaignId} has ${holders.length} holders of ${announced.stock}`);
  if (new Set(holders.map(({ serial }) => serial)).size !== holders.length)
    checker.breaks(2, `campaign ${campaign.campaignId} has a serial with two holders`);
  for (const old of before?.claimants ?? []) {
    const row = claimants.find(({ number }) => number === old.number);
    if (row?.userId !== old.userId)
      checker.breaks(1, `${old.userId} had the number ${old.number}, and lost it`);
    else if (isOver(old) && row.state !== old.state)
      checker.breaks(1, `${row.userId} was ${old.state}, and is ${row.state}`);
    else if (old.state === 'offered' && row.state === 'lapsed') checkLapse(checker, rows, row, nowUs);
  }
  for (const row of claimants) {
    const was = before?.claimants.find(({ number }) => number === row.number)?.state;
    const agoUs = nowUs - (row.offeredUs ?? 0);
    if (row.state === 'offered' && was !== 'offered' && agoUs > checker.offeredBeforeUs)
      checker.breaks(9, `${row.userId} is offered something of ${agoUs} us ago`);
  }
  checker.deadlines.committed(rows);
  checkDeadlines(checker, rows, nowUs);
  checkTurns(checker, rows);
  if (announced.kind === 'coupon') checkWaitlist(checker, rows);
}

function checkDeadlines(checker: Checks, { announced, campaign, claimants }: SeenRows, nowUs: number): void {
  for (const { userId, state, claimByUs } of claimants) {
    const dueUs = (claimByUs ?? 0) + campaign.outageUs;
    if (state === 'offered' && dueUs > latestUs(checker, announced, nowUs))
      checker.breaks(9, `${userId} has a deadline ${dueUs - nowUs} us away`);
  }
}

/** Numbers follow stamp order: the first users have a serial each, and those behind them wait. */
function checkWaitlist(checker: Checks, { announced, campaign, claimants, entries, gone }: SeenRows): void {
  const right = [...entries]
    .filter(
      ([userId, stamp]) => stamp <= (campaign.cancelledStamp ?? campaign.settledStamp) && !gone.has(userId),
    )
    .slice(0, announced.stock + (announced.claims?.waitlist ?? 0))
    .map(([userId]) => userId);
  const given = claimants.map(({ userId }) => userId);
  // While a raise is under way, not everybody who is due is a claimant yet.
  if (campaign.raisedStamp !== null && given.every((userId, index) => right[index] === userId)) return;
  if (right.join() !== given.join())
    checker.breaks(
      3,
      `campaign ${campaign.campaignId} has the claimants ${given}; by stamp they are ${right}`,
    );
}

/** Nobody gets an offer while a user ahead of them waits. */
function checkTurns(checker: Checks, { campaign, claimants }: SeenRows): void {
  const waiting = claimants
    .filter(({ state }) => state === 'waitlisted')
    .map(({ waitlistPosition }) => waitlistPosition ?? 0);
  const next = Math.min(...waiting);
  for (const { userId, waitlistPosition, serial } of claimants) {
    if (waitlistPosition !== null && serial !== null && waitlistPosition > next)
      checker.breaks(
        3,
        `campaign ${campaign.campaignId}: ${userId} of waitlist position ${waitlistPosition} was offered before ${next}`,
      );
  }
}

/**
 * An offer lapses when it was open for the announced time, outages excluded; or when the operator has ended it and every
 * gateway has had the time to learn of that.
 */
function checkLapse(checker: Checks, { announced }: SeenRows, row: SeenClaimant, nowUs: number): void {
  const withinUs = withinUsOf(announced);
  const fromUs = row.offeredUs ?? 0;
  const hadUs = nowUs - fromUs - checker.outages.between(fromUs, nowUs);
  const slackUs = SLACK_US + checker.clockOffUs;
  if (hadUs >= withinUs - slackUs) return;
  const dueUs = checker.ends.dueUs(announced.campaignId, row.userId);
  if (dueUs === undefined)
    checker.breaks(1, `${row.userId} had ${hadUs} us to claim what was offered, of ${withinUs}`);
  else if (nowUs < dueUs - slackUs)
    checker.breaks(1, `${row.userId} lost what was offered ${dueUs - nowUs} us before all could know`);
}

/** At the end, every user who claimed in time holds the offered serial, and nothing is left over while a user waits. */
export function checkClaimsEnd(checker: Checks, { campaign, claimants, logged }: SeenRows): void {
  const { campaignId } = campaign;
  for (const { userId, state, claimByUs, endedUs } of claimants) {
    const claimUs = logged.claims.get(userId);
    if (state === 'offered') checker.breaks(1, `${userId} has an offer that does not end`);
    if (state === 'claimed' && (claimUs === undefined || claimUs > (claimByUs ?? 0)))
      checker.breaks(1, `${userId} has claimed at ${claimUs} what was to be claimed by ${claimByUs}`);
    if (state === 'lapsed' && claimUs !== undefined && claimUs <= (endedUs ?? 0))
      checker.breaks(1, `${userId} claimed at ${claimUs} what lapsed at ${endedUs}`);
  }
  const isFree = claimants.some(
    ({ state, serial }) =>
      state !== 'left' &&
      serial !== null &&
      !claimants.some(other => other.serial === serial && holds(other)),
  );
  const waits = claimants.find(({ state }) => state === 'waitlisted');
  if (isFree && waits !== undefined)
    checker.breaks(2, `campaign ${campaignId}: something is free, and ${waits.userId} waits`);
  for (const told of checker.claimed) {
    if (told.campaignId !== campaignId) continue;
    const row = claimants.find(({ userId }) => userId === told.userId);
    if (row?.state === 'declined' && logged.leaving.has(told.userId)) continue;
    if (row?.state !== 'claimed' || row.serial !== told.serial)
      checker.breaks(1, `${told.userId} was told to have claimed ${told.serial}, and is ${row?.state}`);
  }
}
