/** Bursts of entries, alone and beside a storm of logins. Both pass through one gateway. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFleet } from '../load/fleet.ts';
import type { LoadResult } from '../load/result.ts';
import { requireAllAccepted } from '../system/books.ts';
import { untilBooked, untilKnown, untilSettled } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import { type LoginRates, LoginStorm } from './logins.ts';
import type { AccountsSite } from './site.ts';

export interface EntryRates {
  readonly perSecond: number;
  readonly p99Ms: number;
}

export interface BesideLogins {
  readonly alone: EntryRates;
  readonly stormed: EntryRates;
  readonly logins: LoginRates;
}

interface EntryOptions {
  readonly users: number;
  readonly connections: number;
  /** A second. */
  readonly logins: number;
  /** Odd rounds begin with the burst alone. */
  readonly round: number;
}

const OPEN_MS = 3_600_000;
const WINNERS = 100;
/** By then as many logins wait as may wait. */
const STORM_LEAD_MS = 2_000;

export async function measureEntries(site: AccountsSite, options: EntryOptions): Promise<BesideLogins> {
  const { round } = options;
  const alone = (): Promise<EntryRates> =>
    burst(site, options, `r${round}-alone-`, work => work().then(ratesOf));
  const before = round % 2 === 1 ? await alone() : undefined;
  const { rates: logins, result: stormed } = await burst(site, options, `r${round}-beside-`, work =>
    beside(new LoginStorm(site, options.logins), work),
  );
  return { alone: before ?? (await alone()), stormed: ratesOf(stormed), logins };
}

/** Runs `work` within the storm, whose rates are those of that time alone. */
async function beside<T>(
  storm: LoginStorm,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly rates: LoginRates }> {
  storm.begin();
  const measured = await sleep(STORM_LEAD_MS)
    .then(() => storm.during(work))
    .catch(async (error: unknown) => {
      // The failure of the burst says more than what became of logins.
      await storm.end().catch(() => undefined);
      throw error;
    });
  await storm.end();
  return measured;
}

function ratesOf({ entriesPerSecond, p99Ms }: LoadResult): EntryRates {
  return { perSecond: entriesPerSecond, p99Ms };
}

/** One raffle, whose burst `run` runs; every entry is accepted, or the run has failed. */
async function burst<T>(
  { fairline, gateway }: AccountsSite,
  { users, connections }: EntryOptions,
  prefix: string,
  run: (work: () => Promise<LoadResult>) => Promise<T>,
): Promise<T> {
  const { operator, site } = fairline;
  const campaign = await operator.create({
    ...{ kind: 'raffle', title: prefix, winners: WINNERS, closes_at: inMs(OPEN_MS) },
  });
  await untilKnown(fairline, campaign.id);
  const directory = await mkdtemp(join(tmpdir(), 'fairline-bench-'));
  try {
    const fleet = await startFleet({
      bases: [gateway.base],
      path: `/v1/campaigns/${campaign.id}/entries`,
      expect: { campaign: campaign.id, stamp: true, position: true },
      ticket: site.ticket,
      connections,
      users: { from: 0, to: users, prefix },
      recordPath: join(directory, 'record'),
    });
    const sent = async (): Promise<LoadResult> => {
      const result = await fleet.go();
      requireAllAccepted(result);
      return result;
    };
    const result = await run(sent).finally(() => fleet.stop());
    await operator.close(campaign.id);
    await untilSettled(fairline, campaign.id);
    await untilBooked(fairline, campaign.id);
    return result;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
