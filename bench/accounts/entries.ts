/** Bursts of entries, alone and beside a storm of logins. Both pass through one gateway. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFleet } from '../load/fleet.ts';
import { requireAllAccepted } from '../system/books.ts';
import { untilKnown, untilSettled } from '../system/fairline.ts';
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

export async function measureEntries(site: AccountsSite, options: EntryOptions): Promise<BesideLogins> {
  const { round } = options;
  const before = round % 2 === 1 ? await burst(site, options, `r${round}-alone-`) : undefined;
  const storm = new LoginStorm(site, options.logins);
  storm.begin();
  const stormed = await burst(site, options, `r${round}-beside-`).finally(() => storm.end());
  const logins = await storm.rates();
  const alone = before ?? (await burst(site, options, `r${round}-alone-`));
  return { alone, stormed, logins };
}

/** One raffle; every entry is accepted, or the run has failed. */
async function burst(
  { fairline, gateway }: AccountsSite,
  { users, connections }: EntryOptions,
  prefix: string,
): Promise<EntryRates> {
  const { operator, site } = fairline;
  const campaign = await operator.create({
    ...{ kind: 'raffle', title: prefix, winners: WINNERS, closes_at: inMs(OPEN_MS) },
  });
  await untilKnown(fairline, campaign.id);
  const directory = await mkdtemp(join(tmpdir(), 'fairline-bench-'));
  try {
    const result = await runFleet({
      bases: [gateway.base],
      path: `/v1/campaigns/${campaign.id}/entries`,
      expect: { campaign: campaign.id, stamp: true, position: true },
      ticket: site.ticket,
      connections,
      users: { from: 0, to: users, prefix },
      recordPath: join(directory, 'record'),
    });
    requireAllAccepted(result);
    await operator.close(campaign.id);
    await untilSettled(fairline, campaign.id);
    return { perSecond: result.entriesPerSecond, p99Ms: result.p99Ms };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
