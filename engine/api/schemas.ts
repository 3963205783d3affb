/**
 * What the operator's API takes and gives, written once: these schemas check what comes in, type it, and make the
 * OpenAPI document. `x-expected` says of a member what would be right, in the words of an error.
 */
import type { Static, TSchema } from 'typebox';
import Type from 'typebox';
import { OUTCOMES } from '../../sql/outcomes.ts';
import { MAX_WINDOW_DAYS } from '../contract/stamp.ts';

export const MAX_PLACES = 10_000_000;
export const MAX_TITLE_CHARACTERS = 200;
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
/** Postgres' greatest integer; no campaign has a greater number. */
const MAX_CAMPAIGN_ID = 2 ** 31 - 1;

function whole(minimum: number, maximum: number, description: string) {
  return Type.Integer({
    minimum,
    maximum,
    description,
    'x-expected': `a whole number from ${minimum} to ${maximum}`,
  });
}

function oneOf<const T extends string>(choices: readonly T[], description: string) {
  return Type.Enum([...choices], { description, 'x-expected': `one of ${choices.join(', ')}` });
}

/** An instant that comes in: UTC, with milliseconds at most, as that is what a campaign keeps. */
function instant(description: string) {
  return Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?Z$',
    description,
    'x-expected': 'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z',
  });
}

/** An instant that goes out. */
function time(description: string) {
  return Type.String({ format: 'date-time', description });
}

function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

const exact = { additionalProperties: false };

export const NewCampaignBody = Type.Object(
  {
    kind: oneOf(
      ['coupon', 'raffle'],
      'coupon: the first ones win; raffle: winners are drawn after the close',
    ),
    title: Type.String({
      // Code points, as Postgres counts them; control characters and halves of characters are none.
      pattern: `^(?=.*\\S)[^\\p{Cc}\\p{Cs}]{1,${MAX_TITLE_CHARACTERS}}$`,
      description: 'Shown to everybody',
      'x-expected': `text of 1 to ${MAX_TITLE_CHARACTERS} characters, without control characters`,
    }),
    stock: Type.Optional(whole(1, MAX_PLACES, 'Of a coupon: how many there are')),
    winners: Type.Optional(whole(1, MAX_PLACES, 'Of a raffle: how many are drawn')),
    opens_at: Type.Optional(instant('Absent: now')),
    closes_at: instant(`At most ${MAX_WINDOW_DAYS} days after the opening`),
  },
  { ...exact, description: 'A campaign. Its rules do not change once it has entries.' },
);
export type NewCampaignBody = Static<typeof NewCampaignBody>;

const campaignMembers = {
  id: Type.Integer(),
  kind: Type.Enum(['coupon', 'raffle']),
  title: Type.String(),
  stock: Type.Optional(Type.Integer({ description: 'Of a coupon' })),
  winners: Type.Optional(Type.Integer({ description: 'Of a raffle: how many are to be drawn' })),
  opens_at: time('Entries are accepted from here on'),
  closes_at: time('No entry is accepted from here on'),
  status: Type.Enum(['scheduled', 'open', 'closed', 'settled'], {
    description: 'settled: closed, and every entry has its outcome',
  }),
  entries_settled: Type.Integer({ description: 'Entries that have their outcome' }),
  granted: Type.Optional(Type.Integer({ description: 'Of a coupon: how many are gone' })),
  drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: how many winners are drawn' })),
  withdrawn: Type.Integer({ description: 'Entries that left while they waited' }),
  created_at: time('When it was made'),
  settled_at: orNull(time('When the last entry had its outcome')),
};

export const CampaignJson = Type.Object(campaignMembers, exact);
export type CampaignJson = Static<typeof CampaignJson>;

export const CreatedCampaign = Type.Object(
  {
    ...campaignMembers,
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

const limit = Type.Optional(whole(1, MAX_PAGE, `How many at most; ${DEFAULT_PAGE} when absent`));
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
    withdrawn: Type.Integer(),
    waiting: Type.Integer({ description: 'Not decided yet' }),
    sold_out: Type.Optional(Type.Integer({ description: 'Of a coupon: came too late' })),
    not_drawn: Type.Optional(Type.Integer({ description: 'Of a raffle: did not win' })),
    set_aside: Type.Integer({
      description:
        'Records and items set aside in the whole log, as an unreadable one does not tell its campaign',
    }),
  },
  { ...exact, description: 'Entries by outcome, all at one moment' },
);
export type TotalsJson = Static<typeof TotalsJson>;

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
