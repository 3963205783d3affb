/**
 * What the operator's API takes and gives, written once: these schemas check what comes in, type it, and make the
 * OpenAPI document. `x-expected` says of a member what would be right, in the words of an error.
 */
import type { Static, TSchema } from 'typebox';
import Type from 'typebox';
import { OUTCOMES } from '../../sql/outcomes.ts';
import { AnnouncedRandomness, MonitorMember } from '../contract/board/board.ts';
import { MAX_WINDOW_DAYS } from '../contract/stamp.ts';
import { shownText, userIdText } from '../contract/text.ts';
import { MOST_TICKETS } from '../draw/draw.ts';
import { STATES } from '../schedule/states.ts';
import { TermsMember } from './coupon-schemas.ts';

export const MAX_PLACES = 10_000_000;
export const MAX_TITLE_CHARACTERS = 200;
export const MAX_TIERS = 100;
const MAX_TIER_NAME_CHARACTERS = 100;
/** They stand in the rules, on the board and in the header of the book. */
export const MAX_MONITORS = 16;
const MAX_MONITOR_NAME_CHARACTERS = 100;
/** Entrants whose terms are set in one call. */
export const MAX_ENTRANTS = 1_000;
const MAX_GROUP_CHARACTERS = 100;
export const MAX_REASON_CHARACTERS = 200;
/** An outage of less than two seconds cannot be told from a slow moment, and counts: there has to be time left beside it. */
export const MIN_CLAIM_WITHIN_S = 5;
export const MAX_CLAIM_WITHIN_S = 30 * 86_400;
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
/** Postgres' greatest integer; no campaign has a greater number. */
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
 * An instant that comes in, with milliseconds at most, as that is what a campaign keeps: in UTC, or, without the Z, as the
 * clocks of the campaign's time zone show it (see readTime).
 */
export function instant(description: string) {
  return Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,3})?)?Z?$',
    description,
    'x-expected':
      'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; or, with time_zone, a local time without the Z',
  });
}

/** The name of a zone; that there is one of this name is checked besides. */
export function timeZone() {
  return Type.String({
    pattern: '^[A-Za-z][A-Za-z0-9_+/-]{0,63}$',
    description: 'IANA: times are shown in it, and those without a Z are read in it; UTC when absent',
    'x-expected': 'the name of a time zone of IANA, like Europe/Berlin',
  });
}

/** An instant that goes out. */
export function time(description: string) {
  return Type.String({ format: 'date-time', description });
}

export function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

export const exact = { additionalProperties: false };

/** As rooms keeps them; a rate beyond is a typing error, and one below lets nobody in within a minute. */
export const LEAST_PER_SECOND = 0.01;
export const MOST_PER_SECOND = 10_000;

const perSecond = Type.Number({
  minimum: LEAST_PER_SECOND,
  maximum: MOST_PER_SECOND,
  description: 'Of a room: how many are let in a second at most',
  'x-expected': `a number from ${LEAST_PER_SECOND} to ${MOST_PER_SECOND}; to let nobody in, pause the room`,
});
const capacity = whole(
  1,
  MAX_PLACES,
  'Of a room: how many may be inside at once; as many as come when absent',
);

const Tier = Type.Object(
  {
    name: shownText(MAX_TIER_NAME_CHARACTERS, 'What is won'),
    winners: Type.Integer({ minimum: 1, maximum: MAX_PLACES }),
  },
  exact,
);

