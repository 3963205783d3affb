/** The operations of the schedule; part of the table in operations.ts. */
import type { TObject } from 'typebox';
import type { ProblemSlug } from '../contract/problem.ts';
import {
  DRY_RUN,
  ETAG,
  json,
  ON_CAMPAIGN,
  type Operation,
  orDryRun,
  SECURED,
  WITH_BODY,
} from './operation.ts';
import {
  AgainBody,
  ChangeHeaders,
  DryRunQuery,
  EditBody,
  NewTemplateBody,
  OperatorHeaders,
  ReasonBody,
  SchedulePage,
  ScheduleQuery,
  TemplateJson,
  TemplatePage,
  TemplatePath,
  VersionPage,
} from './schedule-schemas.ts';
import { CampaignJson, CampaignPath, CreatedCampaign, PageQuery } from './schemas.ts';

const CHANGE: readonly ProblemSlug[] = [
  ...ON_CAMPAIGN,
  ...WITH_BODY,
  'conflict',
  'precondition-required',
  'precondition-failed',
];
const CONFIRMED = 'Answers when every live gateway has confirmed it, or with why it does not take effect.';

/** A change of a campaign by its state; all take the same and give the campaign. */
function change<const Path extends string>(
  path: Path,
  summary: string,
  body: TObject = ReasonBody,
  more: readonly ProblemSlug[] = ['change-refused'],
) {
  return {
    method: 'POST',
    path: `/v1/campaigns/{id}/${path}`,
    summary,
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: ChangeHeaders,
    body,
    answer: json(200, 'In effect', orDryRun(CampaignJson), ETAG),
    problems: [...CHANGE, ...more],
  } as const satisfies Operation;
}

export const scheduleOperations = {
  listSchedule: {
    method: 'GET',
    path: '/v1/schedule',
    summary: 'Openings, closings and drawings that are coming, by time',
    query: ScheduleQuery,
    answer: json(200, 'A page', SchedulePage),
    problems: SECURED,
  },
  editCampaign: {
    method: 'PATCH',
    path: '/v1/campaigns/{id}',
    summary: `Edit times, and until the opening title and stock. ${CONFIRMED}`,
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: ChangeHeaders,
    body: EditBody,
    answer: json(200, 'In effect', orDryRun(CampaignJson), ETAG),
    problems: [...CHANGE, 'change-refused'],
  },
  announceCampaign: change('announce', 'Announce a draft: its rules are published, and its times hold'),
  pauseCampaign: change(
    'pause',
    `Take no entries until it is resumed; what is in the queue stays. ${CONFIRMED}`,
  ),
  resumeCampaign: change('resume', `Take entries again. ${CONFIRMED}`),
  cancelCampaign: change(
    'cancel',
    `Cancel for good: whoever waits has the outcome cancelled, what is granted stays. ${CONFIRMED}`,
  ),
  archiveCampaign: change('archive', 'List a campaign that is at its end no more', ReasonBody, []),
  listVersions: {
    method: 'GET',
    path: '/v1/campaigns/{id}/versions',
    summary: 'Every change of a campaign, made or refused: who, when and why; and what was done late',
    parameters: CampaignPath,
    query: PageQuery,
    answer: json(200, 'A page', VersionPage),
    problems: ON_CAMPAIGN,
  },
  duplicateCampaign: {
    method: 'POST',
    path: '/v1/campaigns/{id}/duplicate',
    summary: 'Make a campaign like another one, with times of its own',
    parameters: CampaignPath,
    query: DryRunQuery,
    headers: OperatorHeaders,
    body: AgainBody,
    answer: json(201, 'Made', CreatedCampaign, { location: 'Where the campaign is' }),
    dryRunAnswer: DRY_RUN,
    problems: [...ON_CAMPAIGN, ...WITH_BODY],
  },
  createTemplate: {
    method: 'POST',
    path: '/v1/templates',
    summary: 'Keep a campaign without its times, to make it again and again',
    headers: OperatorHeaders,
    body: NewTemplateBody,
    answer: json(201, 'Kept', TemplateJson, { location: 'Where the template is' }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
  },
  listTemplates: {
    method: 'GET',
    path: '/v1/templates',
    summary: 'Templates by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', TemplatePage),
    problems: SECURED,
  },
  getTemplate: {
    method: 'GET',
    path: '/v1/templates/{id}',
    summary: 'One template',
    parameters: TemplatePath,
    answer: json(200, 'The template', TemplateJson),
    problems: [...SECURED, 'unknown-template'],
  },
  useTemplate: {
    method: 'POST',
    path: '/v1/templates/{id}/campaigns',
    summary: 'Make a campaign of a template, with times of its own',
    parameters: TemplatePath,
    query: DryRunQuery,
    headers: OperatorHeaders,
    body: AgainBody,
    answer: json(201, 'Made', CreatedCampaign, { location: 'Where the campaign is' }),
    dryRunAnswer: DRY_RUN,
    problems: [...SECURED, ...WITH_BODY, 'unknown-template'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
