/** What an operator reads and sets of a waiting room while it is open. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { countPeople, getRoom, type Room } from '../../../sql/statements/rooms/rooms.ts';
import { findCampaign, refuseArchived } from '../../campaigns/find-campaign.ts';
import { roomName, setRoomTerms } from '../../campaigns/room-terms.ts';
import { Problem } from '../../contract/api/problem.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { operations } from '../contract/operations.ts';
import { type RoomJson, RoomTermsBody } from '../contract/room-schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { requireMatch, withEtag } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';
import { roomJson } from './campaign-json.ts';

export function addRoomRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.getRoom, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    return await describe(deps, id, reply);
  });

  addRoute(app, operations.setRoom, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    const { per_second, capacity, paused, reason = null } = readBody(RoomTermsBody, request.body);
    const room = await findRoom(deps, id);
    const version = requireMatch(request, room, roomName(id));
    const terms = { perSecond: per_second, capacity: capacity ?? null, paused: paused ?? false };
    await setRoomTerms(deps, id, terms, version, { actor: actorOf(request), reason });
    return await describe(deps, id, reply);
  });
}

async function describe(deps: ApiDeps, id: number, reply: FastifyReply): Promise<RoomJson> {
  const room = await findRoom(deps, id);
  withEtag(reply, room);
  return roomJson(room, await countPeople(deps.pool, id));
}

/** Throws Problem unknown-campaign, no-room, archived. */
async function findRoom({ pool }: ApiDeps, id: number): Promise<Room> {
  const campaign = await findCampaign(pool, id);
  const room = await getRoom(pool, id);
  if (room === undefined) {
    throw new Problem('no-room', `Campaign ${id} is a ${campaign.kind}: it has no rate and no admissions.`);
  }
  await refuseArchived(pool, id, 'The people of room');
  return room;
}
