/**
 * The schemas of the operator's API, written once: they check and type the input, and make the OpenAPI document. `x-expected`
 * says what a member should be, for error messages.
 */
import type { Static, TSchema } from 'typebox';
import Type from 'typebox';
import { OUTCOMES } from '../../../sql/statements/entries/outcomes.ts';
import { drawProof } from '../../contract/api/examples/signed.ts';
import { alice, bob, drop, room } from '../../contract/api/examples/story.ts';
import { shownText, userIdText } from '../../contract/api/text.ts';
import { CAMPAIGN_STATES } from '../../contract/campaign/campaign-state.ts';
import { MAX_WINDOW_DAYS } from '../../contract/record/stamp.ts';
import { AnnouncedRandomness, MonitorMember } from '../../contract/redis/board/board.ts';
import { MOST_TICKETS } from '../../draw/draw.ts';
import { campaignExample, createdExample, newDropBody, raffleExample } from './campaign-examples.ts';
import { TermsMember } from './coupon-schemas.ts';

export const MAX_PLACES = 10_000_000;
export const MAX_TITLE_CHARACTERS = 200;
export const MAX_TIERS = 100;
const MAX_TIER_NAME_CHARACTERS = 100;
/** Monitors are part of the rules, the board and the book's header. */
export const MAX_MONITORS = 16;
const MAX_MONITOR_NAME_CHARACTERS = 100;
/** Entrants whose terms are set in one call. */
export const MAX_ENTRANTS = 1_000;
const MAX_GROUP_CHARACTERS = 100;
export const MAX_REASON_CHARACTERS = 200;
/**
 * An outage of less than two seconds cannot be told from a slow moment and counts against the holder, who still needs time to
 * claim.
 */
export const MIN_CLAIM_WITHIN_S = 5;
export const MAX_CLAIM_WITHIN_S = 30 * 86_400;
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
/** Postgres' greatest integer; no campaign has a greater id. */
const MAX_CAMPAIGN_ID = 2 ** 31 - 1;

export function whole(minimum: number, maximum: number, description: string) {
  return Type.Integer({
    minimum,
    maximum,
    description,
    'x-expected': `a whole number from ${minimum} to ${maximum}`,
  });
}

export function oneOf<const T extends string>(choices: readonly T[], description: string) {
  return Type.Enum([...choices], { description, 'x-expected': `one of ${choices.join(', ')}` });
}

/**
 * An instant in a request, to the millisecond at most, because campaigns store milliseconds: in UTC, or, without the Z, a local
 * time in the campaign's time zone (see readTime).
 */
export function instant(description: string) {
  return Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,3})?)?Z?$',
    description,
    'x-expected':
      'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; or, with time_zone, a local time without the Z',
  });
}

/** The name of a time zone; readZone checks that it exists. */
export function timeZone() {
  return Type.String({
    pattern: '^[A-Za-z][A-Za-z0-9_+/-]{0,63}$',
    description:
      'IANA time zone: times are displayed in it, and times without a Z are read in it; UTC when absent',
    'x-expected': 'an IANA time zone name, like Europe/Berlin',
  });
}

/** An instant in an answer. */
export function time(description: string) {
  return Type.String({ format: 'date-time', description });
}

export function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

export const exact = { additionalProperties: false };

/** Like the check on `rooms`. A greater rate is a typing error, and a smaller one admits nobody within a minute. */
export const LEAST_PER_SECOND = 0.01;
export const MOST_PER_SECOND = 10_000;

const perSecond = Type.Number({
  minimum: LEAST_PER_SECOND,
  maximum: MOST_PER_SECOND,
  description: 'Of a room: the maximum number of admissions per second',
  'x-expected': `a number from ${LEAST_PER_SECOND} to ${MOST_PER_SECOND}; to let nobody in, pause the room`,
});
const capacity = whole(1, MAX_PLACES, 'Of a room: how many may be inside at once; no limit when absent');

