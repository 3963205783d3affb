/** The operations of the schedule; part of the table in operations.ts. */
import type { TObject } from 'typebox';
import type { ProblemSlug } from '../../contract/api/problem.ts';
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
  DryRunQuery,
  EditBody,
  MatchHeaders,
  NewTemplateBody,
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
const CONFIRMED =
  'Answers once every live gateway has confirmed the change, or with the reason for its refusal.';

/** A change of a campaign by its state; all take the same input and return the campaign. */
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
    headers: MatchHeaders,
    body,
    answer: json(200, 'In effect', orDryRun(CampaignJson), ETAG),
    problems: [...CHANGE, ...more],
  } as const satisfies Operation;
}

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
    answer: json(200, 'In effect', orDryRun(CampaignJson), ETAG),
    problems: [...CHANGE, 'change-refused'],
  },
  announceCampaign: change('announce', 'Announce a draft: publish its rules and put its times into effect'),
  pauseCampaign: change(
    'pause',
    `Pause a campaign: no new entries until it is resumed; the queue stays. ${CONFIRMED}`,
  ),
  resumeCampaign: change('resume', `Resume a paused campaign. ${CONFIRMED}`),
  cancelCampaign: change(
    'cancel',
    `Cancel a campaign, irrevocably: waiting entries get the outcome cancelled, grants stay. ${CONFIRMED}`,
  ),
  archiveCampaign: change('archive', 'Hide a finished campaign from lists', ReasonBody, []),
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
    answer: json(201, 'Created', CreatedCampaign, { location: 'The URL of the campaign' }),
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
    answer: json(201, 'Created', CreatedCampaign, { location: 'The URL of the campaign' }),
    dryRunAnswer: DRY_RUN,
    problems: [...SECURED, ...WITH_BODY, 'unknown-template'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
