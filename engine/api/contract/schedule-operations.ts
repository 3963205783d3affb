/** The operations of the schedule; part of the table in operations.ts. */
import type { TObject } from 'typebox';
import { drop } from '../../contract/api/examples/story.ts';
import { fieldFault, type ProblemSlug } from '../../contract/api/problem.ts';
import type { ProblemExamples } from '../../contract/api/problem-examples.ts';
import {
  againExample,
  announcedExample,
  campaignExample,
  editedExample,
  noticeExample,
  raisedExample,
} from './campaign-examples.ts';
import { CampaignJson, CampaignPath, CreatedCampaign } from './campaign-schemas.ts';
import {
  DRY_RUN,
  ETAG,
  json,
  ON_CAMPAIGN,
  type Operation,
  orDryRun,
  SECURED,
  shownBy,
  WITH_BODY,
} from './operation.ts';
import { conflict } from './problem-examples.ts';
import { PROPOSED } from './proposals/proposal-operations.ts';
import {
  AgainBody,
  DryRunQuery,
  EditBody,
  MatchHeaders,
  NewTemplateBody,
  RaiseBody,
  ReasonBody,
  SchedulePage,
  ScheduleQuery,
  StopBody,
  TemplateJson,
  TemplatePage,
  TemplatePath,
  VersionPage,
} from './schedule-schemas.ts';
import { PageQuery } from './schemas.ts';

const CHANGE: readonly ProblemSlug[] = [
  ...ON_CAMPAIGN,
  ...WITH_BODY,
  'conflict',
  'precondition-required',
  'precondition-failed',
];
const CONFIRMED =
  'Answers once every live gateway has confirmed the change, or with the reason for its refusal.';

interface Shown {
  /** What the change makes of the campaign of the examples. */
  readonly becomes: object;
  /** A state in which the change is not allowed, and those in which it is. */
  readonly notWhile: string;
  readonly needs: string;
  /** ReasonBody when absent. */
  readonly body?: TObject;
  readonly problemExamples?: ProblemExamples;
}

/** A change of a campaign by its state; all return the campaign. */
function change<const Path extends string>(
  path: Path,
  summary: string,
  { becomes, notWhile, needs, body = ReasonBody, problemExamples }: Shown,
  more: readonly ProblemSlug[] = ['change-refused'],
) {
  return {
    method: 'POST',
    path: `/v1/campaigns/{id}/${path}`,
    summary,
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: MatchHeaders,
    body,
    answer: shownBy(json(200, 'In effect', orDryRun(CampaignJson), ETAG), {
      ...campaignExample,
      version: 2,
      ...becomes,
    }),
    problems: [...CHANGE, ...more],
    problemExamples: { ...wrongState(notWhile, path, needs), ...problemExamples },
  } as const satisfies Operation;
}

/** An operation that may wait for a second operator. */
function mayWait<const T extends Operation>(operation: T) {
  return { ...operation, proposedAnswer: PROPOSED };
}

function wrongState(state: string, action: string, states: string): ProblemExamples {
  return conflict(`Campaign ${drop.id} is ${state}; ${action} needs a campaign that is ${states}.`);
}

const TOO_NEAR = '2030-01-31T16:58:01.500Z or later, so that all gateways learn of it before';
const PASSED = 'a time after now, 2030-01-31T17:00:40.212Z: edit it first';
const NEAR_OPENING = '2030-01-31T16:57:00.000Z';

