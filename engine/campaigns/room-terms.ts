/** Sets the terms of a waiting room while it is open; they take effect with the room's next turn. */
import { transaction } from '../../sql/database.ts';
import { getCampaign } from '../../sql/statements/campaigns/campaigns.ts';
import { type RoomSettings, setTerms } from '../../sql/statements/rooms/rooms.ts';
import { type By, campaignTarget, noteAct } from '../operators/acts.ts';
import type { CampaignDeps } from './deps.ts';
import { preconditionFailed } from './precondition.ts';

/**
 * Sets the terms of an existing room. `version` is the version that the change is based on, undefined for any. Throws Problem
 * precondition-failed if the current version is another one; then nothing is set.
 */
export async function setRoomTerms(
  deps: Pick<CampaignDeps, 'pool' | 'publish' | 'log'>,
  campaignId: number,
  terms: RoomSettings,
  version: number | undefined,
  { actor, reason }: By,
): Promise<void> {
  await transaction(deps.pool, async client => {
    const now = await setTerms(client, campaignId, terms);
    // Rolls back the new terms too: the update has held the row's lock since.
    if (version !== undefined && now !== version + 1)
      throw preconditionFailed(`"${version}"`, { version: (now ?? 1) - 1 }, roomName(campaignId));
    if (now === undefined) return;
    const { perSecond: per_second, capacity, paused } = terms;
    const details = { version: now, per_second, capacity, paused };
    await noteAct(client, actor, { target: campaignTarget(campaignId), reason, details });
  });
  deps.log.info({ campaignId, ...terms }, 'room terms set');
  const campaign = await getCampaign(deps.pool, campaignId);
  if (campaign !== undefined) {
    // The terms are in effect even if Redis is away: gateways only show them, and learn of them with the next turn.
    await deps.publish([campaign]).catch(() => undefined);
  }
}

/** Begins a sentence. */
export function roomName(campaignId: number): string {
  return `The room of campaign ${campaignId}`;
}
