/**
 * Presence: which users have a stream open at which gateway, for campaigns in which that matters (rooms). A gateway writes the
 * changes into one entry of a Redis Stream, a few times a second at most, however many users watch; an engine ingests each
 * entry once.
 *
 * An entry reports the state and not a transition, so it may be repeated. A gateway with a new incarnation reports everything
 * again, because the reports of the old one end with it. So nothing is lost permanently with Redis.
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
      /** The users who have a stream there now. */
      here: Type.Array(Type.String()),
      /** The users who had one and no longer do. */
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

/** Call it before gateways can report anything under that epoch. Rejects if a later one was begun. */
export async function beginPresence(redis: RedisClient, keys: Keys, epoch: number): Promise<void> {
  if ((await scripts.begin(redis, [keys.presenceMark], [epoch])) !== 1)
    throw new Error(`${keys.presenceMark} was started under a later epoch than ${epoch}`);
}

/**
 * Reports of an epoch after the position `after`, oldest first, each with its own position. Rejects if some may be missing:
 * another server has the stream than the one on which it was begun, or Redis was restarted.
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

/** Deletes reports that the ledger has. */
export async function trimPresence(redis: RedisClient, key: string, through: string): Promise<void> {
  await redis.xtrim(key, 'MINID', through);
}
