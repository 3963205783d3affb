/** Schemas of campaigns; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { shownText } from '../../contract/api/text.ts';
import { CAMPAIGN_STATES } from '../../contract/campaign/campaign-state.ts';
import { MAX_WINDOW_DAYS } from '../../contract/record/stamp.ts';
import { AnnouncedRandomness, MonitorMember, NoticeMember } from '../../contract/redis/board/board.ts';
import { campaignExample, createdExample, newDropBody, raffleExample } from './campaign-examples.ts';
import { TermsMember } from './coupons/coupon-schemas.ts';
import { capacity, perSecond } from './room-schemas.ts';
import {
  exact,
  instant,
  MAX_STOCK,
  MAX_TITLE_CHARACTERS,
  oneOf,
  orNull,
  shopName,
  time,
  timeZone,
  whole,
} from './schemas.ts';

export const MAX_TIERS = 100;
const MAX_TIER_NAME_CHARACTERS = 100;
/** Monitors are part of the rules, the board and the book's header. */
export const MAX_MONITORS = 16;
const MAX_MONITOR_NAME_CHARACTERS = 100;
/**
 * An outage of less than two seconds cannot be told from a slow moment and counts against the holder, who still needs time to
 * claim.
 */
export const MIN_CLAIM_WITHIN_S = 5;
export const MAX_CLAIM_WITHIN_S = 30 * 86_400;
/** Postgres' greatest integer; no campaign has a greater id. */
const MAX_CAMPAIGN_ID = 2 ** 31 - 1;

const Tier = Type.Object(
  {
    name: shownText(MAX_TIER_NAME_CHARACTERS, 'The name of the prize'),
    winners: Type.Integer({ minimum: 1, maximum: MAX_STOCK }),
  },
  exact,
);

