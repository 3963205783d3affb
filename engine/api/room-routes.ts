/** What an operator sees and sets of a waiting room while it is open. */
import type { FastifyInstance } from 'fastify';
import { getCampaign } from '../../sql/campaigns.ts';
import { countPeople, getRoom } from '../../sql/rooms.ts';
import { Problem } from '../contract/problem.ts';
import { roomJson } from './campaign-json.ts';
import { unknownCampaign } from './close.ts';
import type { ApiDeps } from './deps.ts';
import { readBody, readParameters } from './input.ts';
import { operations } from './operations.ts';
import { setRoomTerms } from './room-terms.ts';
import { addRoute } from './routing.ts';
import { CampaignPath, type RoomJson, RoomTermsBody } from './schemas.ts';

export function addRoomRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.getRoom, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    return await describe(deps, id);
  });

  addRoute(app, operations.setRoom, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const { per_second, capacity, paused, version } = readBody(RoomTermsBody, request.body);
    await describe(deps, id);
    const terms = { perSecond: per_second, capacity: capacity ?? null, paused: paused ?? false };
    await setRoomTerms(deps, id, terms, version);
    return await describe(deps, id);
  });
}

/** Throws Problem unknown-campaign, no-room. */
async function describe({ pool }: ApiDeps, id: number): Promise<RoomJson> {
  const campaign = await getCampaign(pool, id);
  if (campaign === undefined) throw unknownCampaign(id);
  const room = await getRoom(pool, id);
  if (room === undefined) {
    throw new Problem('no-room', `Campaign ${id} is a ${campaign.kind}: it has no rate and no admissions.`);
  }
  return roomJson(room, await countPeople(pool, id));
}
