/**
 * What fairline's Lua scripts do, said a second time in TypeScript: the simulator has no Lua. Each is named by its file,
 * whose header is its contract; redis-state.test.ts runs both on the same registry and board and compares.
 */
import { createHash } from 'node:crypto';
import { scriptText } from '../../../../engine/contract/redis/redis.ts';
import { type RedisReply, RedisReplyError } from './redis-reply.ts';

type Call = (command: string, ...args: (string | number)[]) => RedisReply;
type Body = (call: Call, keys: readonly string[], args: readonly string[]) => RedisReply;

interface HeldLease {
  incarnation: string;
  registeredUs: string;
  expiresUs: string;
  name: string;
  token: string;
}

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

/** As the server knows them: by the SHA-1 of their text. */
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

function timeUs(call: Call): number {
  const time = call('time');
  if (!Array.isArray(time)) throw new RedisReplyError('ERR time');
  return Number(time[0]) * 1_000_000 + Number(time[1]);
}

function parse(json: RedisReply): HeldLease {
  return JSON.parse(String(json));
}

function acquire(call: Call, [leases = '']: readonly string[], args: readonly string[]): RedisReply {
  const [leaseUs = '', name = '', slots] = args;
  const epoch = call('hget', leases, 'epoch');
  if (epoch === null || !isOfThisRun(call, leases)) return ['closed'];
  const heldUs = call('hget', leases, 'leaseUs');
  if (heldUs !== leaseUs) return ['differs', heldUs ?? ''];
  const word = clockWord(call, leases);
  if (word[0] === 'held') return ['held'];
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
    return ['ok', number, incarnation, epoch, registeredUs, token, String(nowUs), ...word];
  }
  return [state];
}

function clockWord(call: Call, leases: string): readonly RedisReply[] {
  const word = call('hmget', leases, 'clock', 'reading', 'readings');
  if (!Array.isArray(word)) throw new RedisReplyError('ERR hmget');
  return word;
}

