/** The upcoming events of all campaigns, changes of one campaign (edits, pauses, its end), and duplicates. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { listVersions, type Version } from '../../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import {
  type Done,
  listScheduled,
  readDone,
  type Scheduled,
  type ScheduledPage,
} from '../../../sql/statements/campaigns/schedule.ts';
import { changeCampaign } from '../../campaigns/change.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { findCampaign } from '../../campaigns/find-campaign.ts';
import { showLocal } from '../../campaigns/local-time.ts';
import type { Change } from '../../campaigns/plan.ts';
import type { Action } from '../../campaigns/states.ts';
import { stockJson } from '../../campaigns/stock-json.ts';
import { type FieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { campaignTarget } from '../../operators/acts.ts';
import { alone } from '../../operators/proposals.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { operations } from '../contract/operations.ts';
import { AgainBody, EditBody, ScheduleQuery } from '../contract/schedule-schemas.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { isDryRun, requireMatch, withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { proposeIfNeeded } from './acts-of-two.ts';
import { campaignJson } from './campaign-json.ts';
import { readEdit, readStateChange, wouldBe } from './changes.ts';
import { bodyAgain, makeCampaign, termsOf } from './make-campaign.ts';
import { readTime } from './times.ts';

const BY_STATE = [
  ['announce', operations.announceCampaign],
  ['pause', operations.pauseCampaign],
  ['resume', operations.resumeCampaign],
  ['cancel', operations.cancelCampaign],
  ['raise', operations.raiseCampaign],
  ['archive', operations.archiveCampaign],
] as const;

export function addScheduleRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.listSchedule, async request => {
    const query = readParameters(ScheduleQuery, request.query);
    const range = readRange(query, await clockMs(deps));
    const { rows, next } = await readPage(
      query,
      limit => listScheduled(deps.pool, { ...range, limit }),
      ({ at, campaignId, kind }) => `${at.toISOString()},${campaignId},${kind}`,
    );
    return { scheduled: rows.map(scheduledJson), next };
  });

  const change = async (
    request: FastifyRequest,
    reply: FastifyReply,
    action: Action,
    read: (campaign: Campaign) => { readonly change: Change; readonly reason?: string | undefined },
  ): Promise<{ readonly campaign: Campaign; readonly answer: object }> => {
    const { id } = readParameters(CampaignPath, request.params);
    const dryRun = isDryRun(request);
    const campaign = await findCampaign(deps.pool, id);
    const { change: wanted, reason = null } = read(campaign);
    requireMatch(request, campaign, `Campaign ${id}`);
    if (dryRun) return { campaign, answer: await wouldBe(deps, campaign, action, wanted) };
    const proposed = await proposeIfNeeded(deps, request, reply, campaign, request.body ?? {});
    if (proposed !== undefined) return { campaign, answer: proposed };
    const attribution = { actor: actorOf(request), reason, sanction: alone(id, actorOf(request)) };
    const after = await changeCampaign(deps, campaign, action, wanted, attribution, stopping);
    return { campaign: after, answer: campaignJson(after, await clockMs(deps)) };
  };

  addRoute(app, operations.editCampaign, async (request, reply) => {
    const body = readBody(EditBody, request.body);
    const { campaign, answer } = await change(request, reply, 'edit', current => ({
      change: readEdit(body, current),
      reason: body.reason,
    }));
    withEtag(reply, campaign);
    return answer;
  });

  for (const [action, operation] of BY_STATE) {
    addRoute(app, operation, async (request, reply) => {
      const wanted = readStateChange(action, request.body ?? {});
      const { campaign, answer } = await change(request, reply, action, () => wanted);
      withEtag(reply, campaign);
      return answer;
    });
  }

  addRoute(app, operations.listVersions, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const query = readParameters(PageQuery, request.query);
    const { kind } = await findCampaign(deps.pool, id);
    const { rows, next } = await readPage(
      query,
      limit => listVersions(deps.pool, id, { after: query.after ?? 0, limit }),
      ({ version }) => version,
    );
    const versions = rows.map(version => versionJson(version, kind));
    return { versions, next, late: (await readDone(deps.pool, id)).map(doneJson) };
  });

  addRoute(app, operations.duplicateCampaign, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const again = readBody(AgainBody, request.body);
    const terms = await termsOf(deps, await findCampaign(deps.pool, id));
    return await makeCampaign(deps, request, reply, bodyAgain(terms, again), campaignTarget(id));
  });
}

/** What a query of the schedule asks for, except how much of it. */
function readRange(
  query: Readonly<{ kind?: string; from?: string; until?: string; after?: string }>,
  nowMs: number,
): Omit<ScheduledPage, 'limit'> {
  const faults: FieldFault[] = [];
  const read = (field: 'from' | 'until'): Date | undefined => {
    const text = query[field];
    return text === undefined ? undefined : readTime(field, text, 'UTC', faults);
  };
  const [from, until] = [read('from'), read('until')];
  const [afterAt = '', afterCampaign, afterKind] = query.after?.split(',') ?? [];
  const at = query.after === undefined ? undefined : readTime('after', afterAt, 'UTC', faults);
  if (faults.length > 0) throw invalidRequest(faults);
  return {
    kind: kindOf(query.kind),
    from: from ?? at ?? new Date(nowMs),
    until: until ?? null,
    after:
      at === undefined
        ? undefined
        : {
            at,
            campaignId: Math.min(Number(afterCampaign), 2 ** 31 - 1),
            kind: kindOf(afterKind) ?? 'opening',
          },
  };
}

function kindOf(text: string | undefined): ScheduledPage['kind'] {
  return text === 'opening' || text === 'closing' || text === 'drawing' ? text : undefined;
}

function scheduledJson({ at, timeZone, kind, campaignId, title, version, paused, isChanging }: Scheduled) {
  return {
    at: at.toISOString(),
    local: showLocal(timeZone, at),
    time_zone: timeZone,
    kind,
    campaign: campaignId,
    title,
    version,
    paused,
    changing: isChanging,
  };
}

function versionJson(version: Version, kind: Campaign['kind']) {
  return {
    version: version.version,
    action: version.action,
    state: version.state,
    by: version.askedBy,
    at: version.askedAt.toISOString(),
    reason: version.reason,
    decided_at: version.decidedAt?.toISOString() ?? null,
    refused: version.refused,
    refusal: version.refusal,
    title: version.title,
    ...stockJson({ kind, stock: version.stock }),
    opens_at: version.opensAt.toISOString(),
    closes_at: version.closesAt.toISOString(),
    draws_at: version.drawsAt?.toISOString() ?? null,
    time_zone: version.timeZone,
    stage: version.stage,
    paused: version.paused,
    notice: version.notice,
    rules_hash: version.rulesHash?.toString('base64url') ?? null,
  };
}

function doneJson({ kind, dueAt, doneAt, lateMs }: Done) {
  return { kind, due_at: dueAt.toISOString(), done_at: doneAt.toISOString(), late_ms: lateMs };
}