export const scheduleOperations = {
  listSchedule: {
    method: 'GET',
    path: '/v1/schedule',
    summary: 'List upcoming openings, closings and drawings by time',
    query: ScheduleQuery,
    answer: json(200, 'A page', SchedulePage),
    problems: SECURED,
  },
  editCampaign: {
    method: 'PATCH',
    path: '/v1/campaigns/{id}',
    summary: `Edit the times and, until the opening, title and stock. ${CONFIRMED}`,
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: MatchHeaders,
    body: EditBody,
    answer: shownBy(json(200, 'In effect', orDryRun(CampaignJson), ETAG), editedExample),
    proposedAnswer: PROPOSED,
    problems: [...CHANGE, 'change-refused'],
    problemExamples: {
      ...wrongState('cancelled', 'edit', 'draft, scheduled, open, paused, closed'),
      'change-refused': {
        detail: `Invalid change: opens_at is "${NEAR_OPENING}", expected ${TOO_NEAR}.`,
        errors: [fieldFault('opens_at', NEAR_OPENING, TOO_NEAR)],
        reason: 'too_near',
      },
    },
  },
  announceCampaign: mayWait(
    change('announce', 'Announce a draft: publish its rules and put its times into effect', {
      becomes: announcedExample,
      notWhile: 'scheduled',
      needs: 'draft',
      problemExamples: {
        'change-refused': {
          detail: `Invalid change: opens_at is "${drop.opensAt}", expected ${PASSED}.`,
          errors: [fieldFault('opens_at', drop.opensAt, PASSED)],
          reason: 'passed',
        },
      },
    }),
  ),
  pauseCampaign: change(
    'pause',
    `Pause a campaign: no new entries until it is resumed; the queue stays. ${CONFIRMED}`,
    {
      body: StopBody,
      becomes: { status: 'paused', paused_at: '2030-01-31T17:25:00.406Z', notice: noticeExample },
      notWhile: 'draft',
      needs: 'scheduled, open',
    },
  ),
  resumeCampaign: change('resume', `Resume a paused campaign. ${CONFIRMED}`, {
    becomes: { version: 3 },
    notWhile: 'scheduled',
    needs: 'paused',
  }),
  cancelCampaign: mayWait(
    change(
      'cancel',
      `Cancel a campaign, irrevocably: waiting entries get the outcome cancelled, grants stay. ${CONFIRMED}`,
      {
        body: StopBody,
        becomes: { status: 'cancelled', settled_at: '2030-01-31T17:40:00.655Z' },
        notWhile: 'cancelled',
        needs: 'draft, scheduled, open, paused, closed',
      },
    ),
  ),
  raiseCampaign: mayWait(
    change(
      'raise',
      'Raise the stock of a coupon, at once and for good. It goes to entries in the order of their requests, also to those that were told sold_out',
      {
        body: RaiseBody,
        becomes: raisedExample,
        notWhile: 'draft',
        needs: 'open, paused, closed',
        problemExamples: conflict(
          `Campaign ${drop.id} is settled, and its outcomes are final: hand further coupons out in a campaign of their own.`,
        ),
      },
      [],
    ),
  ),
  archiveCampaign: change(
    'archive',
    'Hide a finished campaign from lists',
    {
      becomes: { status: 'archived', settled_at: '2030-01-31T18:15:02.371Z' },
      notWhile: 'scheduled',
      needs: 'settled, cancelled',
    },
    [],
  ),
  listVersions: {
    method: 'GET',
    path: '/v1/campaigns/{id}/versions',
    summary: 'List every change of a campaign, applied or refused: who, when and why; and what was done late',
    parameters: CampaignPath,
    query: PageQuery,
    answer: json(200, 'A page', VersionPage),
    problems: ON_CAMPAIGN,
  },
  duplicateCampaign: {
    method: 'POST',
    path: '/v1/campaigns/{id}/duplicate',
    summary: 'Duplicate a campaign with new times',
    parameters: CampaignPath,
    query: DryRunQuery,
    body: AgainBody,
    answer: shownBy(
      json(201, 'Created', CreatedCampaign, { location: 'The URL of the campaign' }),
      againExample,
    ),
    dryRunAnswer: DRY_RUN,
    problems: [...ON_CAMPAIGN, ...WITH_BODY],
  },
  createTemplate: {
    method: 'POST',
    path: '/v1/templates',
    summary: 'Save a campaign without its times as a template',
    body: NewTemplateBody,
    answer: json(201, 'Saved', TemplateJson, { location: 'The URL of the template' }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
    problemExamples: {
      conflict: {
        detail: 'A template with the name "Thursdays" already exists.',
        errors: [fieldFault('name', 'Thursdays', 'a name that no template has')],
      },
    },
  },
  listTemplates: {
    method: 'GET',
    path: '/v1/templates',
    summary: 'List templates by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', TemplatePage),
    problems: SECURED,
  },
  getTemplate: {
    method: 'GET',
    path: '/v1/templates/{id}',
    summary: 'Read a template',
    parameters: TemplatePath,
    answer: json(200, 'The template', TemplateJson),
    problems: [...SECURED, 'unknown-template'],
  },
  useTemplate: {
    method: 'POST',
    path: '/v1/templates/{id}/campaigns',
    summary: 'Create a campaign from a template, with its own times',
    parameters: TemplatePath,
    query: DryRunQuery,
    body: AgainBody,
    answer: shownBy(
      json(201, 'Created', CreatedCampaign, { location: 'The URL of the campaign' }),
      againExample,
    ),
    dryRunAnswer: DRY_RUN,
    problems: [...SECURED, ...WITH_BODY, 'unknown-template'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
