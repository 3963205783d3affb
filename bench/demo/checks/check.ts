/**
 * The count: compares what the clients were told with log, ranks and ledger. Everything here is recomputed from the
 * evidence; it shares no code with settling.
 */
import { checkGrantOrder, checkRealTime, checkStamps, isAccepted, stampsOf } from './check-order.ts';
import { checkWatchers } from './check-watchers.ts';
import type { Ask, CampaignEvidence, Entry, Grant } from './evidence.ts';
import { Faults } from './faults.ts';

/** Numbers of one campaign; all but the last two count users. */
export interface CampaignCount {
  readonly campaign: number;
  readonly kind: CampaignEvidence['kind'];
  readonly stock: number;
  /** Users who were told that they have an entry. */
  readonly accepted: number;
  readonly logged: number;
  readonly ranked: number;
  readonly inLedger: number;
  readonly settled: number;
  readonly granted: number;
  /** Users who asked, got an answer to every request, and have no entry. */
  readonly refused: number;
  /** Users with an entry that no answer told them of, because an answer was lost or said 5xx. */
  readonly untold: number;
  /** Answers whose stamp was replaced by an earlier one of a concurrent request of the same user. */
  readonly replacedStamps: number;
}

/** Counts one campaign and adds everything that is wrong to `faults`. */
export function checkCampaign(evidence: CampaignEvidence, faults: Faults): CampaignCount {
  const asks = byUser(evidence.asks);
  const ledger = stampsOf(evidence.entries);
  const grants = new Map(evidence.grants.map(grant => [grant.user, grant]));
  const accepted = new Set([...asks].filter(([, own]) => own.some(isAccepted)).map(([user]) => user));
  checkLost(evidence, accepted, ledger, faults);
  checkOnce(evidence, ledger, faults);
  const replacedStamps = checkStamps(evidence, asks, faults);
  checkRealTime(evidence, asks, faults);
  checkGrantOrder(evidence, faults);
  checkWatchers(evidence, { positions: positionsOf(evidence.entries), grants, accepted }, faults);
  const untold = checkUntold(evidence, asks, accepted, ledger, faults);
  const settled = [...ledger.values()].filter(stamp => stamp <= evidence.settledStamp).length;
  const refused = checkRefused(evidence, asks, accepted, faults);
  const count = {
    campaign: evidence.campaign,
    kind: evidence.kind,
    stock: evidence.stock,
    accepted: accepted.size,
    logged: stampsOf(evidence.logged).size,
    ranked: new Set(evidence.ranks.map(({ user }) => user)).size,
    inLedger: ledger.size,
    settled,
    granted: evidence.grants.length,
    refused,
    untold,
    replacedStamps,
  };
  checkTotals(count, faults);
  return count;
}

/** Counts several campaigns. */
export function checkAll(evidence: readonly CampaignEvidence[]): {
  readonly campaigns: readonly CampaignCount[];
  readonly faults: Faults;
} {
  const faults = new Faults();
  return { campaigns: evidence.map(one => checkCampaign(one, faults)), faults };
}

/** Every entry answered with 202 is in the ledger, and decided. */
function checkLost(
  evidence: CampaignEvidence,
  accepted: ReadonlySet<string>,
  ledger: ReadonlyMap<string, number>,
  faults: Faults,
): void {
  for (const user of accepted) {
    const stamp = ledger.get(user);
    const example = `${user} of campaign ${evidence.campaign}`;
    if (stamp === undefined) {
      faults.add('lost', 'a user was told to have an entry that is not in the ledger', example);
    } else if (stamp > evidence.settledStamp) {
      faults.add('lost', 'an entry has no outcome', example);
    }
  }
}

