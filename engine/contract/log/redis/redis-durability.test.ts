import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import type { LogConfig } from '../open.ts';
import { openProducer } from '../open.ts';
import { logConfig, quiet, TestLog } from '../testing/ledger.ts';
import { TestServer } from '../testing/servers.ts';

describe('a Redis that holds the log', () => {
  let server: TestServer;
  let redis: Redis;

  before(async () => {
    server = await TestServer.start('redis');
    redis = new Redis(server.servers.redisUrl);
  });
  after(async () => {
    redis.disconnect();
    await server.remove();
  });

  const isRefused = async (pattern: RegExp, changes: Partial<LogConfig> = {}): Promise<void> => {
    await assert.rejects(openProducer(logConfig('redis', server.servers, changes), quiet), pattern);
  };
  const isTaken = async (changes: Partial<LogConfig>): Promise<void> => {
    const log = await TestLog.open(logConfig('redis', server.servers, changes));
    await log.append(0, Buffer.from('a'));
    await log.close();
  };

  it('is accepted with appendfsync always, whatever else is allowed', async () => {
    await isTaken({});
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'no' });
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'unknown' });
  });

  it('is refused with appendfsync everysec, unless accepted by name', async () => {
    await redis.config('SET', 'appendfsync', 'everysec');
    await isRefused(/appendfsync everysec.*REDIS_LOG_APPENDFSYNC=everysec \(now: always\)/);
    await isRefused(/appendfsync everysec/, { REDIS_LOG_APPENDFSYNC: 'unknown' });
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'everysec' });
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'no' });
  });

  it('is refused with appendfsync no, when only everysec is accepted', async () => {
    await redis.config('SET', 'appendfsync', 'no');
    await isRefused(/appendfsync no.*REDIS_LOG_APPENDFSYNC=no/, { REDIS_LOG_APPENDFSYNC: 'everysec' });
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'no' });
  });

  it('is refused when it hides the setting, unless accepted as unknown', async () => {
    await redis.call('ACL', 'SETUSER', 'guest', 'on', '>secret', '~*', '&*', '+@all', '-config');
    const { redisUrl } = server.servers;
    const REDIS_URL = redisUrl.replace(/\/\/[^@]*@/, '//guest:secret@');
    await isRefused(/CONFIG is forbidden.*REDIS_LOG_APPENDFSYNC=unknown/, { REDIS_URL });
    await isRefused(/CONFIG is forbidden/, { REDIS_URL, REDIS_LOG_APPENDFSYNC: 'everysec' });
    await isTaken({ REDIS_URL, REDIS_LOG_APPENDFSYNC: 'unknown' });
  });

  it('is refused when it may evict the log, unless accepted by name', async () => {
    await redis.config('SET', 'appendfsync', 'always');
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await isRefused(
      /maxmemory-policy allkeys-lru.*REDIS_LOG_MAXMEMORY_POLICY=allkeys-lru \(now: noeviction\)/,
    );
    await isRefused(/allkeys-lru/, { REDIS_LOG_MAXMEMORY_POLICY: 'volatile-lru' });
    await isTaken({ REDIS_LOG_MAXMEMORY_POLICY: 'allkeys-lru' });
  });

  it('reads its eviction policy from INFO when CONFIG is forbidden, and is refused if that fails too', async () => {
    const { redisUrl } = server.servers;
    const REDIS_URL = redisUrl.replace(/\/\/[^@]*@/, '//guest:secret@');
    const changes = { REDIS_URL, REDIS_LOG_APPENDFSYNC: 'unknown' } as const;
    await isRefused(/maxmemory-policy allkeys-lru/, changes);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await isTaken(changes);
    await redis.call('ACL', 'SETUSER', 'guest', '-info');
    await isRefused(/INFO are forbidden.*REDIS_LOG_MAXMEMORY_POLICY=unknown/, changes);
    await isTaken({ ...changes, REDIS_LOG_MAXMEMORY_POLICY: 'unknown' });
  });

  it('is refused without an append-only file, whatever appendfsync says', async () => {
    await redis.config('SET', 'appendfsync', 'always');
    await redis.config('SET', 'appendonly', 'no');
    await isRefused(/appendonly no.*REDIS_LOG_APPENDFSYNC=off/, { REDIS_LOG_APPENDFSYNC: 'no' });
    await isTaken({ REDIS_LOG_APPENDFSYNC: 'off' });
  });
});
