/** The scripts of engine/contract/redis/projection and engine/projections. */
import { type RedisReply, RedisReplyError } from '../redis-reply.ts';
import { type Call, fields, isBegun, isOfThisRun, runId, timeUs } from './script.ts';

export function beginProjection(
  call: Call,
  keys: readonly string[],
  [epoch = '', ranking]: readonly string[],
): RedisReply {
  const [mark = '', rank = ''] = keys;
  const [held = null, run, whole] = fields(call, mark, 'epoch', 'run', 'whole');
  if (held !== null && Number(held) > Number(epoch)) return 'stale';
  if (held === epoch && run === runId(call)) return whole === null ? 'building' : 'whole';
  const mayBeLost = ranking === '1' && call('exists', rank) === 1;
  const lacking = mayBeLost ? '1' : '0';
  call('unlink', ...keys);
  call('hset', mark, 'epoch', epoch, 'run', runId(call), 'lacking', lacking, 'ranked', '-1', 'joined', '0');
  return 'begun';
}

export function sweepProjection(call: Call, keys: readonly string[], [epoch]: readonly string[]): RedisReply {
  const held = call('hget', keys[0] ?? '', 'epoch');
  if (held === null || Number(held) >= Number(epoch)) return 0;
  call('unlink', ...keys);
  return 1;
}

export function takeProjection(
  call: Call,
  [mark = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  const [epoch, maker = '', by = '', patienceUs] = args;
  if (!isBegun(call, mark, epoch)) return ['unmade'];
  const names = ['whole', 'maker', 'atUs', 'ranked', 'lacking', 'by'];
  const [whole, held, atUs, ranked, lacking, before] = fields(call, mark, ...names);
  if (whole !== null) return ['whole'];
  const nowUs = timeUs(call);
  const isRecent = Math.abs(nowUs - Number(atUs)) < Number(patienceUs);
  if (held !== null && held !== maker && isRecent) return ['taken'];
  call('hset', mark, 'maker', maker, 'by', by, 'atUs', String(nowUs));
  return ['yours', ranked ?? '', lacking ?? '1', before ?? ''];
}

export function advanceProjection(
  call: Call,
  [mark = '']: readonly string[],
  [by, ranked = '']: readonly string[],
): RedisReply {
  const held = fields(call, mark, 'by', 'run');
  if (held[0] !== by || held[1] !== runId(call)) return 0;
  call('hset', mark, 'atUs', String(timeUs(call)));
  if (ranked !== '') call('hset', mark, 'ranked', ranked);
  return 1;
}

export function finishProjection(
  call: Call,
  [mark = '']: readonly string[],
  [by, joined]: readonly string[],
): RedisReply {
  const held = fields(call, mark, 'by', 'run', 'joined', 'epoch');
  if (held[0] !== by || held[1] !== runId(call)) return 'lost';
  if (held[2] !== joined) return 'again';
  call('hdel', mark, 'maker', 'by', 'atUs', 'ranked', 'lacking', 'joined');
  call('hset', mark, 'whole', held[3] ?? '');
  return 'whole';
}

export function joinProjection(
  call: Call,
  [mark = '']: readonly string[],
  [epoch]: readonly string[],
): RedisReply {
  if (!isBegun(call, mark, epoch)) return 'unmade';
  if (call('hexists', mark, 'whole') === 1) return 'whole';
  call('hincrby', mark, 'joined', 1);
  return 'building';
}

export function lookAt(
  call: Call,
  keys: readonly string[],
  [epoch, ...users]: readonly string[],
): RedisReply {
  const [mark = '', rank = '', withdrawn = '', outcome = ''] = keys;
  const [whole, lacking] = fields(call, mark, 'whole', 'lacking');
  if (!isBegun(call, mark, epoch) || (whole === null && lacking !== '0')) return ['unmade'];
  const stamps = call('zmscore', rank, ...users);
  if (!Array.isArray(stamps)) throw new RedisReplyError('ERR zmscore');
  if (whole === null) return ['building', ...stamps.map(stamp => stamp ?? '')];
  const outcomes = fields(call, outcome, ...users);
  const withdrawals = fields(call, withdrawn, ...users);
  return [
    'whole',
    ...users.flatMap((user, index): RedisReply[] => [
      stamps[index] ?? '',
      stamps[index] === null ? '' : call('zrank', rank, user),
      outcomes[index] ?? '',
      withdrawals[index] ?? '',
    ]),
  ];
}

export function publishClaimants(
  call: Call,
  [claimants = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  const moveNumber = (text: RedisReply): number => Number(String(text).split(':', 1)[0]);
  let written = 0;
  for (let at = 0; at < args.length; at += 2) {
    const [user = '', text = ''] = args.slice(at, at + 2);
    const held = call('hget', claimants, user);
    if (held !== null && moveNumber(held) >= moveNumber(text)) continue;
    call('hset', claimants, user, text);
    written += 1;
  }
  return written;
}

export function appendGone(
  call: Call,
  [gone = '', mark = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  if (!isOfThisRun(call, mark)) return -1;
  const from = Number(args[0]);
  let length = Number(call('llen', gone));
  if (length < from) return length;
  // The first given rank belongs at index `from`, so skip the ranks that are there already.
  for (const rank of args.slice(1 + length - from)) length = Number(call('rpush', gone, rank));
  return length;
}
