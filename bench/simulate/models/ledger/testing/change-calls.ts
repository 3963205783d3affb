/** Calls that change campaigns. */
import type { Pool } from '../../../../../sql/database.ts';
import {
  effectVersion,
  listPending,
  type NewVersion,
  proposeVersion,
  refuseVersion,
  saveVersion,
  type Target,
  targetOf,
  type Version,
} from '../../../../../sql/statements/campaigns/campaign-versions.ts';
import { getCampaign } from '../../../../../sql/statements/campaigns/campaigns.ts';
import type { Random } from '../../../kernel/random.ts';
import { type Call, OPENS_MS, poolOf } from './sides.ts';

export function changeCalls(random: Random, campaignId: number, number: number): readonly Call[] {
  const [paused, isCancelled, later] = [random.chance(0.5), random.chance(0.1), random.between(0, 3)];
  const asking =
    (act: (pool: Pool, wanted: NewVersion) => Promise<unknown>): Call =>
    async db => {
      const campaign = await getCampaign(db, campaignId);
      if (campaign === undefined) throw new Error(`campaign ${campaignId} does not exist`);
      const target: Target = {
        ...targetOf(campaign),
        ...(isCancelled
          ? { stage: 'cancelled' as const }
          : { paused, closesAt: new Date(OPENS_MS + 1 + later) }),
      };
      const wanted = {
        campaignId,
        action: isCancelled ? 'cancel' : 'edit',
        baseVersion: campaign.version,
        target,
        askedBy: 'x',
      } as const;
      return await act(poolOf(db), { ...wanted, reason: `call ${number}`, decideBy: null });
    };
  const deciding =
    (decide: (pool: Pool, version: Version) => Promise<Version>): Call =>
    async db => {
      const [pending] = await listPending(db);
      if (pending === undefined) return undefined;
      const { ageMs: _, ...version } = pending;
      const { rulesHash: _hash, ...decided } = await decide(poolOf(db), version);
      return decided;
    };
  const confirmed = {
    knownBy: new Date(OPENS_MS + later),
    neverOpens: paused,
    isStillSo: async () => true,
    withinMs: 1_000,
  };
  const nothing = (): undefined => undefined;
  return [
    asking((pool, wanted) => proposeVersion(pool, wanted)),
    asking((pool, wanted) => saveVersion(pool, wanted, undefined)),
    deciding((pool, version) => effectVersion(pool, version, confirmed, nothing, nothing)),
    deciding((pool, version) => refuseVersion(pool, version, 'changed', 'why')),
    db => listPending(db).then(rows => rows.map(({ ageMs: _, ...row }) => row)),
  ];
}
