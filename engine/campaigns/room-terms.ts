/** Setting the terms of a waiting room while it is open: they hold from the next turn of the room on. */
import { transaction } from '../../sql/database.ts';
import { getCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { type RoomSettings, setTerms } from '../../sql/statements/rooms/rooms.ts';
import type { CampaignDeps } from './deps.ts';
import { preconditionFailed } from './precondition.ts';

/**
 * Sets the terms of a room that there is. `version` is the one that they were made for, undefined for whichever it is.
 * Throws Problem precondition-failed where it is another one; then nothing is set.
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
    if (version !== undefined && now !== version + 1)
      throw preconditionFailed(`"${version}"`, { version: (now ?? 1) - 1 }, roomName(campaignId));
  });
  deps.log.info({ campaignId, ...terms }, 'room terms set');
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign !== undefined) {
    // They hold, whatever Redis does: gateways only show them, and are told with the next turn.
    await deps.publish([campaign]).catch(() => undefined);
  }
}

/** Begins a sentence. */
export function roomName(campaignId: number): string {
  return `The room of campaign ${campaignId}`;
}
