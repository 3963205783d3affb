/** What the routes of the schedule take and give; as schemas.ts, with its words. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { REFUSALS } from '../../sql/campaign-versions.ts';
import { SCHEDULED_KINDS } from '../../sql/schedule.ts';
import { shownText } from '../contract/text.ts';
import { STATES } from '../schedule/states.ts';
import {
  exact,
  instant,
  limit,
  MAX_PLACES,
  MAX_REASON_CHARACTERS,
  MAX_TITLE_CHARACTERS,
  NewCampaignBody,
  oneOf,
  orNull,
  time,
  timeZone,
  whole,
} from './schemas.ts';

const MAX_OPERATOR_CHARACTERS = 100;

export const OperatorHeaders = Type.Object({
  'x-operator': Type.Optional(
    shownText(MAX_OPERATOR_CHARACTERS, 'Who asks, as the versions will name them; "operator" when absent'),
  ),
});

export const ChangeHeaders = Type.Object({
  'if-match': Type.String({
    description: 'The ETag of the campaign that the change was made for; * for whichever it has',
  }),
  ...OperatorHeaders.properties,
});

const dryRun = Type.Optional(oneOf(['true', 'false'], 'true: says what would happen, and changes nothing'));
export const DryRunQuery = Type.Object({ dryRun }, exact);

const reason = Type.Optional(shownText(MAX_REASON_CHARACTERS, 'Why, as the versions will say'));

export const ReasonBody = Type.Object(
  { reason },
  { ...exact, examples: [{ reason: 'The shop is not ready' }] },
);

export const EditBody = Type.Object(
  {
    title: Type.Optional(shownText(MAX_TITLE_CHARACTERS, 'Until the opening')),
    stock: Type.Optional(whole(1, MAX_PLACES, 'Of a coupon, until the opening')),
    opens_at: Type.Optional(instant('Until it has passed')),
    closes_at: Type.Optional(
      instant('Until it has passed; of a raffle that has opened at the latest as announced'),
    ),
    draws_at: Type.Optional(
      Type.Union([instant('Of a raffle, until it has passed'), Type.Null()], {
        description: 'Of a raffle, until it is drawn; null: at its close',
        'x-expected':
          'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; a local time without the Z; or null',
      }),
    ),
    time_zone: Type.Optional(timeZone()),
    reason,
  },
  {
    ...exact,
    description: 'What is absent stays. A time without a Z is read in the time zone of the campaign.',
    examples: [{ closes_at: '2030-01-31T19:00:00.000Z', reason: 'One hour more' }],
  },
);
export type EditBody = Static<typeof EditBody>;

/** The members of a new campaign that are of the time it is made for. */
const ofItsTime = {
  opens_at: NewCampaignBody.properties.opens_at,
  closes_at: NewCampaignBody.properties.closes_at,
  draws_at: NewCampaignBody.properties.draws_at,
  draft: NewCampaignBody.properties.draft,
};

export const AgainBody = Type.Object(
  {
    title: Type.Optional(NewCampaignBody.properties.title),
    time_zone: NewCampaignBody.properties.time_zone,
    ...ofItsTime,
  },
  {
    ...exact,
    description: 'The times of the new campaign; all else is as it was',
    examples: [{ opens_at: '2030-02-07T17:00:00.000Z', closes_at: '2030-02-07T18:00:00.000Z' }],
  },
);
export type AgainBody = Static<typeof AgainBody>;

const { opens_at: _o, closes_at: _c, draws_at: _d, draft: _draft, ...timeless } = NewCampaignBody.properties;
export const TemplateCampaign = Type.Object(timeless, exact);
export type TemplateCampaign = Static<typeof TemplateCampaign>;

export const NewTemplateBody = Type.Object(
  {
    name: shownText(MAX_TITLE_CHARACTERS, 'No other template has it'),
    campaign: Type.Unsafe<Record<string, unknown>>(
      Type.Object(timeless, {
        additionalProperties: true,
        description: 'As a new campaign, without its times',
        'x-expected': 'an object with the members of a new campaign, without its times',
      }),
    ),
  },
  { ...exact, examples: [{ name: 'Fridays', campaign: { kind: 'coupon', title: 'Friday', stock: 7 } }] },
);

