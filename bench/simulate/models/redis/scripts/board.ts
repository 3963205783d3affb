/** The scripts of engine/contract/redis/board. */
import { type RedisReply, RedisReplyError } from '../redis-reply.ts';
import { type Call, fields, isOfThisRun, runId, timeUs } from './script.ts';

export function beginBoard(call: Call, keys: readonly string[], [epoch = '']: readonly string[]): RedisReply {
  const [state = ''] = keys;
  for (const each of fields(call, state, 'epoch', 'building')) {
    if (each !== null && Number(each) >= Number(epoch)) return each;
  }
  call('unlink', ...keys);
  call('hset', state, 'building', epoch, 'run', runId(call));
  return '';
}

export function openBoard(
  call: Call,
  [state = '']: readonly string[],
  [epoch = '']: readonly string[],
): RedisReply {
  const held = fields(call, state, 'building', 'run');
  if (held[0] !== epoch || held[1] !== runId(call)) return 0;
  call('hdel', state, 'building');
  call('hset', state, 'epoch', epoch);
  return 1;
}

export function boardEpoch(call: Call, [state = '']: readonly string[]): RedisReply {
  return isOfThisRun(call, state) ? (call('hget', state, 'epoch') ?? '') : '';
}

export function publish(call: Call, keys: readonly string[], args: readonly string[]): RedisReply {
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

export function publishBlocks(
  call: Call,
  [state = '', blocks = '']: readonly string[],
  [of, revision = '', list = '']: readonly string[],
): RedisReply {
  const [epoch, building, run, held] = fields(call, state, 'epoch', 'building', 'run', 'blocks');
  if ((epoch ?? building) !== of || run !== runId(call)) return -1;
  if (Number(revision) > Number(held ?? '0')) {
    call('set', blocks, list);
    call('hset', state, 'blocks', revision);
  }
  return 1;
}

export function shelve(call: Call, keys: readonly string[], [of, ...ids]: readonly string[]): RedisReply {
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

export function readBoard(call: Call, keys: readonly string[], args: readonly string[]): RedisReply {
  const [state = '', campaigns = '', changes = '', blocks = '', confirmed = ''] = keys;
  const [readerEpoch, readerVersion, gateway = '', incarnation, holds = '', readerBlocks] = args;
  const confirms = `${incarnation}:${holds}`;
  if (holds !== '' && call('hget', confirmed, gateway) !== confirms)
    call('hset', confirmed, gateway, confirms);
  const nowUs = timeUs(call);
  const names = ['epoch', 'version', 'watermarkUs', 'rankedUs', 'floor', 'shelvedTo', 'blocks'];
  const [heldEpoch, version, watermarkUs, rankedUs, floor, shelvedTo, held] = fields(call, state, ...names);
  const revision = held ?? '0';
  const epoch = isOfThisRun(call, state) ? (heldEpoch ?? '') : '';
  const isWhole = epoch !== readerEpoch || Number(readerVersion) < Number(floor ?? '0');
  const answer: RedisReply[] = [
    ...[epoch, version ?? '0', watermarkUs ?? '0', rankedUs ?? '0', String(nowUs)],
    ...[isWhole ? '1' : '0', shelvedTo ?? '0', revision],
    epoch !== '' && (epoch !== readerEpoch || revision !== readerBlocks) ? (call('get', blocks) ?? '') : '',
  ];
  if (epoch === '') return answer;
  const since = isWhole ? '-inf' : `(${readerVersion}`;
  if (since === `(${version ?? '0'}`) return answer;
  const ids = call('zrangebyscore', changes, since, '+inf');
  if (!Array.isArray(ids)) throw new RedisReplyError('ERR zrangebyscore');
  for (const id of ids) answer.push(call('hget', campaigns, String(id)));
  return answer;
}
