/** Schemas of the schedule routes; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { REFUSALS } from '../../../sql/statements/campaigns/campaign-versions.ts';
import { SCHEDULED_KINDS } from '../../../sql/statements/campaigns/schedule.ts';
import { drop, MADE_AT, secondDrop, TIME_ZONE } from '../../contract/api/examples/story.ts';
import { shownText } from '../../contract/api/text.ts';
import { CAMPAIGN_STATES } from '../../contract/campaign/campaign-state.ts';
import { inBerlin, newDropExample, noticeExample, timelessDropBody } from './campaign-examples.ts';
import { NewCampaignBody, noticeMember, stockMembers } from './campaign-schemas.ts';
import {
  exact,
  instant,
  limit,
  MAX_REASON_CHARACTERS,
  MAX_STOCK,
  MAX_TITLE_CHARACTERS,
  oneOf,
  orNull,
  time,
  timeZone,
  whole,
} from './schemas.ts';

export const MatchHeaders = Type.Object({
  'if-match': Type.String({
    description: 'The ETag of the version that the change is based on; * for any version',
  }),
});

const dryRun = Type.Optional(oneOf(['true', 'false'], 'true: report what would happen and change nothing'));
export const DryRunQuery = Type.Object({ dryRun }, exact);

const reason = Type.Optional(shownText(MAX_REASON_CHARACTERS, 'The reason to record in the versions'));

export const ReasonBody = Type.Object(
  { reason },
  { ...exact, examples: [{ reason: 'The shop is not ready' }] },
);

export const RaiseBody = Type.Object(
  {
    stock: whole(1, MAX_STOCK, 'The whole stock, with what was announced before: more than that'),
    reason: shownText(MAX_REASON_CHARACTERS, 'The reason to record in the versions'),
  },
  { ...exact, examples: [{ stock: drop.raisedStock, reason: 'The brand has sent us 3,000 more' }] },
);

const MAX_NOTICE_CHARACTERS = 500;
const noticeText = (language: string) =>
  shownText(MAX_NOTICE_CHARACTERS, `What fans are told, in ${language}`);

export const StopBody = Type.Object(
  {
    reason,
    notice: Type.Optional(
      Type.Object(
        { ko: noticeText('Korean'), en: noticeText('English') },
        {
          ...exact,
          description:
            'Why, for fans: in the campaign, in refusals and on streams; they are told no reason when absent',
          'x-expected': `an object with the members ko and en, text of 1 to ${MAX_NOTICE_CHARACTERS} characters`,
        },
      ),
    ),
  },
  { ...exact, examples: [{ reason: 'The shop is down, see the incident', notice: noticeExample }] },
);

export type StopBody = Static<typeof StopBody>;

const ONE_HOUR_MORE = 'One hour more';

export const EditBody = Type.Object(
  {
    title: Type.Optional(shownText(MAX_TITLE_CHARACTERS, 'Editable until the opening')),
    stock: Type.Optional(whole(1, MAX_STOCK, 'Of a coupon; editable until the opening')),
    opens_at: Type.Optional(instant('Editable until it has passed')),
    closes_at: Type.Optional(
      instant('Editable until it has passed; for an open raffle no later than announced'),
    ),
    draws_at: Type.Optional(
      Type.Union([instant('Of a raffle; editable until it has passed'), Type.Null()], {
        description: 'Of a raffle; editable until it is drawn; null: at its close',
        'x-expected':
          'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; a local time without the Z; or null',
      }),
    ),
    time_zone: Type.Optional(timeZone()),
    reason,
  },
  {
    ...exact,
    description:
      'Absent members stay as they are. A time without a Z is read in the time zone of the campaign.',
    examples: [{ closes_at: drop.laterClose, reason: ONE_HOUR_MORE }],
  },
);
export type EditBody = Static<typeof EditBody>;

/** The members of a new campaign that belong to its dates, not to its rules. */
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
    description: 'The times of the new campaign; everything else is copied',
    examples: [{ opens_at: secondDrop.opensAt, closes_at: secondDrop.closesAt }],
  },
);
export type AgainBody = Static<typeof AgainBody>;

const { opens_at: _o, closes_at: _c, draws_at: _d, draft: _draft, ...timeless } = NewCampaignBody.properties;
export const TemplateCampaign = Type.Object(timeless, exact);
export type TemplateCampaign = Static<typeof TemplateCampaign>;

export const NewTemplateBody = Type.Object(
  {
    name: shownText(MAX_TITLE_CHARACTERS, 'Unique among templates'),
    campaign: Type.Unsafe<Record<string, unknown>>(
      Type.Object(timeless, {
        additionalProperties: true,
        description: 'The body of a new campaign, without its times',
        'x-expected': 'an object with the members of a new campaign, without its times',
      }),
    ),
  },
  { ...exact, examples: [{ name: 'Thursdays', campaign: timelessDropBody }] },
);

export const TemplatePath = Type.Object({ id: whole(1, 2 ** 31 - 1, 'The template') }, exact);

const templateExample = {
  id: 1,
  name: 'Thursdays',
  campaign: timelessDropBody,
  made_by: 'operator',
  made_at: MADE_AT,
};