function prepare(
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

function setLength(
  call: Call,
  [leases = '']: readonly string[],
  [leaseUs = '']: readonly string[],
): RedisReply {
  if (fieldsOf(call, leases).some(([field]) => /^g:\d+$/.test(field))) return 0;
  call('hset', leases, 'leaseUs', leaseUs);
  return 1;
}

function fieldsOf(call: Call, key: string): readonly (readonly [string, RedisReply])[] {
  const all = call('hgetall', key);
  if (!Array.isArray(all)) throw new RedisReplyError('ERR hgetall');
  return Array.from({ length: all.length / 2 }, (_, at) => [String(all[2 * at]), all[2 * at + 1] ?? '']);
}

function renew(call: Call, [leases = '']: readonly string[], args: readonly string[]): RedisReply {
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
  return ['ok', String(nowUs), ...clockWord(call, leases)];
}

function readLeases(
  call: Call,
  [leases = '']: readonly string[],
  [vouched = '']: readonly string[],
): RedisReply {
  const nowUs = timeUs(call);
  const leaseUs = call('hget', leases, 'leaseUs');
  const epoch = leaseUs !== null && isOfThisRun(call, leases) ? call('hget', leases, 'epoch') : null;
  const floorUs = Number(call('hget', leases, 'floorUs') ?? '0');
  const readAtUs = vouched === '' ? floorUs : Math.max(floorUs, Math.min(nowUs, Number(vouched)));
  let readings = String(call('hget', leases, 'readings') ?? '0');
  if (epoch !== null && vouched !== '') call('hset', leases, 'floorUs', String(readAtUs));
  if (vouched !== '') readings = String(call('hincrby', leases, 'readings', 1));
  const answer: RedisReply[] = [String(readAtUs), String(nowUs), readings, epoch ?? '', leaseUs ?? ''];
  for (const [field, value] of fieldsOf(call, leases)) {
    if (/^[gp]:\d+$/.test(field)) answer.push(field, value);
  }
  return answer;
}

function free(
  call: Call,
  [leases = '']: readonly string[],
  [number, incarnation]: readonly string[],
): RedisReply {
  const held = call('hget', leases, `g:${number}`);
  if (held === null || parse(held).incarnation !== incarnation) return 0;
  return call('hdel', leases, `g:${number}`);
}

function revoke(
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

function beginOpening(
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

function close(call: Call, [leases = '']: readonly string[], [epoch = '']: readonly string[]): RedisReply {
  return call('hget', leases, 'epoch') === epoch ? call('hdel', leases, 'epoch') : 0;
}

function open(
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

/** Of a hash, null for those that it lacks. */
function fields(call: Call, key: string, ...names: string[]): readonly (string | null)[] {
  const held = call('hmget', key, ...names);
  if (!Array.isArray(held)) throw new RedisReplyError('ERR hmget');
  return held.map(value => (value === null ? null : String(value)));
}

function runId(call: Call): string {
  return /run_id:([0-9a-f]+)/.exec(String(call('info', 'server')))?.[1] ?? '';
}

function isOfThisRun(call: Call, key: string): boolean {
  return call('hget', key, 'run') === runId(call);
}

function beginBoard(call: Call, keys: readonly string[], [epoch = '']: readonly string[]): RedisReply {
  const [state = ''] = keys;
  for (const each of fields(call, state, 'epoch', 'building')) {
    if (each !== null && Number(each) >= Number(epoch)) return each;
  }
  call('unlink', ...keys);
  call('hset', state, 'building', epoch, 'run', runId(call));
  return '';
}

function openBoard(call: Call, [state = '']: readonly string[], [epoch = '']: readonly string[]): RedisReply {
  const held = fields(call, state, 'building', 'run');
  if (held[0] !== epoch || held[1] !== runId(call)) return 0;
  call('hdel', state, 'building');
  call('hset', state, 'epoch', epoch);
  return 1;
}

function boardEpoch(call: Call, [state = '']: readonly string[]): RedisReply {
  return isOfThisRun(call, state) ? (call('hget', state, 'epoch') ?? '') : '';
}

function publish(call: Call, keys: readonly string[], args: readonly string[]): RedisReply {
  const [state = '', campaigns = '', changes = ''] = keys;
  const [epoch, building, run] = fields(call, state, 'epoch', 'building', 'run');
  if ((epoch ?? building) !== args[0] || run !== runId(call)) return -1;
  const raise = (field: string, value = ''): void => {
    if (value !== '' && Number(value) > Number(call('hget', state, field) ?? '0'))
      call('hset', state, field, value);
  };
  raise('watermarkUs', args[1]);
  raise('rankedUs', args[2]);
  const [shelvings, shelvedTo] = fields(call, state, 'shelvings', 'shelvedTo');
  let version = Number(call('hget', state, 'version') ?? '0');
  let changed = false;
  let leftOut = false;
  for (let at = 4; at < args.length; at += 3) {
    const [id = '', revision, json = ''] = args.slice(at, at + 3);
    const held = call('hget', campaigns, id);
    if (held !== null && JSON.parse(String(held)).revision >= Number(revision)) continue;
    if (held === null && Number(id) <= Number(shelvedTo ?? '0') && args[3] !== (shelvings ?? '0')) {
      leftOut = true;
      continue;
    }
    if (!changed) {
      changed = true;
      version = Number(call('hincrby', state, 'version', 1));
    }
    call('hset', campaigns, id, json);
    call('zadd', changes, version, id);
  }
  return leftOut ? -2 : version;
}

function shelve(call: Call, keys: readonly string[], [of, ...ids]: readonly string[]): RedisReply {
  const [state = '', campaigns = '', changes = ''] = keys;
  const names = ['epoch', 'building', 'run', 'shelvedTo', 'floor'];
  const [epoch, building, run, shelvedTo, floor] = fields(call, state, ...names);
  if ((epoch ?? building) !== of || run !== runId(call)) return -1;
  const versions = ids.map(id => Number(call('zscore', changes, id) ?? '0'));
  let taken = 0;
  for (const id of ids) {
    call('zrem', changes, id);
    taken += Number(call('hdel', campaigns, id));
  }
  call('hincrby', state, 'shelvings', 1);
  const greatest = Math.max(Number(shelvedTo ?? '0'), ...ids.map(Number));
  call(
    'hset',
    state,
    'shelvedTo',
    String(greatest),
    'floor',
    String(Math.max(Number(floor ?? '0'), ...versions)),
  );
  return taken;
}

function readBoard(call: Call, keys: readonly string[], args: readonly string[]): RedisReply {
  const [state = '', campaigns = '', changes = '', confirmed = ''] = keys;
  const [readerEpoch, readerVersion, gateway = '', incarnation, holds = ''] = args;
  const confirms = `${incarnation}:${holds}`;
  if (holds !== '' && call('hget', confirmed, gateway) !== confirms)
    call('hset', confirmed, gateway, confirms);
  const nowUs = timeUs(call);
  const names = ['epoch', 'version', 'watermarkUs', 'rankedUs', 'floor', 'shelvedTo'];
  const [heldEpoch, version, watermarkUs, rankedUs, floor, shelvedTo] = fields(call, state, ...names);
  const epoch = isOfThisRun(call, state) ? (heldEpoch ?? '') : '';
  const isWhole = epoch !== readerEpoch || Number(readerVersion) < Number(floor ?? '0');
  const answer: RedisReply[] = [
    ...[epoch, version ?? '0', watermarkUs ?? '0', rankedUs ?? '0', String(nowUs)],
    ...[isWhole ? '1' : '0', shelvedTo ?? '0'],
  ];
  if (epoch === '') return answer;
  const since = isWhole ? '-inf' : `(${readerVersion}`;
  if (since === `(${version ?? '0'}`) return answer;
  const ids = call('zrangebyscore', changes, since, '+inf');
  if (!Array.isArray(ids)) throw new RedisReplyError('ERR zrangebyscore');
  for (const id of ids) answer.push(call('hget', campaigns, String(id)));
  return answer;
}

function beginProjection(
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

function sweepProjection(call: Call, keys: readonly string[], [epoch]: readonly string[]): RedisReply {
  const held = call('hget', keys[0] ?? '', 'epoch');
  if (held === null || Number(held) >= Number(epoch)) return 0;
  call('unlink', ...keys);
  return 1;
}

function takeProjection(call: Call, [mark = '']: readonly string[], args: readonly string[]): RedisReply {
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

function advanceProjection(
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

function finishProjection(
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

function joinProjection(call: Call, [mark = '']: readonly string[], [epoch]: readonly string[]): RedisReply {
  if (!isBegun(call, mark, epoch)) return 'unmade';
  if (call('hexists', mark, 'whole') === 1) return 'whole';
  call('hincrby', mark, 'joined', 1);
  return 'building';
}

function isBegun(call: Call, mark: string, epoch: string | undefined): boolean {
  return call('hget', mark, 'epoch') === epoch && isOfThisRun(call, mark);
}

function lookAt(call: Call, keys: readonly string[], [epoch, ...users]: readonly string[]): RedisReply {
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

function beginPresence(
  call: Call,
  [mark = '']: readonly string[],
  [epoch = '']: readonly string[],
): RedisReply {
  const held = call('hget', mark, 'epoch');
  if (held !== null && Number(held) > Number(epoch)) return 0;
  call('hset', mark, 'epoch', epoch, 'run', runId(call));
  return 1;
}

function readPresence(
  call: Call,
  [stream = '', mark = '']: readonly string[],
  [epoch, after, count = '']: readonly string[],
): RedisReply {
  if (!isBegun(call, mark, epoch)) return null;
  return call('xrange', stream, `(${after}`, '+', 'COUNT', count);
}

function couponsChanged(
  call: Call,
  [version = '', changes = '']: readonly string[],
  couponIds: readonly string[],
): RedisReply {
  const next = String(Math.max(Number(call('get', version) ?? '0') + 1, timeUs(call)));
  call('set', version, next);
  for (const couponId of couponIds) call('zadd', changes, next, couponId);
  return next;
}

function couponNews(
  call: Call,
  [version = '', changes = '']: readonly string[],
  [since = '']: readonly string[],
): RedisReply {
  const now = call('get', version) ?? '0';
  const news = now === since ? [] : call('zrangebyscore', changes, `(${since}`, '+inf', 'WITHSCORES');
  return [now, runId(call), ...(Array.isArray(news) ? news : [])];
}

function getCouponCopy(call: Call, [copy = '', version = '', changes = '']: readonly string[]): RedisReply {
  const run = runId(call);
  const answer = [call('get', version) ?? '0', run];
  const [couponId, of, body, heldRun] = fields(call, copy, 'coupon', 'version', 'body', 'run');
  if (couponId === null || couponId === undefined || heldRun !== run) return answer;
  const changed = Number(call('zscore', changes, String(couponId)) ?? '0');
  const leftMs = Number(call('pttl', copy));
  return changed <= Number(of) && leftMs > 0 ? [...answer, couponId, of ?? '', body ?? '', leftMs] : answer;
}

function putCouponCopy(
  call: Call,
  [copy = '', changes = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  const [couponId = '', version = '', run = '', body = '', keepMs = ''] = args;
  if (run !== runId(call)) return 0;
  if (Number(call('zscore', changes, couponId) ?? '0') > Number(version)) return 0;
  call('hset', copy, 'coupon', couponId, 'version', version, 'run', run, 'body', body);
  call('pexpire', copy, keepMs);
  return 1;
}

function publishClaimants(
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

function appendGone(
  call: Call,
  [gone = '', mark = '']: readonly string[],
  args: readonly string[],
): RedisReply {
  if (!isOfThisRun(call, mark)) return -1;
  const from = Number(args[0]);
  let length = Number(call('llen', gone));
  if (length < from) return length;
  // The first rank given stands at place `from`, so those that stand there already are passed over.
  for (const rank of args.slice(1 + length - from)) length = Number(call('rpush', gone, rank));
  return length;
}