/** One entry per user, one stamp per entry, one grant per user; serials are 1..N, and no code occurs twice. */
function checkOnce(evidence: CampaignEvidence, ledger: ReadonlyMap<string, number>, faults: Faults): void {
  const { entries, grants, ranks } = evidence;
  const repeats = <T>(items: readonly T[], key: (item: T) => string | number, text: string): void => {
    const seen = new Set<string | number>();
    for (const item of items) {
      if (seen.has(key(item)))
        faults.add('duplicates', text, `${key(item)} in campaign ${evidence.campaign}`);
      seen.add(key(item));
    }
  };
  repeats(entries, ({ user }) => user, 'a user has more than one entry in the ledger');
  repeats(entries, ({ stamp }) => stamp, 'a stamp is in the ledger more than once');
  repeats(ranks, ({ user }) => user, 'a user is ranked more than once');
  repeats(grants, ({ user }) => user, 'a user was granted more than once');
  repeats(grants, ({ serial }) => serial, 'a serial was given more than once');
  repeats(grants, ({ code }) => code, 'a code was given more than once');
  const serials = new Set(grants.map(({ serial }) => serial));
  for (let serial = 1; serial <= grants.length; serial++) {
    if (serials.has(serial)) continue;
    faults.add('duplicates', 'a serial is missing between 1 and the number of grants', `serial ${serial}`);
  }
  for (const grant of grants) {
    if (!ledger.has(grant.user))
      faults.add('duplicates', 'somebody without an entry was granted', shown(grant));
  }
}

/** An entry without a 202 may only come from a request whose answer was lost or left the result open (5xx). */
function checkUntold(
  evidence: CampaignEvidence,
  asks: ReadonlyMap<string, readonly Ask[]>,
  accepted: ReadonlySet<string>,
  ledger: ReadonlyMap<string, number>,
  faults: Faults,
): number {
  const untold = [...ledger.keys()].filter(user => !accepted.has(user));
  for (const user of untold) {
    if (asks.get(user)?.some(({ unsure }) => unsure) === true) continue;
    const example = `${user} of campaign ${evidence.campaign}`;
    faults.add('other', 'there is an entry of somebody who was refused, or never asked', example);
  }
  return untold.length;
}

/** A raffle refuses nobody while it is open; a coupon refuses nobody while stock is left. */
function checkRefused(
  evidence: CampaignEvidence,
  asks: ReadonlyMap<string, readonly Ask[]>,
  accepted: ReadonlySet<string>,
  faults: Faults,
): number {
  let refused = 0;
  const granted = new Set(evidence.grants.map(({ user }) => user));
  for (const [user, own] of asks) {
    if (granted.has(user) && own.some(({ soldOut }) => soldOut)) {
      faults.add('other', 'a user was told that nothing is left, and was granted', user);
    }
    if (accepted.has(user)) continue;
    const statuses = own.map(({ status }) => status);
    const example = `${user} of campaign ${evidence.campaign} (${statuses.join(', ')})`;
    if (statuses.some(status => status !== 409)) {
      faults.add('other', 'a user was never told whether they have an entry', example);
      continue;
    }
    refused += 1;
    if (evidence.kind === 'raffle') faults.add('other', 'a user was refused by an open raffle', example);
    else if (evidence.grants.length < evidence.stock) {
      faults.add('other', 'a user was refused a coupon though some were left', example);
    }
  }
  return refused;
}

function checkTotals(count: CampaignCount, faults: Faults): void {
  const { campaign, kind, stock, granted, untold } = count;
  const entries = count.accepted + untold;
  const expect = (what: string, found: number, wanted: number): void => {
    if (found === wanted) return;
    const example = `campaign ${campaign}: ${found}, and not ${wanted}`;
    faults.add('other', `a total is not what it should be: ${what}`, example);
  };
  expect('ranked', count.ranked, entries);
  expect('logged', count.logged, entries);
  expect('in the ledger', count.inLedger, entries);
  expect('settled', count.settled, entries);
  expect(kind === 'coupon' ? 'granted' : 'winners drawn', granted, Math.min(stock, count.inLedger));
}

function byUser(asks: readonly Ask[]): Map<string, Ask[]> {
  const users = new Map<string, Ask[]>();
  for (const ask of asks) {
    const own = users.get(ask.user);
    if (own === undefined) users.set(ask.user, [ask]);
    else own.push(ask);
  }
  return users;
}

function positionsOf(entries: readonly Entry[]): Map<string, number> {
  const inOrder = [...entries].sort((a, b) => a.stamp - b.stamp);
  return new Map(inOrder.map(({ user }, index) => [user, index + 1]));
}

function shown({ user, serial }: Grant): string {
  return `${user} with serial ${serial}`;
}
