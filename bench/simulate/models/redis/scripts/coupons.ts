/** The scripts of engine/contract/redis/coupons. */
import type { RedisReply } from '../redis-reply.ts';
import { type Call, fields, runId, timeUs } from './script.ts';

export function couponsChanged(
  call: Call,
  [version = '', changes = '']: readonly string[],
  [keptUs = '', ...couponIds]: readonly string[],
): RedisReply {
  const next = Math.max(Number(call('get', version) ?? '0') + 1, timeUs(call));
  call('set', version, next);
  for (const couponId of couponIds) call('zadd', changes, next, couponId);
  call('zremrangebyscore', changes, '-inf', next - Number(keptUs));
  return String(next);
}

export function couponNews(
  call: Call,
  [version = '', changes = '']: readonly string[],
  [since = '']: readonly string[],
): RedisReply {
  const now = call('get', version) ?? '0';
  const news = now === since ? [] : call('zrangebyscore', changes, `(${since}`, '+inf', 'WITHSCORES');
  return [now, runId(call), ...(Array.isArray(news) ? news : [])];
}

export function getCouponCopy(
  call: Call,
  [copy = '', version = '', changes = '']: readonly string[],
  [keptUs = '']: readonly string[],
): RedisReply {
  const run = runId(call);
  const greatest = call('get', version) ?? '0';
  const answer = [greatest, run];
  const [couponId, of, body, heldRun, shop] = fields(call, copy, 'coupon', 'version', 'body', 'run', 'shop');
  if (couponId === null || couponId === undefined || heldRun !== run) return answer;
  const changed = Number(call('zscore', changes, String(couponId)) ?? '0');
  const leftMs = Number(call('pttl', copy));
  return changed <= Number(of) && leftMs > 0 && Number(greatest) - Number(keptUs) <= Number(of)
    ? [...answer, couponId, of ?? '', shop ?? '', body ?? '', leftMs]
    : answer;
}

export function putCouponCopy(
  call: Call,
  [copy = '', greatest = '', changes = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  const [couponId = '', version = '', run = '', shop = '', body = '', keepMs = '', keptUs = ''] = args;
  if (run !== runId(call)) return 0;
  if (Number(call('zscore', changes, couponId) ?? '0') > Number(version)) return 0;
  if (Number(call('get', greatest) ?? '0') - Number(keptUs) > Number(version)) return 0;
  call('hset', copy, 'coupon', couponId, 'version', version, 'run', run, 'shop', shop, 'body', body);
  call('pexpire', copy, keepMs);
  return 1;
}
