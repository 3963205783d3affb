import { settleCampaign } from '../../settling/settling.ts';
import { TEST_SALT_SECRET } from '../../test/randomness.ts';
import type { TestApi } from './api.ts';

/** For tests: decides all of a campaign as of `nowUs`; with `availability`, the service was available until then. */
export async function settle(
  { pool, deps }: TestApi,
  campaignId: number,
  nowUs: number,
  availability?: { readonly throughUs: number; readonly outageUs: number },
): Promise<void> {
  const raffles = { randomness: deps.randomness, saltSecret: TEST_SALT_SECRET };
  await settleCampaign(
    { pool, raffles, onDecided: () => undefined },
    campaignId,
    () => ({
      watermarkUs: nowUs,
      nowUs,
      clockMs: Math.ceil(nowUs / 1_000),
      availability,
      presentMs: undefined,
    }),
    () => true,
    new AbortController().signal,
  );
}
