/** Making, reading and closing campaigns. */
import type { FastifyInstance } from 'fastify';
import { createCampaign, getCampaign, listCampaigns } from '../../sql/campaigns.ts';
import { readTotals } from '../../sql/outcomes.ts';
import { announcementOf } from '../announce.ts';
import { campaignJson, totalsJson } from './campaign-json.ts';
import { closeCampaign, unknownCampaign } from './close.ts';
import { type ApiDeps, clockMs } from './deps.ts';
import { invalidRequest, readBody, readParameters } from './input.ts';
import { readNewCampaign } from './new-campaign.ts';
import { operations } from './operations.ts';
import { addRoute } from './routing.ts';
import { CampaignPath, NewCampaignBody, PageQuery, pageLimit } from './schemas.ts';

export function addCampaignRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.createCampaign, async (request, reply) => {
    const nowMs = await clockMs(deps);
    const wanted = readNewCampaign(readBody(NewCampaignBody, request.body), nowMs);
    const campaign = await createCampaign(deps.pool, wanted.campaign, id =>
      announcementOf(deps.randomness, id, wanted.campaign, wanted.draw, wanted.claims),
    );
    const published = await deps.publish([campaign]).then(
      () => true,
      error => {
        // It is made, whatever Redis does; the engine publishes what is not on the board when it can.
        deps.log.warn({ err: error, campaignId: campaign.campaignId }, 'a new campaign is not published yet');
        return false;
      },
    );
    reply.code(201).header('location', `${operations.createCampaign.path}/${campaign.campaignId}`);
    return { ...campaignJson(campaign, nowMs), published };
  });

  addRoute(app, operations.listCampaigns, async request => {
    const query = readParameters(PageQuery, request.query);
    const limit = pageLimit(query);
    // One more than asked for tells whether there is a next page.
    const found = await listCampaigns(deps.pool, { after: query.after ?? 0, limit: limit + 1 });
    const nowMs = await clockMs(deps);
    const campaigns = found.slice(0, limit).map(campaign => campaignJson(campaign, nowMs));
    return { campaigns, next: found.length > limit ? (campaigns.at(-1)?.id ?? null) : null };
  });

  addRoute(app, operations.getCampaign, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const campaign = await getCampaign(deps.pool, id);
    if (campaign === undefined) throw unknownCampaign(id);
    return campaignJson(campaign, await clockMs(deps));
  });

  addRoute(app, operations.closeCampaign, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    if (!isEmpty(request.body)) {
      throw invalidRequest([{ field: 'body', expected: 'nothing, or an empty JSON object' }]);
    }
    const campaign = await closeCampaign(deps, id, stopping);
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
