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
import { readDrawState } from '../../../../../sql/statements/draws/draws.ts';
import type { Random } from '../../../kernel/random.ts';
import { CAMPAIGNS, type Call, OPENS_MS, poolOf } from './sides.ts';

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
  const raising: Call = async db => {
    const campaign = await getCampaign(db, CAMPAIGNS);
    const rules = (await readDrawState(db, CAMPAIGNS))?.rules ?? '{}';
    if (campaign === undefined) throw new Error(`campaign ${CAMPAIGNS} does not exist`);
    const stock = campaign.stock + random.between(0, 2);
    const raised = { rules: JSON.stringify({ ...JSON.parse(rules), stock }), nonce: null };
    const wanted = {
      ...{ campaignId: CAMPAIGNS, action: 'raise' as const, baseVersion: campaign.version, askedBy: 'x' },
      ...{ target: { ...targetOf(campaign), stock }, reason: `call ${number}`, decideBy: null },
    } as const;
    return await saveVersion(poolOf(db), wanted, raised);
  };
  return [
    asking((pool, wanted) => proposeVersion(pool, wanted)),
    asking((pool, wanted) => saveVersion(pool, wanted, undefined)),
    raising,
    deciding((pool, version) => effectVersion(pool, version, confirmed, nothing, nothing)),
    deciding((pool, version) => refuseVersion(pool, version, 'changed', 'why')),
    db => listPending(db).then(rows => rows.map(({ ageMs: _, ...row }) => row)),
  ];
}
