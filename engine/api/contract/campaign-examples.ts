/** The campaigns of the examples as operators see them; see contract/api/examples/story.ts. */
import { drawProof } from '../../contract/api/examples/signed.ts';
import { drop, MADE_AT, raffle, secondDrop, TIME_ZONE } from '../../contract/api/examples/story.ts';
import { isoOfMs } from '../../contract/api/instants.ts';

interface Times {
  readonly opensAt: string;
  readonly closesAt: string;
}

/** An instant in winter, in the time zone of the story. */
export function inBerlin(instant: string): string {
  const local = isoOfMs(Date.parse(instant) + 3_600_000);
  return local.replace('Z', '+01:00');
}

export function timesExample({ opensAt, closesAt }: Times) {
  return {
    opens_at: opensAt,
    closes_at: closesAt,
    time_zone: TIME_ZONE,
    local: { opens_at: inBerlin(opensAt), closes_at: inBerlin(closesAt) },
  };
}

const dropRules = { kind: 'coupon', title: drop.title, stock: drop.stock };
const dropClaims = { claim_within_s: drop.claimWithinS, waitlist: drop.waitlist };

/** Creates the drop at a time of its own. */
export const timelessDropBody = {
  ...dropRules,
  ...dropClaims,
  time_zone: TIME_ZONE,
  terms: { discount: drop.terms.discount, basis_points: drop.terms.basis_points },
};

export const newDropBody = { ...timelessDropBody, opens_at: drop.opensAt, closes_at: drop.closesAt };

export const noticeExample = {
  ko: '상점 점검 중입니다. 순서는 그대로 유지됩니다.',
  en: 'The shop is being repaired. Your place is kept.',
};

const newState = {
  status: 'scheduled',
  version: 1,
  pending: null,
  paused_at: null,
  notice: null,
  made_by: 'operator',
};

/** The drop before anybody has entered, without what only the service knows. */
export const newDropExample = {
  ...{ ...dropRules, ...timesExample(drop), ...newState },
  ...{ entries_settled: 0, granted: 0, withdrawn: 0, ...dropClaims, waitlisted: 0, passed_on: 0 },
  settled_at: null,
};

const assignedExample = {
  id: drop.id,
  ...newDropExample,
  rules_hash: drop.rulesHash,
  created_at: MADE_AT,
};

export const createdExample = { ...assignedExample, coupon: drop.coupon, published: true };

/** The drop once more. */
export const againExample = {
  ...{ ...createdExample, id: secondDrop.id, ...timesExample(secondDrop) },
  ...{ rules_hash: secondDrop.rulesHash, coupon: secondDrop.coupon },
};

/** Announced after it was a draft. */
export const announcedExample = { ...assignedExample, version: 2 };

/** While Alice goes shopping. */
export const campaignExample = {
  ...{ ...assignedExample, status: 'open', entries_settled: drop.settled, granted: drop.stock },
  ...{ withdrawn: 50, waitlisted: drop.waitlisted, passed_on: 78 },
};

/** Closed ten minutes early. */
export const closedExample = {
  ...{ ...campaignExample, status: 'closed', version: 2 },
  ...timesExample({ opensAt: drop.opensAt, closesAt: '2030-01-31T17:50:00.000Z' }),
};

/** Closing an hour later. */
export const editedExample = {
  ...{ ...campaignExample, version: 2, rules_hash: drop.laterRulesHash },
  ...timesExample({ opensAt: drop.opensAt, closesAt: drop.laterClose }),
};

/** Raised while it lasts. */
export const raisedExample = {
  ...{ ...assignedExample, status: 'open', version: 2, entries_settled: 8_123, granted: 8_123 },
  ...{ stock: drop.raisedStock, rules_hash: drop.raisedRulesHash },
};

const raffleTimes = timesExample(raffle);
export const raffleExample = {
  ...{ id: raffle.id, kind: 'raffle', title: raffle.title, winners: 1, ...raffleTimes },
  draws_at: raffle.closesAt,
  local: { ...raffleTimes.local, draws_at: raffleTimes.local.closes_at },
  ...{ ...newState, status: 'settled', rules_hash: drawProof.rules_hash },
  ...{ tiers: drawProof.rules.draw.tiers, alternates: 1, group_limit: null },
  randomness: drawProof.rules.draw.randomness,
  ...{ entries_settled: 2, drawn: 1, passed_on: 0, withdrawn: 0 },
  ...{ created_at: MADE_AT, settled_at: raffle.drawnAt },
};
