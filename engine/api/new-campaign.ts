/**
 * The rules of a new campaign that no single member can tell: said here once.
 */
import type { NewCampaign } from '../../sql/campaigns.ts';
import { ONLY_TIER, type WantedDraw } from '../announce.ts';
import { type FieldFault, fieldFault } from '../contract/problem.ts';
import { winnersOf } from '../draw/rules.ts';
import { windowFaults } from '../schedule/plan.ts';
import { invalidRequest } from './input.ts';
import { MAX_PLACES, type NewCampaignBody } from './schemas.ts';
import { readTime, readZone } from './times.ts';

/** Members that one kind of campaign has and the other does not. */
const OF_COUPONS = ['stock'] as const;
const OF_RAFFLES = ['winners', 'tiers', 'alternates', 'group_limit', 'randomness', 'draws_at'] as const;
const PLACES = `a whole number from 1 to ${MAX_PLACES}`;
/** An opening this long ago is taken for a clock that differs; one longer ago for a mistake. */
const LATE_OPENING_MS = 60_000;

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
  const zone = readZone(body.time_zone, faults);
  const opensAt =
    body.opens_at === undefined ? new Date(nowMs) : readTime('opens_at', body.opens_at, zone, faults);
  const closesAt = readTime('closes_at', body.closes_at, zone, faults);
  const drawsAt = body.draws_at === undefined ? null : readTime('draws_at', body.draws_at, zone, faults);
  const isDraft = body.draft === true;
  if (!isDraft && opensAt !== undefined && opensAt.getTime() < nowMs - LATE_OPENING_MS) {
    faults.push(fieldFault('opens_at', body.opens_at, `at the earliest ${iso(nowMs - LATE_OPENING_MS)}`));
  }
  if (!isDraft && closesAt !== undefined && closesAt.getTime() <= nowMs) {
    faults.push(fieldFault('closes_at', body.closes_at, `later than now, which is ${iso(nowMs)}`));
  } else if (closesAt !== undefined && opensAt !== undefined) {
    faults.push(...windowFaults({ opensAt, closesAt, drawsAt: drawsAt ?? null }));
  }
  if (
    faults.length > 0 ||
    places === undefined ||
    opensAt === undefined ||
    closesAt === undefined ||
    drawsAt === undefined
  ) {
    throw invalidRequest(faults);
  }
  const window = { opensAt, closesAt, drawsAt, timeZone: zone ?? 'UTC' };
  const draft = isDraft ? { stage: 'draft' as const, draftDraw: draw } : {};
  return { campaign: { kind: body.kind, title: body.title, places, ...window, ...draft }, draw };
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

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
