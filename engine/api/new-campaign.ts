/**
 * The rules of a new campaign that no single member can tell: said here once.
 */
import type { NewCampaign } from '../../sql/campaigns.ts';
import { ONLY_TIER, type WantedDraw } from '../announce.ts';
import { type FieldFault, fieldFault } from '../contract/problem.ts';
import { MAX_WINDOW_DAYS } from '../contract/stamp.ts';
import { winnersOf } from '../draw/rules.ts';
import { invalidRequest } from './input.ts';
import { MAX_PLACES, type NewCampaignBody } from './schemas.ts';

/** Members that one kind of campaign has and the other does not. */
const OF_COUPONS = ['stock', 'terms'] as const;
const OF_RAFFLES = ['winners', 'tiers', 'alternates', 'group_limit', 'randomness'] as const;
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
  if (faults.length > 0 || places === undefined || opensAt === undefined || closesAt === undefined) {
    throw invalidRequest(faults);
  }
  return { campaign: { kind: body.kind, title: body.title, places, opensAt, closesAt }, draw };
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