const Tier = Type.Object(
  {
    name: shownText(MAX_TIER_NAME_CHARACTERS, 'The name of the prize'),
    winners: Type.Integer({ minimum: 1, maximum: MAX_PLACES }),
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
    stock: Type.Optional(whole(1, MAX_PLACES, 'Of a coupon: the stock')),
    terms: Type.Optional(TermsMember),
    winners: Type.Optional(whole(1, MAX_PLACES, 'Of a raffle with one prize: the number of winners')),
    tiers: Type.Optional(
      Type.Array(Tier, {
        minItems: 1,
        maxItems: MAX_TIERS,
        description: 'Of a raffle with several prizes, instead of winners: the first tier is drawn first',
        'x-expected':
          `a list of 1 to ${MAX_TIERS} objects with name (text of 1 to ${MAX_TIER_NAME_CHARACTERS} characters) ` +
          `and winners (a whole number from 1 to ${MAX_PLACES})`,
      }),
    ),
    alternates: Type.Optional(
      whole(0, MAX_PLACES, 'Of a raffle: how many alternates are drawn; none when absent'),
    ),
    group_limit: Type.Optional(
      whole(1, MAX_PLACES, 'Of a raffle: the maximum number of winners per group; no limit when absent'),
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
        MAX_PLACES,
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

const campaignMembers = {
  id: Type.Integer(),
  kind: Type.Enum(['coupon', 'raffle', 'room']),
  title: Type.String(),
  stock: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
  winners: Type.Optional(Type.Integer({ description: 'Of a raffle: the number of winners over all tiers' })),
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
  made_by: Type.String(),
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

export const limit = Type.Optional(whole(1, MAX_PAGE, `The page size; ${DEFAULT_PAGE} when absent`));
const after = Type.Optional(
  whole(0, Number.MAX_SAFE_INTEGER, 'The `next` of the previous page; absent for the first page'),
);

export const PageQuery = Type.Object({ after, limit }, exact);

const outcome = Type.Optional(oneOf(OUTCOMES, 'Only entries with this outcome'));

export const EntriesQuery = Type.Object({ after, limit, outcome }, exact);
export const ExportQuery = Type.Object({ outcome }, exact);

/** The page size if the query names none. */
export function pageLimit(query: { readonly limit?: number }): number {
  return query.limit ?? DEFAULT_PAGE;
}

const entryExamples = [
  {
    ...{ user_id: alice.user, stamp: alice.stamp, requested_at: alice.requestedAt, outcome: 'granted' },
    ...{ serial: alice.serial, code: alice.code, granted_at: alice.offeredAt },
    ...{ claim_by: '2030-01-31T17:15:01.204000Z', ended_at: '2030-01-31T17:02:10.512345Z' },
  },
  {
    ...{ user_id: bob.user, stamp: bob.stamp, requested_at: bob.requestedAt, outcome: 'waitlisted' },
    ...{ serial: null, code: null, granted_at: null, claim_by: null, ended_at: null },
  },
];

/** The same entries; a field that is null is empty. */
export const csvExample = [Object.keys(entryExamples[0] ?? {}), ...entryExamples.map(Object.values)]
  .map(fields => `${fields.join(',')}\r\n`)
  .join('');

export const EntryJson = Type.Object(
  {
    user_id: Type.String(),
    stamp: Type.Integer({ description: 'The position in the total order of the campaign' }),
    requested_at: time('When it was stamped, to the microsecond'),
    outcome: Type.Enum([...OUTCOMES]),
    serial: orNull(Type.Integer({ description: 'The number of the grant or prize: 1, 2, 3 ...' })),
    code: orNull(Type.String({ description: 'The code to redeem it with' })),
    granted_at: orNull(time('When it was granted or drawn')),
    claim_by: orNull(time('The claim deadline of the offer')),
    ended_at: orNull(
      time('When the offer was claimed, expired or was declined, or the waitlisted user left'),
    ),
  },
  exact,
);
export type EntryJson = Static<typeof EntryJson>;

export const EntryPage = Type.Object(
  {
    entries: Type.Array(EntryJson, { description: 'In stamp order' }),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ entries: entryExamples, next: bob.stamp }] },
);

export const TotalsJson = Type.Object(
  {
    entries: Type.Integer(),
    granted: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
    won: Type.Optional(Type.Integer({ description: 'Of a raffle' })),
    waitlisted: Type.Optional(Type.Integer({ description: 'Where claims are required: waitlisted' })),
    offered: Type.Optional(
      Type.Integer({ description: 'Where claims are required: offered, not claimed yet' }),
    ),
    lapsed: Type.Optional(Type.Integer({ description: 'Where claims are required: not claimed in time' })),
    declined: Type.Optional(
      Type.Integer({ description: 'Where claims are required: offered, then withdrawn' }),
    ),
    withdrawn: Type.Integer(),
    waiting: Type.Integer({ description: 'Not decided yet' }),
    sold_out: Type.Optional(Type.Integer({ description: 'Of a coupon: too late' })),
    not_drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: did not win' })),
    cancelled: Type.Integer({ description: 'Waiting when the campaign was cancelled' }),
    admitted: Type.Optional(Type.Integer({ description: 'Of a room: admitted' })),
    skipped: Type.Optional(Type.Integer({ description: 'Of a room: away for too long, still away' })),
    dead_letters: Type.Integer({
      description: 'Dead letters of the whole log: an unreadable record does not name its campaign',
    }),
  },
  {
    ...exact,
    description: 'Entries by outcome, as one snapshot',
    examples: [
      {
        ...{ entries: drop.settled, granted: 11_590, sold_out: 1_210, waitlisted: drop.waitlisted },
        ...{ offered: 410, lapsed: 62, declined: 16, withdrawn: 50, waiting: 0, cancelled: 0 },
        dead_letters: 0,
      },
    ],
  },
);
export type TotalsJson = Static<typeof TotalsJson>;

export const RoomTermsBody = Type.Object(
  {
    per_second: perSecond,
    capacity: Type.Optional(capacity),
    paused: Type.Optional(
      Type.Boolean({ description: 'Pause admissions; false when absent', 'x-expected': 'true or false' }),
    ),
  },
  {
    ...exact,
    description: 'All terms of a room that may change at any time',
    examples: [{ per_second: room.perSecond, capacity: room.capacity }],
  },
);

const people = (description: string) => Type.Integer({ description });
export const RoomJson = Type.Object(
  {
    version: Type.Integer({
      description: 'Increases with each change of the terms; the ETag is the same number in quotes',
    }),
    per_second: Type.Number(),
    capacity: orNull(Type.Integer()),
    paused: Type.Boolean(),
    grace_seconds: Type.Number(),
    pass_seconds: Type.Number(),
    visit_seconds: orNull(Type.Number()),
    single_use: Type.Boolean(),
    people: Type.Object(
      {
        waiting: people('Waiting in line'),
        absent: people('Of those, currently away'),
        skipped: people('Away longer than the grace period; back in line when they return'),
        withdrawn: people('Left the line for good'),
        admitted: people('Have an unused pass'),
        inside: people('Are in the shop'),
        left: people('Have left the shop'),
        expired: people('Did not use the pass in time, or stayed too long'),
      },
      exact,
    ),
  },
  {
    ...exact,
    examples: [
      {
        ...{ version: 2, per_second: room.perSecond, capacity: room.capacity, paused: false },
        ...{ grace_seconds: 60, pass_seconds: 300, visit_seconds: 3_600, single_use: false },
        people: {
          ...{ waiting: 4_312, absent: 85, skipped: 12, withdrawn: 40 },
          ...{ admitted: 61, inside: 1_939, left: 20_512, expired: 118 },
        },
      },
    ],
  },
);
export type RoomJson = Static<typeof RoomJson>;

export const EntrantBody = Type.Object(
  {
    user: userIdText('The user, whether or not they have entered yet'),
    tickets: Type.Optional(whole(1, MOST_TICKETS, 'The number of tickets in the draw; 1 when absent')),
    group: Type.Optional(
      shownText(MAX_GROUP_CHARACTERS, 'The group that the per-group limit counts by; none when absent'),
    ),
    excluded: Type.Optional(
      shownText(MAX_REASON_CHARACTERS, 'Why the user is excluded from the draw; the book shows it'),
    ),
  },
  exact,
);
export type EntrantBody = Static<typeof EntrantBody>;

/** The body of a call that sets terms; its items are read one by one, so that each fault names its item. */
export const EntrantsBody = Type.Array(EntrantBody, {
  minItems: 1,
  maxItems: MAX_ENTRANTS,
  description: 'Each replaces the earlier terms of that user',
  examples: [[{ user: alice.user, tickets: 2 }]],
});

/** With ?dryRun=true. */
const dryRunMark = Type.Optional(Type.Literal(true, { description: 'A dry run: nothing was changed' }));

export const EntrantsSaved = Type.Object(
  { entrants: Type.Integer({ description: 'How many users now have the given terms' }), dry_run: dryRunMark },
  { ...exact, examples: [{ entrants: 1 }] },
);

export const EntrantsQuery = Type.Object(
  { after: Type.Optional(userIdText('The `next` of the previous page')), limit },
  exact,
);

export const EntrantPage = Type.Object(
  {
    entrants: Type.Array(
      Type.Object(
        {
          user: Type.String(),
          tickets: Type.Integer(),
          group: orNull(Type.String()),
          excluded: orNull(
            Type.String({ description: 'Why the user is excluded from the draw; null if not excluded' }),
          ),
        },
        exact,
      ),
      { description: 'Users with terms, in byte order of their ids' },
    ),
    next: orNull(Type.String({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [{ entrants: [{ user: alice.user, tickets: 2, group: null, excluded: null }], next: null }],
  },
);

export const PassOnBody = Type.Object(
  {
    serial: whole(1, MAX_PLACES, 'The serial of the unclaimed prize'),
    reason: shownText(MAX_REASON_CHARACTERS, 'Why it is passed on'),
    holder: Type.Optional(
      userIdText(
        'The current holder. Required once the prize was passed on, so that a repeated call passes nothing on twice',
      ),
    ),
  },
  { ...exact, examples: [{ serial: 1, reason: 'Did not answer', holder: alice.user }] },
);

export const PassedOnJson = Type.Object(
  {
    serial: Type.Integer(),
    tier: orNull(Type.Integer({ description: 'From 0' })),
    alternate: Type.Integer({ description: 'The number of the alternate who has it now, from 1' }),
    user: Type.String({ description: 'The user id of that alternate' }),
    passed_from: Type.String({ description: 'The previous holder' }),
    dry_run: dryRunMark,
  },
  {
    ...exact,
    examples: [{ serial: 1, tier: 0, alternate: 1, user: bob.user, passed_from: alice.user }],
  },
);

export const DeadlineBody = Type.Object(
  {
    serial: whole(1, MAX_PLACES, 'The serial of the offer'),
    holder: userIdText('The user who has the offer'),
    claim_by: instant('A time after the current deadline'),
  },
  { ...exact, examples: [{ serial: alice.serial, holder: alice.user, claim_by: alice.extendedTo }] },
);

export const DeadlineJson = Type.Object(
  {
    serial: Type.Integer(),
    user: Type.String({ description: 'The user who can claim it' }),
    claim_by: time('The claim deadline'),
  },
  { ...exact, examples: [{ serial: alice.serial, user: alice.user, claim_by: alice.extendedTo }] },
);

const bytes32 = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '32 bytes in base64url' });
const person = {
  key: bytes32,
  stamp: Type.Integer(),
  tickets: Type.Optional(Type.Integer({ description: 'Only if not 1' })),
  who: bytes32,
};

export const ProofJson = Type.Object(
  {
    proof: Type.Literal(1),
    campaign: Type.Integer(),
    rules: Type.Record(Type.String(), Type.Unknown(), { description: 'As announced' }),
    rules_hash: bytes32,
    pool_root: bytes32,
    pool_count: Type.Integer(),
    randomness: bytes32,
    source: Type.Union([
      Type.Object({ secret: bytes32 }, exact),
      Type.Object(
        { round: Type.Integer(), signature: Type.String({ description: '48 bytes in hex' }) },
        exact,
      ),
    ]),
    seed: bytes32,
    winners: Type.Array(
      Type.Object(
        { serial: Type.Integer(), tier: Type.Integer({ description: 'From 0' }), ...person },
        exact,
      ),
    ),
    alternates: Type.Array(
      Type.Object({ alternate: Type.Integer({ description: 'From 1' }), ...person }, exact),
    ),
  },
  {
    ...exact,
    description: 'Everything needed to repeat the draw; engine/draw/vectors/VECTORS.md explains how',
    examples: [drawProof],
  },
);

export const DeadLettersPage = Type.Object(
  {
    records: Type.Array(
      Type.Object(
        {
          id: Type.Integer(),
          log_name: Type.String(),
          partition: Type.Integer(),
          position: Type.String({ description: 'The position in the log' }),
          item: orNull(
            Type.Integer({ description: 'The item of the record, from 0; null: the whole record' }),
          ),
          reason: Type.String(),
          record_base64: Type.String({
            description: 'The raw record, or its head and the item',
          }),
          recorded_at: time('When'),
        },
        exact,
      ),
    ),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [
      {
        records: [
          {
            ...{ id: 1, log_name: 'redis:fairline', partition: 3, position: '1896109205113-0', item: null },
            ...{ reason: '2 bytes are shorter than a head of 48', record_base64: 'e30=' },
            recorded_at: '2030-01-31T17:00:05.120Z',
          },
        ],
        next: null,
      },
    ],
  },
);

export const Alive = Type.Object({ ok: Type.Literal(true) }, { ...exact, examples: [{ ok: true }] });

export const Ready = Type.Object(
  {
    ok: Type.Literal(true),
    checks: Type.Record(Type.String(), Type.String(), {
      description: "Each component: 'ok', or what is wrong",
    }),
  },
  {
    ...exact,
    examples: [
      {
        ok: true,
        checks: { postgres: 'ok', redis: 'ok', clocks: 'ok', leases: 'ok', cycles: 'ok' },
      },
    ],
  },
);

export const metricsExample = `# HELP fairline_api_answers_total Answers of the operator's API
# TYPE fairline_api_answers_total counter
fairline_api_answers_total{method="GET",route="/livez",status="200"} 1893
`;
