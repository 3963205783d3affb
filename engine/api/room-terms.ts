/** Setting the terms of a waiting room while it is open: they hold from the next turn of the room on. */
import { getCampaign } from '../../sql/campaigns.ts';
import { transaction } from '../../sql/database.ts';
import { type RoomSettings, setTerms } from '../../sql/rooms.ts';
import type { CampaignDeps } from '../campaign-deps.ts';
import { Problem } from '../contract/problem.ts';

/**
 * Sets the terms of a room that there is. `version` is the one that they were made for, undefined for whichever it is.
 * Throws Problem conflict where it is another one; then nothing is set.
 */
export async function setRoomTerms(
  deps: Pick<CampaignDeps, 'pool' | 'publish' | 'log'>,
  campaignId: number,
  terms: RoomSettings,
  version: number | undefined,
): Promise<void> {
  await transaction(deps.pool, async client => {
    const now = await setTerms(client, campaignId, terms);
    // Rolled back with what was set: the row was held from the setting on.
    if (version !== undefined && now !== version + 1) throw changedSince(version, (now ?? 1) - 1);
  });
  deps.log.info({ campaignId, ...terms }, 'the terms of a room are set');
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign !== undefined) {
    // They hold, whatever Redis does: gateways only show them, and are told with the next turn.
    await deps.publish([campaign]).catch(() => undefined);
  }
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
