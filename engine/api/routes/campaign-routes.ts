/** Creating, reading and closing campaigns. */
import type { FastifyInstance } from 'fastify';
import { getCampaign, listCampaigns } from '../../../sql/statements/campaigns/campaigns.ts';
import { readTotals } from '../../../sql/statements/entries/outcomes.ts';
import { closeCampaign, closeWouldBe, unknownCampaign } from '../../campaigns/close.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { invalidRequest } from '../../contract/api/problem.ts';
import { CampaignPath, NewCampaignBody } from '../contract/campaign-schemas.ts';
import { operations } from '../contract/operations.ts';
import { PageQuery, pageLimit } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { isDryRun, withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { campaignJson, totalsJson } from './campaign-json.ts';
import { makeCampaign } from './make-campaign.ts';

export function addCampaignRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.createCampaign, async (request, reply) =>
    makeCampaign(deps, request, reply, readBody(NewCampaignBody, request.body)),
  );

  addRoute(app, operations.listCampaigns, async request => {
    const query = readParameters(PageQuery, request.query);
    const limit = pageLimit(query);
    // One row more than requested tells whether there is a next page.
    const found = await listCampaigns(deps.pool, { after: query.after ?? 0, limit: limit + 1 });
    const nowMs = await clockMs(deps);
    const campaigns = found.slice(0, limit).map(campaign => campaignJson(campaign, nowMs));
    return { campaigns, next: found.length > limit ? (campaigns.at(-1)?.id ?? null) : null };
  });

  addRoute(app, operations.getCampaign, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const campaign = await getCampaign(deps.pool, id);
    if (campaign === undefined) throw unknownCampaign(id);
    withEtag(reply, campaign);
    return campaignJson(campaign, await clockMs(deps));
  });

  addRoute(app, operations.closeCampaign, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    if (!isEmpty(request.body)) {
      throw invalidRequest([{ field: 'body', expected: 'nothing, or an empty JSON object' }]);
    }
    if (isDryRun(request)) {
      const { campaign, closingAt } = await closeWouldBe(deps, id);
      withEtag(reply, campaign);
      const shown = campaignJson({ ...campaign, closingAt }, closingAt.getTime());
      return {
        dry_run: true,
        action: 'close',
        gateways_confirm: true,
        effective_before: null,
        campaign: shown,
      };
    }
    const campaign = await closeCampaign(deps, id, actorOf(request), stopping);
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

function isEmpty(body: unknown): boolean {
  if (body === undefined || body === null) return true;
  return typeof body === 'object' && !Array.isArray(body) && Object.keys(body).length === 0;
}
