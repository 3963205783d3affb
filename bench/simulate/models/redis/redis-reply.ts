/** The replies of the simulated Redis, as they are on the wire. */

export type RedisReply = string | number | null | readonly RedisReply[];

/** An error reply; `message` begins with its code. */
export class RedisReplyError extends Error {}
