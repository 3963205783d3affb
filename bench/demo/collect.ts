import type { WatchRecord } from '../watch/record.ts';
import type { BurstResult } from './burst.ts';
import type { Ask, CampaignEvidence } from './checks/evidence.ts';
import type { Faults } from './checks/faults.ts';
import { readLedger, readRanks } from './checks/ledger.ts';
import { readLog } from './checks/log-reader.ts';
import { entriesInLog } from './checks/logged.ts';
import { askOfPost, watchedIn } from './checks/watched.ts';
import type { DemoOptions } from './options.ts';
import type { Servers } from './site.ts';

/** The ids of the campaigns. */
export interface Campaigns {
  readonly coupon: number;
  readonly raffle: number;
}

export interface Sources {
  readonly servers: Servers;
  readonly campaigns: Campaigns;
  readonly options: DemoOptions;
  readonly burst: BurstResult;
  readonly watched: WatchRecord;
}

/** Collects the evidence of each campaign; adds what the log cannot tell to `faults`. */
export async function collect(sources: Sources, faults: Faults): Promise<readonly CampaignEvidence[]> {
  const { env, namespace, partitions } = sources.servers;
  const { coupon, raffle } = sources.campaigns;
  const { burst, watched, options } = sources;
  const ids = [coupon, raffle];
  const logged = entriesInLog(await readLog(env, namespace, partitions), faults);
  const ranks = await readRanks(env.REDIS_URL, namespace, ids);
  const ledger = await readLedger(env.DATABASE_URL, ids);
  return ids.map(campaign => {
    const people = watchedIn(watched, campaign);
    const posts: Ask[] = people.flatMap(({ who }) => who.posts.map(post => askOfPost(who.user, post)));
    return {
      campaign,
      kind: campaign === coupon ? 'coupon' : 'raffle',
      stock: campaign === coupon ? options.stock : options.winners,
      asks: [...(burst.asks.get(campaign) ?? []), ...posts],
      watched: people,
      logged: logged.get(campaign) ?? [],
      ranks: ranks.get(campaign) ?? [],
      ...(ledger.get(campaign) ?? { entries: [], grants: [], settledStamp: -1 }),
    };
  });
}
