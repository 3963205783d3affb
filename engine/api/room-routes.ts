/** What an operator sees and sets of a waiting room while it is open. */
import type { FastifyInstance } from 'fastify';
import { getCampaign } from '../../sql/campaigns.ts';
import { transaction } from '../../sql/database.ts';
import { countPeople, getRoom, setTerms } from '../../sql/rooms.ts';
import { Problem } from '../contract/problem.ts';
import { roomJson } from './campaign-json.ts';
import { unknownCampaign } from './close.ts';
import type { ApiDeps } from './deps.ts';
import { readBody, readParameters } from './input.ts';
import { operations } from './operations.ts';
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
    await transaction(deps.pool, async client => {
      const now = await setTerms(client, id, terms);
      // Rolled back with what was set: the row was held from the setting on.
      if (version !== undefined && now !== version + 1) throw changedSince(version, (now ?? 1) - 1);
    });
    deps.log.info({ campaignId: id, ...terms }, 'the terms of a room are set');
    const campaign = await getCampaign(deps.pool, id);
    if (campaign !== undefined) {
      // They hold, whatever Redis does: gateways only show them, and are told with the next turn.
      await deps.publish([campaign]).catch(() => undefined);
    }
    return await describe(deps, id);
  });
}

function changedSince(given: number, version: number): Problem {
  return new Problem(
    'conflict',
    `The terms have the version ${version}, and not ${given}: read them again.`,
    {
      errors: [{ field: 'version', value: String(given), expected: String(version) }],
    },
  );
}

/** Throws Problem unknown-campaign, no-room. */
async function describe({ pool }: ApiDeps, id: number): Promise<RoomJson> {
  const campaign = await getCampaign(pool, id);
  if (campaign === undefined) throw unknownCampaign(id);
  const room = await getRoom(pool, id);
  if (room === undefined) {
    throw new Problem('no-room', `Campaign ${id} is a ${campaign.kind}: it has no rate and lets nobody in.`);
  }
  return roomJson(room, await countPeople(pool, id));
}
