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
import type { RedisClient } from '../redis.ts';

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

const FIELD = 'report';
/** Reports read at once; each names some thousands of users at most. */
const READ_COUNT = 20;

export async function tellPresence(redis: RedisClient, key: string, report: PresenceReport): Promise<void> {
  await redis.xadd(key, '*', FIELD, JSON.stringify(report));
}

/** Reports behind the position `after`, oldest first, each with its own. */
export async function readPresence(
  redis: RedisClient,
  key: string,
  after: string,
): Promise<readonly { readonly position: string; readonly report: PresenceReport }[]> {
  const entries = await redis.xrange(key, `(${after}`, '+', 'COUNT', READ_COUNT);
  return entries.map(([position, fields]) => ({
    position,
    report: reportShape.Parse(JSON.parse(fields[fields.indexOf(FIELD) + 1] ?? '')),
  }));
}

/** Lets go of what is in the ledger. */
export async function trimPresence(redis: RedisClient, key: string, through: string): Promise<void> {
  await redis.xtrim(key, 'MINID', through);
}
