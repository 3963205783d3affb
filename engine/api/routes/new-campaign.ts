/** The rules of a new campaign that concern more than one member. */
import type { NewRoom } from '../../../sql/statements/rooms/rooms.ts';
import { ONLY_TIER, type WantedDraw } from '../../campaigns/announce.ts';
import type { WantedCampaign } from '../../campaigns/create-campaign.ts';
import { claimFaults, windowFaults } from '../../campaigns/plan.ts';
import { isoOfMs } from '../../contract/api/instants.ts';
import { type FieldFault, fieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { LAST_STAMP_US } from '../../contract/record/stamp.ts';
import { type ClaimRules, type NamedMonitor, winnersOf } from '../../draw/rules.ts';
import {
  MAX_CLAIM_WITHIN_S,
  MIN_CLAIM_WITHIN_S,
  type NewCampaignBody,
} from '../contract/campaign-schemas.ts';
import { LEAST_PER_SECOND, MOST_PER_SECOND } from '../contract/room-schemas.ts';
import { MAX_STOCK } from '../contract/schemas.ts';
import { readTime, readZone } from './times.ts';

/** Members that some kinds of campaigns have and the others do not. */
const MEMBERS_OF = {
  coupon: ['stock', 'terms', 'waitlist', 'claim_within_s', 'monitors'],
  raffle: [
    'winners',
    'tiers',
    'alternates',
    'group_limit',
    'randomness',
    'draws_at',
    'claim_by',
    'claim_within_s',
    'monitors',
  ],
  room: ['per_second', 'capacity', 'grace_seconds', 'pass_seconds', 'visit_seconds', 'single_use'],
} as const;
/** Long enough to change trains, to reload a page, or to reconnect to another gateway. */
const GRACE_SECONDS = 60;
const PASS_SECONDS = 300;
const STOCK = `a whole number from 1 to ${MAX_STOCK}`;
/** An opening this long ago is attributed to a differing clock; an earlier one is a mistake. */
const LATE_OPENING_MS = 60_000;

/** Checks a body whose members are each valid. Throws Problem invalid-request with every fault. */
export function readNewCampaign(body: NewCampaignBody, nowMs: number): WantedCampaign {
  const faults: FieldFault[] = [];
  const own: readonly string[] = MEMBERS_OF[body.kind];
  for (const name of new Set(Object.values(MEMBERS_OF).flat())) {
    if (body[name] !== undefined && !own.includes(name))
      faults.push(fieldFault(name, body[name], `no value, as kind is ${body.kind}`));
  }
  const draw = body.kind === 'raffle' ? readDraw(body, faults) : undefined;
  const room = body.kind === 'room' ? readRoom(body, faults) : undefined;
  const stock = body.kind === 'coupon' ? readStock(body, faults) : draw ? winnersOf(draw) : MAX_STOCK;
  const zone = readZone(body.time_zone, faults);
  const opensAt =
    body.opens_at === undefined ? new Date(nowMs) : readTime('opens_at', body.opens_at, zone, faults);
  const closesAt = readTime('closes_at', body.closes_at, zone, faults);
  const drawsAt = body.draws_at === undefined ? null : readTime('draws_at', body.draws_at, zone, faults);
  const isDraft = body.draft === true;
  if (body.kind === 'raffle' && body.two_person === true && !isDraft) {
    const right = 'true, as a second operator approves the announcement of a raffle with two_person';
    faults.push(fieldFault('draft', body.draft, right));
  }
  if (!isDraft && opensAt !== undefined && opensAt.getTime() < nowMs - LATE_OPENING_MS) {
    faults.push(fieldFault('opens_at', body.opens_at, `${isoOfMs(nowMs - LATE_OPENING_MS)} or later`));
  }
  if (!isDraft && closesAt !== undefined && closesAt.getTime() <= nowMs) {
    faults.push(fieldFault('closes_at', body.closes_at, `a time after now, ${isoOfMs(nowMs)}`));
  } else if (closesAt !== undefined && opensAt !== undefined) {
    faults.push(...windowFaults({ opensAt, closesAt, drawsAt: drawsAt ?? null }));
  }
  const { monitors } = body;
  faults.push(...repeatedMonitors(monitors ?? []));
  const claims = readClaims(body, zone, { opensAt, closesAt, drawsAt }, faults);
  if (
    faults.length > 0 ||
    stock === undefined ||
    opensAt === undefined ||
    closesAt === undefined ||
    drawsAt === undefined
  ) {
    throw invalidRequest(faults);
  }
  const window = { opensAt, closesAt, drawsAt, timeZone: zone ?? 'UTC' };
  const draft = isDraft ? { stage: 'draft' as const, draftTerms: { draw, claims, monitors } } : {};
  return {
    campaign: {
      ...{ kind: body.kind, title: body.title, stock, ...window, ...draft },
      ...{ shop: body.shop ?? null, twoPerson: body.two_person ?? false },
    },
    draw,
    claims,
    room,
    monitors,
  };
}

/** Two monitors of one name cannot be told apart, and one key used twice would count as two monitors. */
function repeatedMonitors(monitors: readonly NamedMonitor[]): FieldFault[] {
  return monitors.flatMap((monitor, index) =>
    (['name', 'key'] as const).flatMap(member =>
      monitors.slice(0, index).some(other => other[member] === monitor[member])
        ? [
            fieldFault(
              `monitors[${index}].${member}`,
              monitor[member],
              `a ${member} that is unique in the list`,
            ),
          ]
        : [],
    ),
  );
}

/** undefined: it could not be read, which was reported. */
interface WantedTimes {
  readonly opensAt: Date | undefined;
  readonly closesAt: Date | undefined;
  readonly drawsAt: Date | null | undefined;
}

function readClaims(
  body: NewCampaignBody,
  zone: string | undefined,
  { opensAt, closesAt, drawsAt }: WantedTimes,
  faults: FieldFault[],
): ClaimRules | undefined {
  const { claim_within_s, claim_by, waitlist } = body;
  if (claim_within_s !== undefined && claim_by !== undefined) {
    faults.push(fieldFault('claim_by', claim_by, 'no value, as claim_within_s sets the time to claim'));
    return undefined;
  }
  const withinS = claim_by === undefined ? claim_within_s : readClaimBy(claim_by, zone, closesAt, faults);
  if (withinS === undefined) {
    if (body.kind === 'coupon' && waitlist !== undefined) {
      const right = 'no value, as nothing becomes free for a waitlist without claim_within_s';
      faults.push(fieldFault('waitlist', waitlist, right));
    }
    return undefined;
  }
  if (opensAt !== undefined && closesAt !== undefined) {
    // Claims are stamped like entries, so they must lie within the range of stamps.
    const lastMs = opensAt.getTime() + LAST_STAMP_US / 1000;
    if (closesAt.getTime() + withinS * 1000 > lastMs) {
      const field = claim_by === undefined ? 'claim_within_s' : 'claim_by';
      const right = `a deadline, counted from the close, at or before ${isoOfMs(Math.floor(lastMs))}`;
      faults.push(fieldFault(field, body[field], right));
    } else if (drawsAt) faults.push(...claimFaults({ opensAt, closesAt, drawsAt }, withinS));
  }
  return { withinS, waitlist: waitlist ?? 0 };
}

/** The time from the close to `text`; every drawn user gets as long, counted from their draw. */
function readClaimBy(
  text: string,
  zone: string | undefined,
  closesAt: Date | undefined,
  faults: FieldFault[],
): number | undefined {
  const claimBy = readTime('claim_by', text, zone, faults);
  if (claimBy === undefined || closesAt === undefined) return undefined;
  const withinS = Math.ceil((claimBy.getTime() - closesAt.getTime()) / 1000);
  if (withinS >= MIN_CLAIM_WITHIN_S && withinS <= MAX_CLAIM_WITHIN_S) return withinS;
  const closes = closesAt.toISOString();
  const right = `an instant ${MIN_CLAIM_WITHIN_S} to ${MAX_CLAIM_WITHIN_S} seconds after the close at ${closes}`;
  faults.push(fieldFault('claim_by', text, right));
  return undefined;
}

function readRoom(body: NewCampaignBody, faults: FieldFault[]): NewRoom | undefined {
  const { per_second: perSecond, capacity = null, visit_seconds: visitSeconds } = body;
  if (perSecond === undefined) {
    const right = `a number from ${LEAST_PER_SECOND} to ${MOST_PER_SECOND}, as kind is room`;
    faults.push(fieldFault('per_second', perSecond, right));
    return undefined;
  }
  return {
    perSecond,
    capacity,
    paused: false,
    graceMs: (body.grace_seconds ?? GRACE_SECONDS) * 1000,
    passMs: (body.pass_seconds ?? PASS_SECONDS) * 1000,
    visitMs: visitSeconds === undefined ? null : visitSeconds * 1000,
    singleUse: body.single_use ?? false,
  };
}

function readStock({ stock }: NewCampaignBody, faults: FieldFault[]): number | undefined {
  if (stock === undefined) faults.push(fieldFault('stock', stock, `${STOCK}, as kind is coupon`));
  return stock;
}

function readDraw(body: NewCampaignBody, faults: FieldFault[]): WantedDraw | undefined {
  const { winners, tiers, alternates = 0, group_limit = null, randomness = 'commit' } = body;
  if (winners === undefined && tiers === undefined) {
    faults.push(fieldFault('winners', winners, `${STOCK}, as kind is raffle; or tiers instead`));
    return undefined;
  }
  if (winners !== undefined && tiers !== undefined) {
    faults.push(fieldFault('winners', winners, 'no value, as the tiers set the number of winners'));
    return undefined;
  }
  const draw = {
    tiers: tiers ?? [{ name: ONLY_TIER, winners: winners ?? 0 }],
    alternates,
    group_limit,
    randomness,
  };
  if (winnersOf(draw) > MAX_STOCK) {
    faults.push(fieldFault('tiers', tiers, `at most ${MAX_STOCK} winners over all tiers`));
    return undefined;
  }
  return draw;
}
