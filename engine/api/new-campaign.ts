/**
 * The rules of a new campaign that no single member can tell: said here once.
 */
import type { NewCampaign } from '../../sql/campaigns.ts';
import { ONLY_TIER, type WantedDraw } from '../announce.ts';
import { type FieldFault, fieldFault } from '../contract/problem.ts';
import { LAST_STAMP_US, MAX_WINDOW_DAYS } from '../contract/stamp.ts';
import { type ClaimRules, winnersOf } from '../draw/rules.ts';
import { invalidRequest } from './input.ts';
import { MAX_CLAIM_WITHIN_S, MAX_PLACES, MIN_CLAIM_WITHIN_S, type NewCampaignBody } from './schemas.ts';

/** Members that one kind of campaign has and the other does not. */
const OF_COUPONS = ['stock', 'waitlist'] as const;
const OF_RAFFLES = ['winners', 'tiers', 'alternates', 'group_limit', 'randomness', 'claim_by'] as const;
const PLACES = `a whole number from 1 to ${MAX_PLACES}`;
const DAY_MS = 86_400_000;
/** An opening this long ago is taken for a clock that differs; one longer ago for a mistake. */
const LATE_OPENING_MS = 60_000;
/** Later instants would not be exact as microseconds since the epoch; the ledger refuses them too. */
const END_MS = Date.UTC(2200);

export interface WantedCampaign {
  readonly campaign: NewCampaign;
  /** Of a raffle. */
  readonly draw: WantedDraw | undefined;
  /** Where what is granted or won has to be claimed. */
  readonly claims: ClaimRules | undefined;
}

/** Checks a body whose members are right each by itself. Throws Problem invalid-request with every fault. */
export function readNewCampaign(body: NewCampaignBody, nowMs: number): WantedCampaign {
  const faults: FieldFault[] = [];
  for (const name of body.kind === 'coupon' ? OF_RAFFLES : OF_COUPONS) {
    if (body[name] !== undefined)
      faults.push(fieldFault(name, body[name], `nothing, as kind is ${body.kind}`));
  }
  const draw = body.kind === 'raffle' ? readDraw(body, faults) : undefined;
  const places = body.kind === 'coupon' ? readStock(body, faults) : draw && winnersOf(draw);
  const opensAt =
    body.opens_at === undefined ? new Date(nowMs) : readInstant('opens_at', body.opens_at, faults);
  const closesAt = readInstant('closes_at', body.closes_at, faults);
  if (opensAt !== undefined && opensAt.getTime() < nowMs - LATE_OPENING_MS) {
    faults.push(fieldFault('opens_at', body.opens_at, `at the earliest ${iso(nowMs - LATE_OPENING_MS)}`));
  }
  if (closesAt !== undefined && closesAt.getTime() <= nowMs) {
    faults.push(fieldFault('closes_at', body.closes_at, `later than now, which is ${iso(nowMs)}`));
  } else if (closesAt !== undefined && opensAt !== undefined) {
    const longest = opensAt.getTime() + MAX_WINDOW_DAYS * DAY_MS;
    if (closesAt <= opensAt) {
      faults.push(
        fieldFault('closes_at', body.closes_at, `later than the opening at ${opensAt.toISOString()}`),
      );
    } else if (closesAt.getTime() > longest) {
      const right = `at most ${MAX_WINDOW_DAYS} days after the opening: at the latest ${iso(longest)}`;
      faults.push(fieldFault('closes_at', body.closes_at, right));
    } else if (closesAt.getTime() >= END_MS) {
      faults.push(fieldFault('closes_at', body.closes_at, `before ${iso(END_MS)}`));
    }
  }
  const claims = readClaims(body, opensAt, closesAt, faults);
  if (faults.length > 0 || places === undefined || opensAt === undefined || closesAt === undefined) {
    throw invalidRequest(faults);
  }
  return { campaign: { kind: body.kind, title: body.title, places, opensAt, closesAt }, draw, claims };
}