const NewMonitor = Type.Object(
  {
    name: shownText(MAX_MONITOR_NAME_CHARACTERS, 'Who they are'),
    // Each key has exactly one spelling: the bits behind its last byte are zero.
    key: Type.String({ pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$', description: 'Ed25519' }),
  },
  exact,
);

export const NewCampaignBody = Type.Object(
  {
    kind: oneOf(
      ['coupon', 'raffle', 'room'],
      'coupon: first come, first served; raffle: winners are drawn after the close; room: a waiting room that admits everybody at a set rate',
    ),
    title: shownText(MAX_TITLE_CHARACTERS, 'Public'),
    stock: Type.Optional(whole(1, MAX_STOCK, 'Of a coupon: the stock')),
    terms: Type.Optional(TermsMember),
    winners: Type.Optional(whole(1, MAX_STOCK, 'Of a raffle with one prize: the number of winners')),
    tiers: Type.Optional(
      Type.Array(Tier, {
        minItems: 1,
        maxItems: MAX_TIERS,
        description: 'Of a raffle with several prizes, instead of winners: the first tier is drawn first',
        'x-expected':
          `a list of 1 to ${MAX_TIERS} objects with name (text of 1 to ${MAX_TIER_NAME_CHARACTERS} characters) ` +
          `and winners (a whole number from 1 to ${MAX_STOCK})`,
      }),
    ),
    alternates: Type.Optional(
      whole(0, MAX_STOCK, 'Of a raffle: how many alternates are drawn; none when absent'),
    ),
    group_limit: Type.Optional(
      whole(1, MAX_STOCK, 'Of a raffle: the maximum number of winners per group; no limit when absent'),
    ),
    randomness: Type.Optional(
      oneOf(
        ['commit', 'drand'],
        'Of a raffle. commit (default): a secret that the engine commits to now; drand: a quicknet round ' +
          'after the close; choose drand if the engine has network access',
      ),
    ),
    claim_within_s: Type.Optional(
      whole(
        MIN_CLAIM_WITHIN_S,
        MAX_CLAIM_WITHIN_S,
        'The time to claim a grant or win, in seconds, before it passes to the next; when absent, grants and wins are final at once',
      ),
    ),
    claim_by: Type.Optional(
      instant(
        'Of a raffle, instead of claim_within_s: an instant after the close; everybody drawn gets as long as from the close until then',
      ),
    ),
    waitlist: Type.Optional(
      whole(
        0,
        MAX_STOCK,
        'Of a coupon with claim_within_s: the size of the waitlist for unclaimed coupons; none when absent',
      ),
    ),
    monitors: Type.Optional(
      Type.Array(NewMonitor, {
        minItems: 1,
        maxItems: MAX_MONITORS,
        description:
          'Of a coupon or a raffle: the monitors that follow the signed heads from outside (npm run monitor). They are part of the rules and never change',
        'x-expected':
          `a list of 1 to ${MAX_MONITORS} objects with name (text of 1 to ${MAX_MONITOR_NAME_CHARACTERS} characters) ` +
          'and key (an Ed25519 public key, 32 bytes in base64url, as the monitor prints it)',
      }),
    ),
    per_second: Type.Optional(perSecond),
    capacity: Type.Optional(capacity),
    grace_seconds: Type.Optional(
      whole(1, 86_400, 'Of a room: how long a user may be away before being skipped; 60 when absent'),
    ),
    pass_seconds: Type.Optional(
      whole(1, 86_400, 'Of a room: how long a pass stays valid unused; 300 when absent'),
    ),
    visit_seconds: Type.Optional(
      whole(
        1,
        86_400,
        'Of a room: the maximum length of a visit; when absent, until the shop reports its end',
      ),
    ),
    single_use: Type.Optional(
      Type.Boolean({
        description: 'Of a room: a pass admits only once; false when absent',
        'x-expected': 'true or false',
      }),
    ),
    opens_at: Type.Optional(instant('Absent: now')),
    closes_at: instant(`At most ${MAX_WINDOW_DAYS} days after the opening`),
    draws_at: Type.Optional(instant('Of a raffle: when it is drawn, at its close (default) or later')),
    time_zone: Type.Optional(timeZone()),
    shop: Type.Optional(
      shopName(
        'The shop whose tokens may use its codes and passes; absent: only tokens for everything may. It never changes',
      ),
    ),
    two_person: Type.Optional(
      Type.Boolean({
        description:
          'Some acts wait for a second operator: see POST …/two-person. A raffle with it begins as a draft, as its announcement waits too; false when absent',
        'x-expected': 'true or false',
      }),
    ),
    draft: Type.Optional(
      Type.Boolean({
        description: 'The campaign stays unannounced until POST …/announce',
        'x-expected': 'true or false',
      }),
    ),
  },
  {
    ...exact,
    description: 'A campaign. Its rules cannot change once it has entries.',
    examples: [newDropBody],
  },
);
export type NewCampaignBody = Static<typeof NewCampaignBody>;

/** What a campaign gives, by its kind. */
export const stockMembers = {
  stock: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
  winners: Type.Optional(Type.Integer({ description: 'Of a raffle: the number of winners over all tiers' })),
};

export const noticeMember = orNull(NoticeMember);

const campaignMembers = {
  id: Type.Integer(),
  kind: Type.Enum(['coupon', 'raffle', 'room']),
  title: Type.String(),
  ...stockMembers,
  rules_hash: orNull(
    Type.String({ description: 'SHA-256 of the announced rules, base64url; null until they are announced' }),
  ),
  tiers: Type.Optional(Type.Array(Tier, { description: 'Of a raffle' })),
  alternates: Type.Optional(Type.Integer({ description: 'Of a raffle' })),
  group_limit: Type.Optional(orNull(Type.Integer({ description: 'Of a raffle' }))),
  randomness: Type.Optional(AnnouncedRandomness),
  monitors: Type.Optional(
    Type.Array(MonitorMember, { description: 'The monitors that follow the signed heads from outside' }),
  ),
  claim_within_s: Type.Optional(
    Type.Integer({ description: 'Where claims are required: the time to claim, in seconds' }),
  ),
  waitlist: Type.Optional(Type.Integer({ description: 'Of such a coupon: the size of the waitlist' })),
  waitlisted: Type.Optional(
    Type.Integer({
      description: 'Where claims are required: how many are waitlisted, including alternates',
    }),
  ),
  opens_at: time('The first instant at which entries are accepted'),
  closes_at: time('The first instant at which entries are no longer accepted'),
  draws_at: Type.Optional(time('Of a raffle: when it is drawn')),
  time_zone: Type.String({ description: 'IANA time zone of the times below' }),
  local: Type.Object(
    {
      opens_at: Type.String(),
      closes_at: Type.String(),
      draws_at: Type.Optional(Type.String()),
    },
    {
      ...exact,
      description: 'The same instants in local time, with their offset',
    },
  ),
  status: Type.Enum([...CAMPAIGN_STATES], {
    description:
      'settled: closed, and every entry has its outcome; for a raffle that means drawn. cancelled: entries waiting then have that outcome',
  }),
  version: Type.Integer({ description: 'The version in effect; the ETag is the same number in quotes' }),
  pending: orNull(
    Type.Integer({ description: 'The version that gateways have yet to confirm; null if there is none' }),
  ),
  paused_at: orNull(time('Since when the campaign accepts no entries')),
  notice: noticeMember,
  made_by: Type.String(),
  shop: Type.Optional(Type.String({ description: 'The shop whose tokens may use its codes and passes' })),
  two_person: Type.Optional(Type.Literal(true, { description: 'Some acts wait for a second operator' })),
  entries_settled: Type.Integer({ description: 'Entries with an outcome' }),
  granted: Type.Optional(Type.Integer({ description: 'Of a coupon: how many were granted' })),
  drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: how many winners were drawn' })),
  passed_on: Type.Optional(
    Type.Integer({
      description: 'Of a raffle, or where claims are required: how many were passed on',
    }),
  ),
  admitted: Type.Optional(Type.Integer({ description: 'Of a room: how many were admitted so far' })),
  withdrawn: Type.Optional(
    Type.Integer({ description: 'Of a coupon or a raffle: entries withdrawn while waiting' }),
  ),
  created_at: time('When it was created'),
  settled_at: orNull(time('When the last entry got its outcome')),
};

export const CampaignJson = Type.Object(campaignMembers, { ...exact, examples: [campaignExample] });
export type CampaignJson = Static<typeof CampaignJson>;

export const CreatedCampaign = Type.Object(
  {
    ...campaignMembers,
    coupon: Type.Optional(Type.Integer({ description: 'Of a coupon with terms: the URL of the terms' })),
    published: Type.Boolean({
      description: 'Whether gateways can see it. false: Redis is unavailable; they see it once Redis is back',
    }),
  },
  { ...exact, examples: [createdExample] },
);

export const CampaignPage = Type.Object(
  {
    campaigns: Type.Array(CampaignJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ campaigns: [campaignExample, raffleExample], next: null }] },
);

export const CampaignPath = Type.Object({ id: whole(1, MAX_CAMPAIGN_ID, 'The campaign') }, exact);