export const TemplatePath = Type.Object({ id: whole(1, 2 ** 31 - 1, 'The template') }, exact);

export const TemplateJson = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    campaign: Type.Record(Type.String(), Type.Unknown()),
    made_by: Type.String(),
    made_at: time('When'),
  },
  exact,
);

export const TemplatePage = Type.Object(
  {
    templates: Type.Array(TemplateJson),
    next: orNull(Type.Integer({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const DryRunJson = Type.Object(
  {
    dry_run: Type.Literal(true),
    action: Type.String({ description: 'What would be done' }),
    gateways_confirm: Type.Boolean({
      description: 'Whether it would take effect only once every live gateway has confirmed it',
    }),
    effective_before: orNull(time('It would take effect before this, or be refused')),
    campaign: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The campaign as it would be; without the members that it is given when it is made',
    }),
  },
  exact,
);
export type DryRunJson = Static<typeof DryRunJson>;

export const ScheduleQuery = Type.Object(
  {
    kind: Type.Optional(oneOf(SCHEDULED_KINDS, 'Only what is of this kind')),
    from: Type.Optional(instant('What comes from then on; now when absent')),
    until: Type.Optional(instant('What comes before then; all when absent')),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9TZ:.-]{24},[0-9]{1,10},(opening|closing|drawing)$',
        description: 'Where the page before ended: its `next`',
        'x-expected': 'the `next` of a page',
      }),
    ),
    limit,
  },
  exact,
);

export const SchedulePage = Type.Object(
  {
    scheduled: Type.Array(
      Type.Object(
        {
          at: time('When'),
          local: Type.String({ description: 'The same in the time zone of the campaign' }),
          time_zone: Type.String(),
          kind: Type.Enum([...SCHEDULED_KINDS]),
          campaign: Type.Integer(),
          title: Type.String(),
          version: Type.Integer({ description: 'Of the campaign; in quotes it is its ETag' }),
          paused: Type.Boolean(),
          changing: Type.Boolean({ description: 'Gateways are asked to confirm a change of it' }),
        },
        exact,
      ),
      { description: 'By time' },
    ),
    next: orNull(Type.String({ description: '`after` of the next page; null when this is the last one' })),
  },
  exact,
);

export const VersionPage = Type.Object(
  {
    versions: Type.Array(
      Type.Object(
        {
          version: Type.Integer(),
          action: Type.String({ description: 'What was asked' }),
          state: Type.Enum(['pending', 'effective', 'refused']),
          by: Type.String({ description: 'Who asked' }),
          at: time('When it was asked'),
          reason: orNull(Type.String({ description: 'Why, as they said' })),
          decided_at: orNull(time('When it took effect or was refused')),
          refused: orNull(Type.Enum([...REFUSALS], { description: 'Why it did not take effect' })),
          refusal: orNull(Type.String({ description: 'The same for people' })),
          title: Type.String(),
          places: Type.Integer({ description: 'Stock, or winners' }),
          opens_at: time('As it was to be, like all below'),
          closes_at: time('No entry is accepted from here on'),
          draws_at: orNull(time('Of a raffle; null: at its close')),
          time_zone: Type.String(),
          stage: Type.Enum(
            STATES.filter(state => ['draft', 'scheduled', 'cancelled', 'archived'].includes(state)),
          ),
          paused: Type.Boolean(),
          rules_hash: orNull(Type.String({ description: 'Of the rules that it was announced with' })),
        },
        exact,
      ),
      { description: 'In the order in which they were asked' },
    ),
    next: orNull(Type.Integer({ description: '`after` of the next page; null when this is the last one' })),
    late: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['closing', 'drawing']),
          due_at: time('When it was to be done'),
          done_at: time('When it was'),
          late_ms: Type.Integer({ description: 'How much later' }),
        },
        exact,
      ),
      { description: 'What was done of its schedule, each once' },
    ),
  },
  exact,
);
