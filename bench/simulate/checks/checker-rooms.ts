/**
 * What must hold of a waiting room, by its current terms: it admits nobody above the rate or the capacity, or while it is
 * paused; it admits the first in line; and it skips no user who was present, or absent for less than the grace time, outages
 * excluded. Shares no code with gateway and engine.
 */
import { REPORT_US } from './checker-presence.ts';
import type { SeenPerson, SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

const SECOND_US = 1_000_000;
/**
 * The ledger learns within this time that a user has come or gone: gateways report four times a second, and the next cycle
 * reads the reports.
 */
const SLACK_US = 900_000;
/** Allows for outages that are too short to be noticed, and for the lease that a gateway needs after them. */
const RETURN_US = 4_000_000;

/** Admissions since an instant, while somebody present waited throughout and nothing but the rate held them back. */
interface Paced {
  readonly fromUs: number;
  readonly admitted: number;
  readonly perSecond: number;
  /** The last commit. */
  readonly seenUs: number;
}

/**
 * A room whose steps are slow catches up within its budget: it lets in half of its rate at least. The budget holds whole steps
 * back, so that steps of 0.45 s, for one, come to 74 % of the rate.
 */
export class CheckedPace {
  /** In runs in which nothing but slow steps delays anybody. */
  isSure = false;
  readonly #paced = new Map<number, Paced>();

  committed(
    checker: Checks,
    rows: SeenRows,
    before: SeenRows | undefined,
    count: number,
    nowUs: number,
  ): void {
    if (!this.isSure) return;
    const { campaignId } = rows.campaign;
    const { perSecond = 0, capacity = null, paused = false } = rows.terms ?? {};
    const last = this.#paced.get(campaignId);
    const isOwed =
      last !== undefined &&
      last.perSecond === perSecond &&
      capacity === null &&
      !paused &&
      nowUs - last.seenUs <= SECOND_US &&
      isAwaited(checker, before, last.seenUs);
    const paced = isOwed
      ? { ...last, admitted: last.admitted + count, seenUs: nowUs }
      : { fromUs: nowUs, admitted: 0, perSecond, seenUs: nowUs };
    this.#paced.set(campaignId, paced);
    const least = (perSecond * (nowUs - paced.fromUs - 2 * SECOND_US)) / SECOND_US / 2 - 1;
    if (paced.admitted < least)
      checker.breaks(
        9,
        `room ${campaignId} let in ${paced.admitted} in ${nowUs - paced.fromUs} us, of ${perSecond} a second`,
      );
  }
}

/** Whether somebody who waited at the last commit has been there ever since. */
function isAwaited(checker: Checks, before: SeenRows | undefined, seenUs: number): boolean {
  return (before?.people ?? []).some(({ campaignId, userId, state, stamp }) => {
    const { isThere, sinceUs } = checker.streams.of(campaignId, userId);
    return state === 'waiting' && stamp !== null && isThere && (sinceUs ?? seenUs) <= seenUs - REPORT_US;
  });
}

/** Runs after each commit, at `nowUs`. */
export function checkRoom(
  checker: Checks & { readonly pace: CheckedPace },
  rows: SeenRows,
  before: SeenRows | undefined,
  nowUs: number,
): void {
  const { people, campaign } = rows;
  const { campaignId } = campaign;
  const old = new Map(before?.people.map(person => [person.userId, person]));
  const admitted = people.filter(
    ({ userId, serial }) => serial !== null && old.get(userId)?.serial !== serial,
  );
  checkAdmissions(checker, rows, admitted);
  checker.pace.committed(checker, rows, before, admitted.length, nowUs);
  const waiting = people.filter(({ state, stamp }) => state === 'waiting' && stamp !== null);
  const first = Math.min(...waiting.map(({ stamp }) => stamp ?? 0));
  for (const { userId, state, serial, stamp } of people) {
    const was = old.get(userId);
    if (serial !== null && was?.serial !== serial && (stamp ?? 0) > first)
      checker.breaks(3, `${userId} of ${stamp} was let into room ${campaignId}, and ${first} waits`);
    if (state === 'skipped' && was?.state !== 'skipped') checkSkip(checker, rows, userId, nowUs);
    else if (state === 'skipped') checkReturn(checker, rows, userId, nowUs);
  }
}

/** The users just admitted were admitted according to the terms. */
function checkAdmissions(
  checker: Checks,
  { campaign, people, terms }: SeenRows,
  admitted: readonly SeenPerson[],
): void {
  if (admitted.length === 0) return;
  const { campaignId } = campaign;
  const { perSecond = 1, capacity = null, paused = false } = terms ?? {};
  if (paused) checker.breaks(2, `room ${campaignId} let in ${admitted.length}, and is paused`);
  const instants = people.flatMap(({ admittedUs }) => (admittedUs === null ? [] : [admittedUs]));
  for (const atUs of new Set(admitted.map(({ admittedUs }) => admittedUs ?? 0))) {
    const count = instants.filter(us => us > atUs - SECOND_US && us <= atUs).length;
    if (count > Math.max(1, Math.floor(perSecond)))
      checker.breaks(2, `room ${campaignId} let in ${count} up to ${atUs}, of ${perSecond} a second`);
  }
  const inside = people.filter(({ state }) => state === 'admitted' || state === 'inside').length;
  if (capacity !== null && inside > capacity)
    checker.breaks(2, `room ${campaignId} has ${inside} inside, of ${capacity}`);
}

/** A returning user is soon in line again, counted from when the return can be known and from when the user was skipped. */
function checkReturn(checker: Checks, { campaign }: SeenRows, userId: string, nowUs: number): void {
  const { isThere, sinceUs } = checker.streams.of(campaign.campaignId, userId);
  if (!isThere || sinceUs === undefined) return;
  const fromUs = Math.max(sinceUs, checker.absences.skippedUs(campaign.campaignId, userId));
  const thereUs = nowUs - fromUs - checker.reports.between(fromUs, nowUs);
  if (thereUs > RETURN_US) checker.breaks(3, `${userId} is there for ${thereUs} us and is still skipped`);
}

function awayUsBetween(checker: Checks, fromUs: number, toUs: number): number {
  return toUs - fromUs - checker.outages.between(fromUs, toUs);
}

function enteredUs({ announced, entries }: SeenRows, userId: string): number {
  return announced.opensAtUs + Math.floor((entries.get(userId) ?? 0) / 1024);
}

function checkSkip(checker: Checks, rows: SeenRows, userId: string, nowUs: number): void {
  const { announced, campaign } = rows;
  const graceUs = (announced.room?.graceMs ?? 0) * 1_000;
  const knownFromUs = checker.absences.knownFromUs(campaign.campaignId, userId) ?? enteredUs(rows, userId);
  const knownUs = nowUs - knownFromUs;
  if (knownUs < graceUs - checker.clockOffUs)
    checker.breaks(1, `${userId} is known to be away for ${knownUs} us of ${graceUs} and is skipped`);
  const { isThere, sinceUs, awayFromUs } = checker.streams.of(campaign.campaignId, userId);
  if (sinceUs === undefined) return;
  const forUs = nowUs - sinceUs;
  const slackUs = SLACK_US + checker.clockOffUs;
  // An engine that stood still may report only now that a user was away for too long; the next step has the user back.
  const cameUs = isThere ? sinceUs : (checker.streams.openedUs(campaign.campaignId, userId) ?? sinceUs);
  const beforeUs = awayUsBetween(checker, awayFromUs ?? enteredUs(rows, userId), cameUs) + REPORT_US;
  if (isThere && forUs >= graceUs + slackUs && beforeUs < graceUs)
    checker.breaks(1, `${userId} was there for ${forUs} us, away for ${beforeUs} before, and is skipped`);
  const awayUs = forUs - checker.outages.between(sinceUs, nowUs);
  // If reports were delayed for long, a user who came meanwhile and left again may only now be skipped for the absence
  // before.
  const isLate = checker.reports.between(enteredUs(rows, userId), nowUs) > 0;
  if (!isThere && !isLate && awayUs < graceUs - slackUs && beforeUs < graceUs)
    checker.breaks(1, `${userId} was away for ${awayUs} us of ${graceUs} and is skipped`);
}

/** At the end, every user was admitted who has not left and is not absent; of those present, some may still wait. */
export function checkRoomEnd(checker: Checks, { campaign, entries, gone, people, winners }: SeenRows): void {
  const isAway = ({ state, stamp }: SeenPerson): boolean =>
    state === 'skipped' || (state === 'waiting' && campaign.finishedAt === null && stamp !== null);
  const away = people.filter(isAway).length;
  const due = entries.size - gone.size - away;
  if (winners.length !== due)
    checker.breaks(2, `room ${campaign.campaignId} let in ${winners.length}, not ${due}`);
}