function readClaims(
  body: NewCampaignBody,
  opensAt: Date | undefined,
  closesAt: Date | undefined,
  faults: FieldFault[],
): ClaimRules | undefined {
  const { claim_within_s, claim_by, waitlist } = body;
  if (claim_within_s !== undefined && claim_by !== undefined) {
    faults.push(
      fieldFault('claim_by', claim_by, 'nothing, as claim_within_s says how long there is to claim'),
    );
    return undefined;
  }
  const withinS = claim_by === undefined ? claim_within_s : readClaimBy(claim_by, closesAt, faults);
  if (withinS === undefined) {
    if (body.kind === 'coupon' && waitlist !== undefined) {
      const right = 'nothing, as without claim_within_s nothing becomes free for those who wait';
      faults.push(fieldFault('waitlist', waitlist, right));
    }
    return undefined;
  }
  if (opensAt !== undefined && closesAt !== undefined) {
    // Claims are stamped like entries, and stamps count so far.
    const lastMs = opensAt.getTime() + LAST_STAMP_US / 1000;
    if (closesAt.getTime() + withinS * 1000 > lastMs) {
      const field = claim_by === undefined ? 'claim_within_s' : 'claim_by';
      const right = `a deadline that lies, counted from the close, at the latest at ${iso(Math.floor(lastMs))}`;
      faults.push(fieldFault(field, body[field], right));
    }
  }
  return { withinS, waitlist: waitlist ?? 0 };
}

/** How long there is from the close to `text`; whoever is drawn has as long, from when they are. */
function readClaimBy(text: string, closesAt: Date | undefined, faults: FieldFault[]): number | undefined {
  const claimBy = readInstant('claim_by', text, faults);
  if (claimBy === undefined || closesAt === undefined) return undefined;
  const withinS = Math.ceil((claimBy.getTime() - closesAt.getTime()) / 1000);
  if (withinS >= MIN_CLAIM_WITHIN_S && withinS <= MAX_CLAIM_WITHIN_S) return withinS;
  const closes = closesAt.toISOString();
  const right = `an instant ${MIN_CLAIM_WITHIN_S} to ${MAX_CLAIM_WITHIN_S} seconds behind the close at ${closes}`;
  faults.push(fieldFault('claim_by', text, right));
  return undefined;
}

function readStock({ stock }: NewCampaignBody, faults: FieldFault[]): number | undefined {
  if (stock === undefined) faults.push(fieldFault('stock', stock, `${PLACES}, as kind is coupon`));
  return stock;
}

function readDraw(body: NewCampaignBody, faults: FieldFault[]): WantedDraw | undefined {
  const { winners, tiers, alternates = 0, group_limit = null, randomness = 'commit' } = body;
  if (winners === undefined && tiers === undefined) {
    faults.push(fieldFault('winners', winners, `${PLACES}, as kind is raffle; or tiers in its place`));
    return undefined;
  }
  if (winners !== undefined && tiers !== undefined) {
    faults.push(fieldFault('winners', winners, 'nothing, as the tiers say how many win'));
    return undefined;
  }
  const draw = {
    tiers: tiers ?? [{ name: ONLY_TIER, winners: winners ?? 0 }],
    alternates,
    group_limit,
    randomness,
  };
  if (winnersOf(draw) > MAX_PLACES) {
    faults.push(fieldFault('tiers', tiers, `at most ${MAX_PLACES} winners in all tiers together`));
    return undefined;
  }
  return draw;
}

/** The instant that a text of the right form names; the 30th of February has the form and names none. */
function readInstant(field: string, text: string, faults: FieldFault[]): Date | undefined {
  const instant = new Date(text);
  const isReal = !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(text.slice(0, 19));
  if (isReal) return instant;
  faults.push(fieldFault(field, text, 'a day and a time that exist'));
  return undefined;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
