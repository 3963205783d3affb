/**
 * Presence: which users have a stream open at which gateway, for campaigns in which that matters (rooms). A gateway puts
 * what has changed into one entry of a Redis Stream, a few times a second at most, however many watch; an engine takes it
 * into the ledger, once.
 *
 * An entry says how things stand and not how they changed, so it may be told twice. A gateway that has a new incarnation
 * tells all that it has again: what the old one told ends with it. So nothing is lost for good with Redis.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { Keys } from '../keys.ts';
import { type RedisClient, scriptFrom } from '../redis.ts';

const PresenceReport = Type.Object({
  incarnation: Type.Integer({ minimum: 1 }),
  rooms: Type.Array(
    Type.Object({
      campaignId: Type.Integer({ minimum: 1 }),
      /** Who has a stream there now. */
      here: Type.Array(Type.String()),
      /** Who had one and has none any more. */
      gone: Type.Array(Type.String()),
    }),
  ),
});
export type PresenceReport = Static<typeof PresenceReport>;

const reportShape = Compile(PresenceReport);

const scripts = {
  begin: scriptFrom(new URL('./begin.lua', import.meta.url)),
  read: scriptFrom(new URL('./read.lua', import.meta.url)),
};

const FIELD = 'report';
/** Reports read at once; each names some thousands of users at most. Fewer are all that there are. */
export const PAGE_REPORTS = 20;

export async function tellPresence(redis: RedisClient, key: string, report: PresenceReport): Promise<void> {
  await redis.xadd(key, '*', FIELD, JSON.stringify(report));
}

/** To be called before gateways can tell anything under that epoch. Rejects when a later one was begun. */
export async function beginPresence(redis: RedisClient, keys: Keys, epoch: number): Promise<void> {
  if ((await scripts.begin(redis, [keys.presenceMark], [epoch])) !== 1)
    throw new Error(`${keys.presenceMark} was started under a later epoch than ${epoch}`);
}

/**
 * Reports of an epoch behind the position `after`, oldest first, each with its own. Rejects when some may be missing: another
 * server has the stream than the one it was begun on, or Redis was started again.
 */
export async function readPresence(
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  after: string,
): Promise<readonly { readonly position: string; readonly report: PresenceReport }[]> {
  const stream = keys.presence(epoch);
  const entries = await scripts.read(redis, [stream, keys.presenceMark], [epoch, after, PAGE_REPORTS]);
  if (!Array.isArray(entries)) throw new Error(`${stream} is on another server, or Redis was restarted`);
  return entries.map(([position, fields]: [string, string[]]) => ({
    position,
    report: reportShape.Parse(JSON.parse(fields[fields.indexOf(FIELD) + 1] ?? '')),
  }));
}

/** Lets go of what is in the ledger. */
export async function trimPresence(redis: RedisClient, key: string, through: string): Promise<void> {
  await redis.xtrim(key, 'MINID', through);
}
