import type { Post, Shown, WatchRecord } from '../../watch/record.ts';
import type { Ask, Watched } from './evidence.ts';

const NOT_OPEN_YET = 'urn:fairline:problem:not-open-yet';
const SOLD_OUT = 'urn:fairline:problem:sold-out';

/** The watchers of a campaign, each with what they were shown. */
export function watchedIn({ users, shown }: WatchRecord, campaign: number): readonly Watched[] {
  const byWatcher = new Map<number, Shown[]>();
  for (const row of shown.rows()) {
    const own = byWatcher.get(row.watcher);
    if (own === undefined) byWatcher.set(row.watcher, [row]);
    else own.push(row);
  }
  return users
    .map((who, index) => ({ who, shown: byWatcher.get(index) ?? [] }))
    .filter(({ who }) => who.campaign === campaign);
}

/** Converts a watcher's request for an entry to the form that the check takes. */
export function askOfPost(user: string, { sentUs, answeredUs, status, stamp, problem }: Post): Ask {
  return {
    user,
    sentUs,
    answeredUs: answeredUs ?? undefined,
    status,
    stamp: stamp ?? undefined,
    soldOut: problem === SOLD_OUT,
    unsure: status === 0 || status >= 500,
  };
}

/** How many requests for an entry came before the opening. */
export function tooEarlyIn({ users }: WatchRecord): number {
  return users.reduce(
    (total, { posts }) => total + posts.filter(({ problem }) => problem === NOT_OPEN_YET).length,
    0,
  );
}
