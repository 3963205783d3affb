/** The scripts of engine/contract/redis/presence. */
import type { RedisReply } from '../redis-reply.ts';
import { type Call, isBegun, runId } from './script.ts';

export function beginPresence(
  call: Call,
  [mark = '']: readonly string[],
  [epoch = '']: readonly string[],
): RedisReply {
  const held = call('hget', mark, 'epoch');
  if (held !== null && Number(held) > Number(epoch)) return 0;
  call('hset', mark, 'epoch', epoch, 'run', runId(call));
  return 1;
}

export function readPresence(
  call: Call,
  [stream = '', mark = '']: readonly string[],
  [epoch, after, count = '']: readonly string[],
): RedisReply {
  if (!isBegun(call, mark, epoch)) return null;
  return call('xrange', stream, `(${after}`, '+', 'COUNT', count);
}
