/** For the tests of claims during failures, on a whole system. */
import type { System } from '../../engine/test/system.ts';

/** The status of the answer; 0 if there was none: the claim may or may not be logged, and the user retries. */
export async function claim(system: System, user: string, campaign: number): Promise<number> {
  try {
    return (await system.ask(user, 'POST', `/v1/campaigns/${campaign}/entries/me/claim`)).status;
  } catch {
    return 0;
  }
}

/** The outcomes in the ledger, by user. */
export async function outcomes(system: System, campaign: number): Promise<ReadonlyMap<string, string>> {
  const { rows } = await system.pool.query<{ user_id: string; outcome: string }>(
    'select user_id, outcome from entry_outcomes where campaign_id = $1',
    [campaign],
  );
  return new Map(rows.map(({ user_id, outcome }) => [user_id, outcome]));
}

/** The users who have an offer. */
export async function holders(system: System, campaign: number): Promise<readonly string[]> {
  return [...(await outcomes(system, campaign))].flatMap(([user, outcome]) =>
    outcome === 'offered' ? [user] : [],
  );
}
