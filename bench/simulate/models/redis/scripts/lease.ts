/** The scripts of engine/contract/redis/lease. */
import { type RedisReply, RedisReplyError } from '../redis-reply.ts';
import { type Call, fields, fieldsOf, isOfThisRun, runId, timeUs } from './script.ts';

interface HeldLease {
  incarnation: string;
  registeredUs: string;
  expiresUs: string;
  name: string;
  token: string;
}

function parse(json: RedisReply): HeldLease {
  return JSON.parse(String(json));
}

export function acquire(call: Call, [leases = '']: readonly string[], args: readonly string[]): RedisReply {
  const [leaseUs = '', name = '', slots] = args;
  const epoch = call('hget', leases, 'epoch');
  if (epoch === null || !isOfThisRun(call, leases)) return ['closed'];
  const heldUs = call('hget', leases, 'leaseUs');
  if (heldUs !== leaseUs) return ['differs', heldUs ?? ''];
  const report = clockReport(call, leases);
  if (report[0] === 'held') return ['held'];
  const nowUs = timeUs(call);
  const registeredUs = String(call('hget', leases, 'floorUs') ?? '0');
  let state = 'full';
  for (let number = 0; number < Number(slots); number++) {
    const field = `g:${number}`;
    const token = call('hget', leases, `p:${number}`);
    if (token === null) {
      if (call('hexists', leases, field) === 0) state = 'unprepared';
      continue;
    }
    call('hdel', leases, `p:${number}`);
    const incarnation = Number(call('hincrby', leases, 'nextIncarnation', 1));
    const lease: HeldLease = {
      incarnation: String(incarnation),
      registeredUs,
      expiresUs: String(nowUs + Number(leaseUs)),
      name,
      token: String(token),
    };
    call('hset', leases, field, JSON.stringify(lease));
    return ['ok', number, incarnation, epoch, registeredUs, token, String(nowUs), ...report];
  }
  return [state];
}

function clockReport(call: Call, leases: string): readonly RedisReply[] {
  const report = call('hmget', leases, 'clock', 'reading', 'readings');
  if (!Array.isArray(report)) throw new RedisReplyError('ERR hmget');
  return report;
}

export function prepare(
  call: Call,
  [leases = '']: readonly string[],
  [epoch = '', ...pairs]: readonly string[],
): RedisReply {
  if (call('hget', leases, 'epoch') !== epoch || !isOfThisRun(call, leases)) return 0;
  let count = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    const [number = '', token = ''] = pairs.slice(at, at + 2);
    if (call('hexists', leases, `g:${number}`) === 0)
      count += Number(call('hsetnx', leases, `p:${number}`, token));
  }
  return count;
}

export function setLength(
  call: Call,
  [leases = '']: readonly string[],
  [leaseUs = '']: readonly string[],
): RedisReply {
  if (fieldsOf(call, leases).some(([field]) => /^g:\d+$/.test(field))) return 0;
  call('hset', leases, 'leaseUs', leaseUs);
  return 1;
}

export function renew(call: Call, [leases = '']: readonly string[], args: readonly string[]): RedisReply {
  const [number, incarnation, leaseUs] = args;
  const nowUs = timeUs(call);
  const held = call('hget', leases, `g:${number}`);
  if (held === null || call('hexists', leases, 'epoch') === 0 || !isOfThisRun(call, leases))
    return ['lost', String(nowUs)];
  if (call('hget', leases, 'leaseUs') !== leaseUs) return ['lost', String(nowUs)];
  const lease = parse(held);
  if (lease.incarnation !== incarnation || lease.expiresUs === '0') return ['lost', String(nowUs)];
  lease.expiresUs = String(nowUs + Number(leaseUs));
  call('hset', leases, `g:${number}`, JSON.stringify(lease));
  return ['ok', String(nowUs), ...clockReport(call, leases)];
}

export function readLeases(
  call: Call,
  [leases = '']: readonly string[],
  [confirmedUs = '']: readonly string[],
): RedisReply {
  const nowUs = timeUs(call);
  const leaseUs = call('hget', leases, 'leaseUs');
  const epoch = leaseUs !== null && isOfThisRun(call, leases) ? call('hget', leases, 'epoch') : null;
  const floorUs = Number(call('hget', leases, 'floorUs') ?? '0');
  const readAtUs = confirmedUs === '' ? floorUs : Math.max(floorUs, Math.min(nowUs, Number(confirmedUs)));
  let readings = String(call('hget', leases, 'readings') ?? '0');
  if (epoch !== null && confirmedUs !== '') call('hset', leases, 'floorUs', String(readAtUs));
  if (confirmedUs !== '') readings = String(call('hincrby', leases, 'readings', 1));
  const answer: RedisReply[] = [String(readAtUs), String(nowUs), readings, epoch ?? '', leaseUs ?? ''];
  for (const [field, value] of fieldsOf(call, leases)) {
    if (/^[gp]:\d+$/.test(field)) answer.push(field, value);
  }
  return answer;
}

export function free(
  call: Call,
  [leases = '']: readonly string[],
  [number, incarnation]: readonly string[],
): RedisReply {
  const held = call('hget', leases, `g:${number}`);
  if (held === null || parse(held).incarnation !== incarnation) return 0;
  return call('hdel', leases, `g:${number}`);
}

export function revoke(
  call: Call,
  [leases = '']: readonly string[],
  [number, incarnation, expiresUs]: readonly string[],
): RedisReply {
  const held = call('hget', leases, `g:${number}`);
  if (held === null) return 0;
  const lease = parse(held);
  if (lease.incarnation !== incarnation) return 0;
  if (lease.expiresUs === '0') return 1;
  if (lease.expiresUs !== expiresUs) return 0;
  lease.expiresUs = '0';
  call('hset', leases, `g:${number}`, JSON.stringify(lease));
  return 1;
}

export function beginOpening(
  call: Call,
  [leases = '']: readonly string[],
  [epoch = '']: readonly string[],
): RedisReply {
  const names = ['epoch', 'run', 'building', 'floorUs', 'leaseUs'];
  const [held = null, run, building = null, floorUs, leaseUs = null] = fields(call, leases, ...names);
  if (held !== null && run === runId(call) && leaseUs !== null) return ['open'];
  for (const each of [held, building]) {
    if (each !== null && Number(each) >= Number(epoch)) return ['stale', each];
  }
  call('hset', leases, 'building', epoch, 'buildRun', runId(call));
  return ['begun', String(Math.max(timeUs(call), Number(floorUs ?? '0')))];
}

export function close(
  call: Call,
  [leases = '']: readonly string[],
  [epoch = '']: readonly string[],
): RedisReply {
  return call('hget', leases, 'epoch') === epoch ? call('hdel', leases, 'epoch') : 0;
}

export function open(
  call: Call,
  [leases = '']: readonly string[],
  [epoch = '', floorUs = '', leaseUs = '']: readonly string[],
): RedisReply {
  const held = fields(call, leases, 'building', 'buildRun');
  if (held[0] !== epoch || held[1] !== runId(call)) return 0;
  call('hdel', leases, 'building', 'buildRun');
  const floor = Math.max(Number(floorUs), Number(call('hget', leases, 'floorUs') ?? '0'));
  const nextIncarnation = String(Number(epoch) * 4_294_967_296);
  for (const [field] of fieldsOf(call, leases)) {
    if (/^p:\d+$/.test(field)) call('hdel', leases, field);
  }
  call('hset', leases, 'epoch', epoch, 'run', runId(call), 'leaseUs', leaseUs);
  call('hset', leases, 'nextIncarnation', nextIncarnation, 'floorUs', String(floor));
  return 1;
}