const NewMonitor = Type.Object(
  {
    name: shownText(MAX_MONITOR_NAME_CHARACTERS, 'Who they are'),
    // Each key has one spelling: the bits behind its last byte are zero.
    key: Type.String({ pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$', description: 'Ed25519' }),
  },
  exact,
);

export const NewCampaignBody = Type.Object(
  {
    kind: oneOf(
      ['coupon', 'raffle', 'room'],
      'coupon: the first ones win; raffle: winners are drawn after the close; room: a waiting room, all are let in at a rate',
    ),
    title: shownText(MAX_TITLE_CHARACTERS, 'Shown to everybody'),
    stock: Type.Optional(whole(1, MAX_PLACES, 'Of a coupon: how many there are')),
    terms: Type.Optional(TermsMember),
    winners: Type.Optional(whole(1, MAX_PLACES, 'Of a raffle with one prize: how many are drawn for it')),
    tiers: Type.Optional(
      Type.Array(Tier, {
        minItems: 1,
        maxItems: MAX_TIERS,
        description: 'Of a raffle with several prizes, in place of winners: the first is drawn first',
        'x-expected':
          `a list of 1 to ${MAX_TIERS} objects with name (text of 1 to ${MAX_TIER_NAME_CHARACTERS} characters) ` +
          `and winners (a whole number from 1 to ${MAX_PLACES})`,
      }),
    ),
    alternates: Type.Optional(
      whole(0, MAX_PLACES, 'Of a raffle: how many are drawn to stand in for winners; none when absent'),
    ),
    group_limit: Type.Optional(
      whole(1, MAX_PLACES, 'Of a raffle: how many of one group are drawn at most; any number when absent'),
    ),
    randomness: Type.Optional(
      oneOf(
        ['commit', 'drand'],
        'Of a raffle. commit, and when absent: a secret to which the engine commits now; drand: a round of quicknet ' +
          'that lies behind the close, which is what to take where the engine has a network',
      ),
    ),
    claim_within_s: Type.Optional(
      whole(
        MIN_CLAIM_WITHIN_S,
        MAX_CLAIM_WITHIN_S,
        'Within how long what is granted or won has to be claimed, else it passes to the next; absent: it is final at once',
      ),
    ),
    claim_by: Type.Optional(
      instant(
        'Of a raffle, in place of claim_within_s: behind the close; whoever is drawn has as long as from the close to it',
      ),
    ),
    waitlist: Type.Optional(
      whole(
        0,
        MAX_PLACES,
        'Of a coupon with claim_within_s: how many wait for what is not claimed; none when absent',
      ),
    ),
    monitors: Type.Optional(
      Type.Array(NewMonitor, {
        minItems: 1,
        maxItems: MAX_MONITORS,
        description:
          'Of a coupon or a raffle: who follows the signed heads from outside (npm run monitor). They stand in the rules, and do not change',
        'x-expected':
          `a list of 1 to ${MAX_MONITORS} objects with name (text of 1 to ${MAX_MONITOR_NAME_CHARACTERS} characters) ` +
          'and key (an Ed25519 public key, 32 bytes in base64url, as the monitor prints it)',
      }),
    ),
    per_second: Type.Optional(perSecond),
    capacity: Type.Optional(capacity),
    grace_seconds: Type.Optional(
      whole(1, 86_400, 'Of a room: how long somebody may be away before they are skipped; 60 when absent'),
    ),
    pass_seconds: Type.Optional(
      whole(1, 86_400, 'Of a room: how long a pass waits to be used; 300 when absent'),
    ),
    visit_seconds: Type.Optional(
      whole(
        1,
        86_400,
        'Of a room: how long a visit lasts at most; until the shop reports its end when absent',
      ),
    ),
    single_use: Type.Optional(
      Type.Boolean({
        description: 'Of a room: a pass lets in once; false when absent',
        'x-expected': 'true or false',
      }),
    ),
    opens_at: Type.Optional(instant('Absent: now')),
    closes_at: instant(`At most ${MAX_WINDOW_DAYS} days after the opening`),
    draws_at: Type.Optional(
      instant('Of a raffle: when it is drawn, at its close or later; absent: at its close'),
    ),
    time_zone: Type.Optional(timeZone()),
    draft: Type.Optional(
      Type.Boolean({
        description: 'It is announced to nobody until POST …/announce',
        'x-expected': 'true or false',
      }),
    ),
  },
  {
    ...exact,
    description: 'A campaign. Its rules do not change once it has entries.',
    examples: [{ kind: 'coupon', title: 'First drop', stock: 10, closes_at: '2030-01-31T18:00:00.000Z' }],
  },
);
export type NewCampaignBody = Static<typeof NewCampaignBody>;

const campaignMembers = {
  id: Type.Integer(),
  kind: Type.Enum(['coupon', 'raffle', 'room']),
  title: Type.String(),
  stock: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
  winners: Type.Optional(
    Type.Integer({ description: 'Of a raffle: how many are to be drawn, over all tiers' }),
  ),
  rules_hash: orNull(
    Type.String({ description: 'SHA-256 of the rules as announced, base64url; null until they are' }),
  ),
  tiers: Type.Optional(Type.Array(Tier, { description: 'Of a raffle' })),
  alternates: Type.Optional(Type.Integer({ description: 'Of a raffle' })),
  group_limit: Type.Optional(orNull(Type.Integer({ description: 'Of a raffle' }))),
  randomness: Type.Optional(AnnouncedRandomness),
  monitors: Type.Optional(
    Type.Array(MonitorMember, { description: 'Who is named to follow the signed heads from outside' }),
  ),
  claim_within_s: Type.Optional(
    Type.Integer({ description: 'Where what is granted or won has to be claimed: within how long' }),
  ),
  waitlist: Type.Optional(Type.Integer({ description: 'Of such a coupon: how many may wait' })),
  waitlisted: Type.Optional(
    Type.Integer({
      description: 'Where there are claims: how many have been told to wait, alternates included',
    }),
  ),
  opens_at: time('Entries are accepted from here on'),
  closes_at: time('No entry is accepted from here on'),
  draws_at: Type.Optional(time('Of a raffle: when it is drawn')),
  time_zone: Type.String({ description: 'IANA; the times below are shown in it' }),
  local: Type.Object(
    {
      opens_at: Type.String(),
      closes_at: Type.String(),
      draws_at: Type.Optional(Type.String()),
    },
    {
      ...exact,
      description: 'The same instants as the clocks of the time zone show them, with their offset',
    },
  ),
  status: Type.Enum([...STATES], {
    description:
      'settled: closed, and every entry has its outcome; of a raffle that means drawn. cancelled: who waited then has that outcome',
  }),
  version: Type.Integer({ description: 'Of the campaign as it is; its ETag is the same number in quotes' }),
  pending: orNull(
    Type.Integer({ description: 'The version that gateways are asked to confirm; null where there is none' }),
  ),
  paused_at: orNull(time('Since when nothing is taken')),
  made_by: Type.String(),
  entries_settled: Type.Integer({ description: 'Entries that have their outcome' }),
  granted: Type.Optional(Type.Integer({ description: 'Of a coupon: how many are gone' })),
  drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: how many winners are drawn' })),
  passed_on: Type.Optional(
    Type.Integer({
      description: 'Of a raffle, or where there are claims: how many were passed on to the next',
    }),
  ),
  admitted: Type.Optional(Type.Integer({ description: 'Of a room: how many were let in so far' })),
  withdrawn: Type.Optional(
    Type.Integer({ description: 'Of a coupon or a raffle: entries that left while they waited' }),
  ),
  created_at: time('When it was made'),
  settled_at: orNull(time('When the last entry had its outcome')),
};

export const CampaignJson = Type.Object(campaignMembers, exact);
export type CampaignJson = Static<typeof CampaignJson>;

export const CreatedCampaign = Type.Object(
  {
    ...campaignMembers,
    coupon: Type.Optional(Type.Integer({ description: 'Of a coupon with terms: where those are' })),
    published: Type.Boolean({
      description: 'Gateways can know of it. false: Redis was away, and they will when it is back',
    }),
  },
  exact,
);

export const CampaignPage = Type.Object(
  {
    campaigns: Type.Array(CampaignJson),
    next: orNull(Type.Integer({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const CampaignPath = Type.Object({ id: whole(1, MAX_CAMPAIGN_ID, 'The campaign') }, exact);

export const limit = Type.Optional(whole(1, MAX_PAGE, `How many at most; ${DEFAULT_PAGE} when absent`));
const after = Type.Optional(
  whole(0, Number.MAX_SAFE_INTEGER, 'Where the page before ended: its `next`; absent for the first page'),
);

export const PageQuery = Type.Object({ after, limit }, exact);

const outcome = Type.Optional(oneOf(OUTCOMES, 'Only entries with this outcome'));

export const EntriesQuery = Type.Object({ after, limit, outcome }, exact);
export const ExportQuery = Type.Object({ outcome }, exact);

/** The limit of a page where the query names none. */
export function pageLimit(query: { readonly limit?: number }): number {
  return query.limit ?? DEFAULT_PAGE;
}

export const EntryJson = Type.Object(
  {
    user_id: Type.String(),
    stamp: Type.Integer({ description: 'Its place in the total order of the campaign' }),
    requested_at: time('When it was stamped, to the microsecond'),
    outcome: Type.Enum([...OUTCOMES]),
    serial: orNull(Type.Integer({ description: '1, 2, 3 ... of what was granted or drawn' })),
    code: orNull(Type.String({ description: 'What it is redeemed with' })),
    granted_at: orNull(time('When it was granted or drawn')),
    claim_by: orNull(time('Until when what is, or was, offered can be claimed')),
    ended_at: orNull(time('When it was claimed, lapsed or was declined, or who waited for it left')),
  },
  exact,
);
export type EntryJson = Static<typeof EntryJson>;

export const EntryPage = Type.Object(
  {
    entries: Type.Array(EntryJson, { description: 'In the order of their stamps' }),
    next: orNull(Type.Integer({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const TotalsJson = Type.Object(
  {
    entries: Type.Integer(),
    granted: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
    won: Type.Optional(Type.Integer({ description: 'Of a raffle' })),
    waitlisted: Type.Optional(
      Type.Integer({ description: 'Where there are claims: who waits for what is not claimed' }),
    ),
    offered: Type.Optional(Type.Integer({ description: 'Where there are claims: not claimed yet' })),
    lapsed: Type.Optional(Type.Integer({ description: 'Where there are claims: not claimed in time' })),
    declined: Type.Optional(Type.Integer({ description: 'Where there are claims: offered, and withdrawn' })),
    withdrawn: Type.Integer(),
    waiting: Type.Integer({ description: 'Not decided yet' }),
    sold_out: Type.Optional(Type.Integer({ description: 'Of a coupon: came too late' })),
    not_drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: did not win' })),
    cancelled: Type.Integer({ description: 'Waited when the campaign was cancelled' }),
    admitted: Type.Optional(Type.Integer({ description: 'Of a room: were let in' })),
    skipped: Type.Optional(Type.Integer({ description: 'Of a room: were away for too long, and are still' })),
    set_aside: Type.Integer({
      description:
        'Records and items set aside in the whole log, as an unreadable one does not tell its campaign',
    }),
  },
  { ...exact, description: 'Entries by outcome, all at one moment' },
);
export type TotalsJson = Static<typeof TotalsJson>;

export const RoomTermsBody = Type.Object(
  {
    per_second: perSecond,
    capacity: Type.Optional(capacity),
    paused: Type.Optional(
      Type.Boolean({ description: 'Nobody is let in; false when absent', 'x-expected': 'true or false' }),
    ),
    version: Type.Optional(
      whole(1, MAX_CAMPAIGN_ID, 'The version that this changes; when it has changed since, nothing is done'),
    ),
  },
  {
    ...exact,
    description: 'The terms of a room that may change at any time, all of them',
    examples: [{ per_second: 50, capacity: 2000 }],
  },
);

const people = (description: string) => Type.Integer({ description });
export const RoomJson = Type.Object(
  {
    version: Type.Integer({ description: 'Grows with each change of the terms' }),
    per_second: Type.Number(),
    capacity: orNull(Type.Integer()),
    paused: Type.Boolean(),
    grace_seconds: Type.Number(),
    pass_seconds: Type.Number(),
    visit_seconds: orNull(Type.Number()),
    single_use: Type.Boolean(),
    people: Type.Object(
      {
        waiting: people('In the line'),
        absent: people('Of those, who are away for now'),
        skipped: people('Were away for the grace; they are in the line again when they come back'),
        withdrawn: people('Left the line for good'),
        admitted: people('Have a pass and have not used it'),
        inside: people('Are in the shop'),
        left: people('Have left the shop'),
        expired: people('Did not use their pass in time, or stayed too long'),
      },
      exact,
    ),
  },
  exact,
);
export type RoomJson = Static<typeof RoomJson>;

export const EntrantBody = Type.Object(
  {
    user: userIdText('Who, whether they have entered yet or not'),
    tickets: Type.Optional(whole(1, MOST_TICKETS, 'How many lots they have; 1 when absent')),
    group: Type.Optional(
      shownText(MAX_GROUP_CHARACTERS, 'What the limit of the rules counts by; none when absent'),
    ),
    excluded: Type.Optional(shownText(MAX_REASON_CHARACTERS, 'Why they are not drawn, which the book shows')),
  },
  exact,
);
export type EntrantBody = Static<typeof EntrantBody>;

/** The body of a call that sets terms; its items are read one by one, so that each fault has its place. */
export const EntrantsBody = Type.Array(EntrantBody, {
  minItems: 1,
  maxItems: MAX_ENTRANTS,
  description: 'Each in place of what was settled about that user before',
  examples: [[{ user: 'alice', tickets: 2 }]],
});

/** With ?dryRun=true. */
const dryRunMark = Type.Optional(
  Type.Literal(true, { description: 'This is what would happen, and nothing has' }),
);

export const EntrantsSaved = Type.Object(
  { entrants: Type.Integer({ description: 'How many have the terms that were given' }), dry_run: dryRunMark },
  exact,
);

export const EntrantsQuery = Type.Object(
  { after: Type.Optional(userIdText('Where the page before ended: its `next`')), limit },
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
          excluded: orNull(Type.String({ description: 'Why they are not drawn; null: they are' })),
        },
        exact,
      ),
      { description: 'Those about whom something was settled, by the bytes of their ids' },
    ),
    next: orNull(Type.String({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const PassOnBody = Type.Object(
  {
    serial: whole(1, MAX_PLACES, 'Of the prize that is not claimed'),
    reason: shownText(MAX_REASON_CHARACTERS, 'Why it is passed on'),
    holder: Type.Optional(
      userIdText('Who has it now. Needed once it was passed on; so a repeated call passes nothing on twice'),
    ),
  },
  { ...exact, examples: [{ serial: 1, reason: 'Did not answer', holder: 'alice' }] },
);

export const PassedOnJson = Type.Object(
  {
    serial: Type.Integer(),
    tier: orNull(Type.Integer({ description: 'From 0' })),
    alternate: Type.Integer({ description: 'Which alternate has it now, from 1' }),
    user: Type.String({ description: 'Who that is' }),
    passed_from: Type.String({ description: 'Who had it' }),
    dry_run: dryRunMark,
  },
  exact,
);

export const DeadlineBody = Type.Object(
  {
    serial: whole(1, MAX_PLACES, 'Of what is offered'),
    holder: userIdText('Who has the offer'),
    claim_by: instant('Later than the deadline as it is'),
  },
  { ...exact, examples: [{ serial: 1, holder: 'alice', claim_by: '2030-01-31T18:00:00.000Z' }] },
);

export const DeadlineJson = Type.Object(
  {
    serial: Type.Integer(),
    user: Type.String({ description: 'Who can claim it' }),
    claim_by: time('Until when'),
  },
  exact,
);

const bytes32 = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '32 bytes in base64url' });
const person = {
  key: bytes32,
  stamp: Type.Integer(),
  tickets: Type.Optional(Type.Integer({ description: 'Where it is not 1' })),
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
  { ...exact, description: 'Everything needed to repeat the draw; engine/draw/VECTORS.md says how' },
);

export const SetAsidePage = Type.Object(
  {
    records: Type.Array(
      Type.Object(
        {
          id: Type.Integer(),
          log_name: Type.String(),
          partition: Type.Integer(),
          position: Type.String({ description: 'Where it stands in the log' }),
          item: orNull(Type.Integer({ description: 'Which item of the record, from 0; null: all of it' })),
          reason: Type.String(),
          record_base64: Type.String({
            description: 'The record, or its head and the item, as it stood there',
          }),
          set_aside_at: time('When'),
        },
        exact,
      ),
    ),
    next: orNull(Type.Integer({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const Alive = Type.Object({ ok: Type.Literal(true) }, exact);

export const Ready = Type.Object(
  {
    ok: Type.Literal(true),
    checks: Type.Record(Type.String(), Type.String(), { description: "Each part: 'ok', or what is wrong" }),
  },
  exact,
);