export const TemplateJson = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    campaign: Type.Record(Type.String(), Type.Unknown()),
    made_by: Type.String(),
    made_at: time('When'),
  },
  { ...exact, examples: [templateExample] },
);

export const TemplatePage = Type.Object(
  {
    templates: Type.Array(TemplateJson),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  { ...exact, examples: [{ templates: [templateExample], next: null }] },
);

const dryRunExample = {
  dry_run: true,
  action: 'make',
  gateways_confirm: false,
  effective_before: null,
  campaign: newDropExample,
};

export const DryRunJson = Type.Object(
  {
    dry_run: Type.Literal(true),
    action: Type.String({ description: 'The action that would be taken' }),
    gateways_confirm: Type.Boolean({
      description: 'Whether it needs the confirmation of every live gateway to take effect',
    }),
    effective_before: orNull(time('The deadline: it would take effect before then or be refused')),
    campaign: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The resulting campaign, without the members assigned at creation',
    }),
  },
  { ...exact, examples: [dryRunExample] },
);
export type DryRunJson = Static<typeof DryRunJson>;

export const ScheduleQuery = Type.Object(
  {
    kind: Type.Optional(oneOf(SCHEDULED_KINDS, 'Only items of this kind')),
    from: Type.Optional(instant('Items from then on; now when absent')),
    until: Type.Optional(instant('Items before then; all when absent')),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9TZ:.-]{24},[0-9]{1,10},(opening|closing|drawing)$',
        description: 'The `next` of the previous page',
        'x-expected': 'the `next` of a page',
      }),
    ),
    limit,
  },
  exact,
);

const scheduledExample = {
  ...{ time_zone: TIME_ZONE, campaign: drop.id, title: drop.title, version: 1 },
  ...{ paused: false, changing: false },
};

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
          version: Type.Integer({ description: 'The version of the campaign; in quotes it is the ETag' }),
          paused: Type.Boolean(),
          changing: Type.Boolean({ description: 'Whether a change waits for gateways to confirm it' }),
        },
        exact,
      ),
      { description: 'By time' },
    ),
    next: orNull(Type.String({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [
      {
        scheduled: [
          { at: drop.opensAt, local: inBerlin(drop.opensAt), ...scheduledExample, kind: 'opening' },
          { at: drop.closesAt, local: inBerlin(drop.closesAt), ...scheduledExample, kind: 'closing' },
        ],
        next: null,
      },
    ],
  },
);

const EDITED_AT = '2030-01-31T17:20:05.413Z';
const versionExample = {
  ...{ state: 'effective', by: 'operator', refused: null, refusal: null },
  ...{ title: drop.title, stock: drop.stock, opens_at: drop.opensAt, draws_at: null },
  ...{ time_zone: TIME_ZONE, stage: 'scheduled', paused: false, notice: null },
};

export const VersionPage = Type.Object(
  {
    versions: Type.Array(
      Type.Object(
        {
          version: Type.Integer(),
          action: Type.String({ description: 'The requested action' }),
          state: Type.Enum(['pending', 'effective', 'refused']),
          by: Type.String({ description: 'Who requested it' }),
          at: time('When it was requested'),
          reason: orNull(Type.String({ description: 'The stated reason' })),
          decided_at: orNull(time('When it took effect or was refused')),
          refused: orNull(Type.Enum([...REFUSALS], { description: 'Why it was refused, as a code' })),
          refusal: orNull(Type.String({ description: 'Why it was refused, for humans' })),
          title: Type.String(),
          ...stockMembers,
          opens_at: time('The requested value, like all below'),
          closes_at: time('The first instant at which entries are no longer accepted'),
          draws_at: orNull(time('Of a raffle; null: at its close')),
          time_zone: Type.String(),
          stage: Type.Enum(
            CAMPAIGN_STATES.filter(state => ['draft', 'scheduled', 'cancelled', 'archived'].includes(state)),
          ),
          paused: Type.Boolean(),
          notice: noticeMember,
          rules_hash: orNull(Type.String({ description: 'The hash of the announced rules' })),
        },
        exact,
      ),
      { description: 'In the order in which they were requested' },
    ),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
    late: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['closing', 'drawing']),
          due_at: time('When it was due'),
          done_at: time('When it was done'),
          late_ms: Type.Integer({ description: 'The delay' }),
        },
        exact,
      ),
      { description: 'The completed steps of its schedule, each once' },
    ),
  },
  {
    ...exact,
    examples: [
      {
        versions: [
          {
            ...{ version: 1, action: 'make', ...versionExample, at: MADE_AT, reason: null },
            ...{ decided_at: MADE_AT, closes_at: drop.closesAt, rules_hash: drop.rulesHash },
          },
          {
            ...{ version: 2, action: 'edit', ...versionExample, at: EDITED_AT, reason: ONE_HOUR_MORE },
            decided_at: '2030-01-31T17:20:05.802Z',
            ...{ closes_at: drop.laterClose, rules_hash: drop.laterRulesHash },
          },
        ],
        next: null,
        late: [],
      },
    ],
  },
);
