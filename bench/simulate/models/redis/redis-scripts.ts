/**
 * TypeScript versions of fairline's Lua scripts: the simulator has no Lua. Each is keyed by its file, whose header is its
 * contract; redis-state.test.ts runs both versions on the same data and compares.
 */
import { createHash } from 'node:crypto';
import { scriptText } from '../../../../engine/contract/redis/redis.ts';
import { type RedisReply, RedisReplyError } from './redis-reply.ts';
import {
  beginBoard,
  boardEpoch,
  openBoard,
  publish,
  publishBlocks,
  readBoard,
  shelve,
} from './scripts/board.ts';
import { couponNews, couponsChanged, getCouponCopy, putCouponCopy } from './scripts/coupons.ts';
import {
  acquire,
  beginOpening,
  close,
  free,
  open,
  prepare,
  readLeases,
  renew,
  revoke,
  setLength,
} from './scripts/lease.ts';
import { beginPresence, readPresence } from './scripts/presence.ts';
import {
  advanceProjection,
  appendGone,
  beginProjection,
  finishProjection,
  joinProjection,
  lookAt,
  publishClaimants,
  sweepProjection,
  takeProjection,
} from './scripts/projection.ts';
import type { Body, Call } from './scripts/script.ts';

const ENGINE = new URL('../../../../engine/', import.meta.url);
const BODIES: Readonly<Record<string, Body>> = {
  'contract/redis/lease/acquire.lua': acquire,
  'contract/redis/lease/renew.lua': renew,
  'contract/redis/lease/read.lua': readLeases,
  'contract/redis/lease/revoke.lua': revoke,
  'contract/redis/lease/free.lua': free,
  'contract/redis/lease/begin.lua': beginOpening,
  'contract/redis/lease/close.lua': close,
  'contract/redis/lease/open.lua': open,
  'contract/redis/lease/prepare.lua': prepare,
  'contract/redis/lease/set-length.lua': setLength,
  'contract/redis/board/begin.lua': beginBoard,
  'contract/redis/board/epoch.lua': boardEpoch,
  'contract/redis/board/open.lua': openBoard,
  'contract/redis/board/publish.lua': publish,
  'contract/redis/board/publish-blocks.lua': publishBlocks,
  'contract/redis/board/shelve.lua': shelve,
  'contract/redis/board/read.lua': readBoard,
  'contract/redis/projection/begin.lua': beginProjection,
  'contract/redis/projection/take.lua': takeProjection,
  'contract/redis/projection/advance.lua': advanceProjection,
  'contract/redis/projection/finish.lua': finishProjection,
  'contract/redis/projection/join.lua': joinProjection,
  'contract/redis/projection/look.lua': lookAt,
  'contract/redis/projection/sweep.lua': sweepProjection,
  'contract/redis/presence/begin.lua': beginPresence,
  'contract/redis/presence/read.lua': readPresence,
  'contract/redis/coupons/changed.lua': couponsChanged,
  'contract/redis/coupons/news.lua': couponNews,
  'contract/redis/coupons/copy-get.lua': getCouponCopy,
  'contract/redis/coupons/copy-put.lua': putCouponCopy,
  'projections/append-gone.lua': appendGone,
  'projections/publish-claimants.lua': publishClaimants,
};

/** Keyed by the SHA-1 of the script's text, as at the server. */
const scripts = new Map(
  Object.entries(BODIES).map(([file, body]) => {
    const source = scriptText(new URL(file, ENGINE));
    return [createHash('sha1').update(source).digest('hex'), body];
  }),
);

export function runScript(
  sha: string,
  keys: readonly string[],
  args: readonly string[],
  call: Call,
): RedisReply {
  const body = scripts.get(sha);
  if (body === undefined) throw new RedisReplyError('ERR a script that the simulated Redis does not know');
  return body(call, keys, args);
}
