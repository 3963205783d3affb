/** Checks of the order: nobody was overtaken, and every stamp is the one that was promised. */
import type { Ask, CampaignEvidence, Entry } from './evidence.ts';
import type { Faults } from './faults.ts';

/**
 * The stamps in the clients' answers, the log, Redis and the ledger must be the same. A stamp earlier than the answered one
 * is allowed only if another request of the same user was under way at the same time: two gateways may log one user at
 * once, and the earliest stamp stays. `asks` are the requests of each user.
 * Returns how many answers were replaced in that way.
 */
export function checkStamps(
  evidence: CampaignEvidence,
  asks: ReadonlyMap<string, readonly Ask[]>,
  faults: Faults,
): number {
  const ledger = stampsOf(evidence.entries);
  let replaced = 0;
  for (const [user, own] of asks) {
    const stamp = ledger.get(user);
    for (const ask of own) {
      if (ask.stamp === undefined || stamp === undefined || ask.stamp === stamp) continue;
      const example = `${user} was told ${ask.stamp}, the ledger has ${stamp}`;
      if (ask.stamp < stamp) {
        faults.add('inversions', 'the ledger has a later stamp than the client was told', example);
      } else if (own.some(other => other !== ask && overlap(other, ask))) {
        replaced += 1;
      } else {
        faults.add(
          'inversions',
          'the ledger has an earlier stamp than the only one that was asked for',
          example,
        );
      }
    }
    checkRepeated(user, own, faults);
  }
  compare(ledger, stampsOf(evidence.logged), 'the log', faults);
  compare(ledger, stampsOf(evidence.ranks), 'Redis', faults);
  return replaced;
}

/**
 * A user who asks again after an answer gets the same stamp, or an earlier one if a third request of theirs was under way
 * with the first.
 */
function checkRepeated(user: string, own: readonly Ask[], faults: Faults): void {
  const told = own.filter(ask => ask.stamp !== undefined).sort((a, b) => a.sentUs - b.sentUs);
  for (const [index, ask] of told.entries()) {
    const others = own.filter(other => other !== ask && overlap(other, ask));
    for (const later of told.slice(index + 1)) {
      if (later.stamp === ask.stamp || overlap(ask, later)) continue;
      if ((later.stamp ?? 0) < (ask.stamp ?? 0) && others.length > 0) continue;
      const example = `${user} was told ${ask.stamp} and then ${later.stamp}`;
      faults.add('duplicates', 'a user asked again and was told another stamp', example);
    }
  }
}

function compare(
  ledger: ReadonlyMap<string, number>,
  other: ReadonlyMap<string, number>,
  where: string,
  faults: Faults,
): void {
  for (const [user, stamp] of other) {
    const own = ledger.get(user);
    if (own === undefined || own === stamp) continue;
    const example = `${user}: ${own} in the ledger, ${stamp} in ${where}`;
    faults.add(
      'inversions',
      `a user has another stamp in the ledger than the earliest one in ${where}`,
      example,
    );
  }
}

/** The earliest stamp of each user. */
export function stampsOf(entries: readonly Entry[]): Map<string, number> {
  const stamps = new Map<string, number>();
  for (const { user, stamp } of entries) {
    const known = stamps.get(user);
    if (known === undefined || stamp < known) stamps.set(user, stamp);
  }
  return stamps;
}

function overlap(one: Ask, other: Ask): boolean {
  return ends(one) > other.sentUs && ends(other) > one.sentUs;
}

/** A request with no answer, or whose repeats include one without, may still be under way at any later time. */
function ends(ask: Ask): number {
  return ask.answeredUs === undefined || ask.unsure ? Number.POSITIVE_INFINITY : ask.answeredUs;
}

/**
 * Real-time order: a user who asked after another user had been answered has a later stamp. One sweep over all instants
 * keeps the greatest stamp that had been answered; each entry behind it counts once. The sweep compares the stamps of the
 * ledger, so it also covers an earlier stamp that replaced an answered one.
 */
export function checkRealTime(
  evidence: CampaignEvidence,
  asks: ReadonlyMap<string, readonly Ask[]>,
  faults: Faults,
): void {
  const ledger = stampsOf(evidence.entries);
  const instants: {
    readonly atUs: number;
    readonly isAnswer: boolean;
    readonly user: string;
    stamp: number;
  }[] = [];
  for (const [user, own] of asks) {
    const stamp = ledger.get(user);
    if (stamp === undefined) continue;
    // A refused request did not make the entry.
    const sentUs = Math.min(...own.flatMap(ask => (ask.status === 409 ? [] : [ask.sentUs])));
    const answers = own.flatMap(ask =>
      isAccepted(ask) && ask.answeredUs !== undefined ? [ask.answeredUs] : [],
    );
    instants.push({ atUs: sentUs, isAnswer: false, user, stamp });
    if (answers.length > 0) instants.push({ atUs: Math.min(...answers), isAnswer: true, user, stamp });
  }
  // Events at the same instant have no order, so requests come first.
  instants.sort((a, b) => a.atUs - b.atUs || Number(a.isAnswer) - Number(b.isAnswer));
  let greatest = -1;
  let whose = '';
  for (const { isAnswer, user, stamp, atUs } of instants) {
    if (isAnswer) {
      if (stamp > greatest) {
        greatest = stamp;
        whose = user;
      }
    } else if (stamp < greatest) {
      const example = `${user} asked at ${atUs}, when ${whose} had been answered, and has ${stamp}, before ${greatest}`;
      faults.add(
        'inversions',
        'an entry has an earlier stamp than one that was answered before it was sent',
        example,
      );
    }
  }
}

/** 202, or 200 when the user already has what they ask for. */
export function isAccepted(ask: Ask): boolean {
  return ask.status === 202 || ask.status === 200;
}

/**
 * Coupons go in the order of the stamps: serials grow with the stamps, and nobody without a coupon stands before somebody
 * with one.
 */
export function checkGrantOrder(evidence: CampaignEvidence, faults: Faults): void {
  if (evidence.kind !== 'coupon') return;
  const ledger = stampsOf(evidence.entries);
  const granted = new Set<string>();
  let lastStamp = -1;
  for (const { user, serial } of [...evidence.grants].sort((a, b) => a.serial - b.serial)) {
    const stamp = ledger.get(user) ?? -1;
    granted.add(user);
    if (stamp < lastStamp) {
      const example = `serial ${serial} went to ${user} with ${stamp}, behind ${lastStamp}`;
      faults.add('inversions', 'a coupon went to an earlier stamp than the one before it', example);
    }
    lastStamp = Math.max(lastStamp, stamp);
  }
  for (const [user, stamp] of ledger) {
    if (granted.has(user) || stamp >= lastStamp) continue;
    const example = `${user} with ${stamp} got none, ${lastStamp} got one`;
    faults.add('inversions', 'an entry got no coupon though a later one did', example);
  }
}
