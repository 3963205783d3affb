/** Terms of a raffle's entrants before the draw; afterwards the proof, and prizes that are passed on. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { readProof } from '../../../sql/statements/draws/draws.ts';
import { listTerms } from '../../../sql/statements/draws/entrant-terms.ts';
import { entrantsPreview, passOnPreview, passPrizeOn, setTerms } from '../../campaigns/draw-acts.ts';
import { findCampaign, refuseArchived } from '../../campaigns/find-campaign.ts';
import { extendOffer } from '../../campaigns/telling/offers.ts';
import { Problem } from '../../contract/api/problem.ts';
import { alone } from '../../operators/proposals.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { DeadlineBody, PassOnBody } from '../contract/draw-schemas.ts';
import { EntrantsQuery } from '../contract/entrant-schemas.ts';
import { JSON_MEDIA_TYPE, operations } from '../contract/operations.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { isDryRun } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { proposeIfNeeded } from './acts-of-two.ts';
import { readTerms } from './entrant-input.ts';

/** Parts of a proof read at a time, some hundred KB each. */
const PROOF_PARTS = 4;

export function addDrawRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.setEntrants, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const terms = readTerms(request.body);
    if (isDryRun(request)) return await entrantsPreview(deps, id, terms);
    const proposed = await proposeIfNeeded(
      deps,
      request,
      reply,
      await findCampaign(deps.pool, id),
      request.body,
    );
    if (proposed !== undefined) return proposed;
    return await setTerms(deps, id, terms, {
      actor: actorOf(request),
      sanction: alone(id, actorOf(request)),
    });
  });

  addRoute(app, operations.listEntrants, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const query = readParameters(EntrantsQuery, request.query);
    await findCampaign(deps.pool, id);
    await refuseArchived(deps.pool, id, 'The terms of entrants of campaign');
    const { rows, next } = await readPage(
      query,
      limit => listTerms(deps.pool, { campaignId: id, after: query.after ?? '', limit }),
      ({ userId }) => userId,
    );
    const entrants = rows.map(({ userId, tickets, group, excluded }) => ({
      user: userId,
      tickets,
      group,
      excluded,
    }));
    return { entrants, next };
  });

  addRoute(app, operations.passOn, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const body = readBody(PassOnBody, request.body);
    if (isDryRun(request)) return await passOnPreview(deps, id, body);
    const proposed = await proposeIfNeeded(deps, request, reply, await findCampaign(deps.pool, id), body);
    if (proposed !== undefined) return proposed;
    const by = { actor: actorOf(request), sanction: alone(id, actorOf(request)) };
    const passed = await passPrizeOn(deps, id, body, by, stopping);
    addToLine(request, { serial: passed.serial, alternate: passed.alternate });
    return passed;
  });

  addRoute(app, operations.extendOffer, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const { reason = null, ...wanted } = readBody(DeadlineBody, request.body);
    addToLine(request, { serial: wanted.serial });
    const by = { actor: actorOf(request), reason };
    return await extendOffer(deps, await findCampaign(deps.pool, id), wanted, by);
  });

  addRoute(app, operations.getProof, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    await findCampaign(deps.pool, id);
    const first = await readProof(deps.pool, id, 0, PROOF_PARTS);
    if (first.length === 0) {
      throw new Problem('no-proof', `Campaign ${id} is not a raffle with a draw proof.`);
    }
    reply.type(JSON_MEDIA_TYPE);
    return Readable.from(proofText(deps, id, first));
  });
}

/** A proof never changes once it exists, so its parts need not be read in one snapshot. */
async function* proofText(
  deps: ApiDeps,
  campaignId: number,
  first: readonly string[],
): AsyncGenerator<string, void> {
  let parts = first;
  for (let read = 0; parts.length > 0; ) {
    yield* parts;
    read += parts.length;
    parts = await readProof(deps.pool, campaignId, read, PROOF_PARTS);
  }
}
