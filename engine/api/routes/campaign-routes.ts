/** Creating, reading and closing campaigns. */
import type { FastifyInstance } from 'fastify';
import { listCampaigns } from '../../../sql/statements/campaigns/campaigns.ts';
import { readTotals } from '../../../sql/statements/entries/outcomes.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { findCampaign, unknownCampaign } from '../../campaigns/find-campaign.ts';
import { closeCampaign } from '../../campaigns/telling/close.ts';
import { alone } from '../../operators/proposals.ts';
import { CampaignPath, NewCampaignBody } from '../contract/campaign-schemas.ts';
import { operations } from '../contract/operations.ts';
import { ReasonBody } from '../contract/schedule-schemas.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { isDryRun, withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { proposeIfNeeded } from './acts-of-two.ts';
import { campaignJson, totalsJson } from './campaign-json.ts';
import { closePreview } from './changes.ts';
import { makeCampaign } from './make-campaign.ts';

export function addCampaignRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.createCampaign, async (request, reply) =>
    makeCampaign(deps, request, reply, readBody(NewCampaignBody, request.body)),
  );

  addRoute(app, operations.listCampaigns, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listCampaigns(deps.pool, { after: query.after ?? 0, limit }),
      ({ campaignId }) => campaignId,
    );
    const nowMs = await clockMs(deps);
    return { campaigns: rows.map(campaign => campaignJson(campaign, nowMs)), next };
  });

  addRoute(app, operations.getCampaign, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const campaign = await findCampaign(deps.pool, id);
    withEtag(reply, campaign);
    return campaignJson(campaign, await clockMs(deps));
  });

  addRoute(app, operations.closeCampaign, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const body = readBody(ReasonBody, request.body ?? {});
    const before = await findCampaign(deps.pool, id);
    if (isDryRun(request)) {
      withEtag(reply, before);
      return await closePreview(deps, id);
    }
    const proposed = await proposeIfNeeded(deps, request, reply, before, body);
    if (proposed !== undefined) return proposed;
    const actor = actorOf(request);
    const attribution = { actor, reason: body.reason ?? null, sanction: alone(id, actor) };
    const campaign = await closeCampaign(deps, id, attribution, stopping);
    withEtag(reply, campaign);
    return campaignJson(campaign, await clockMs(deps));
  });

  addRoute(app, operations.getTotals, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const totals = await readTotals(deps.pool, id);
    if (totals === undefined) throw unknownCampaign(id);
    return totalsJson(totals);
  });
}
