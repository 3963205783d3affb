/** The type of a script, and what several scripts share. */
import { type RedisReply, RedisReplyError } from '../redis-reply.ts';

export type Call = (command: string, ...args: (string | number)[]) => RedisReply;
export type Body = (call: Call, keys: readonly string[], args: readonly string[]) => RedisReply;

export function timeUs(call: Call): number {
  const time = call('time');
  if (!Array.isArray(time)) throw new RedisReplyError('ERR time');
  return Number(time[0]) * 1_000_000 + Number(time[1]);
}

/** Fields of a hash; null for missing ones. */
export function fields(call: Call, key: string, ...names: string[]): readonly (string | null)[] {
  const held = call('hmget', key, ...names);
  if (!Array.isArray(held)) throw new RedisReplyError('ERR hmget');
  return held.map(value => (value === null ? null : String(value)));
}

export function fieldsOf(call: Call, key: string): readonly (readonly [string, RedisReply])[] {
  const all = call('hgetall', key);
  if (!Array.isArray(all)) throw new RedisReplyError('ERR hgetall');
  return Array.from({ length: all.length / 2 }, (_, at) => [String(all[2 * at]), all[2 * at + 1] ?? '']);
}

export function runId(call: Call): string {
  return /run_id:([0-9a-f]+)/.exec(String(call('info', 'server')))?.[1] ?? '';
}

export function isOfThisRun(call: Call, key: string): boolean {
  return call('hget', key, 'run') === runId(call);
}

export function isBegun(call: Call, mark: string, epoch: string | undefined): boolean {
  return call('hget', mark, 'epoch') === epoch && isOfThisRun(call, mark);
}
