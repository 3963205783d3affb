import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { availableLogs, serversFromEnv, testNamespace } from '../../engine/test/support.ts';
import { runLoad } from '../load/generator.ts';
import { jobFor } from '../load/testing/job.ts';
import { TICKET } from '../load/testing/raw-server.ts';
import { startPeer } from './process.ts';

const USERS = 300;

/** The number of messages in the topic, which is deleted. */
async function countAndDrop(brokers: string, topic: string): Promise<number> {
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    await admin.deleteTopics({ topics: [topic] });
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}

suite('the idiomatic peer', () => {
  for (const log of availableLogs()) {
    test(`logs and ranks every request once, on ${log}`, async () => {
      const { redisUrl, kafkaBrokers } = serversFromEnv();
      const prefix = testNamespace();
      const queue = `${prefix}:queue:7`;
      const stream = `${prefix}:log:7`;
      const peer = await startPeer('idiomatic', {
        REDIS_URL: redisUrl,
        KAFKA_BROKERS: kafkaBrokers,
        TICKET_SECRET: TICKET.secret,
        TICKET_AUDIENCE: TICKET.audience,
        LOG: log,
        PREFIX: prefix,
      });
      const redis = new Redis(redisUrl);
      try {
        const expect = { campaign: 7, position: true };
        const { result, record } = await runLoad(jobFor(peer.base, USERS, { expect }));
        assert.deepEqual(result.byStatus, { 202: USERS });
        assert.deepEqual(result.errors, {});
        for (const { position = 0 } of record.rows()) assert.ok(position >= 1 && position <= USERS);
        assert.equal(await redis.zcard(queue), USERS);

        const forged = { ...TICKET, secret: 'a secret of somebody else' };
        const refused = await runLoad(jobFor(peer.base, 10, { ticket: forged }));
        assert.deepEqual(refused.result.byStatus, { 401: 10 });
        assert.equal(await redis.zcard(queue), USERS);

        const logged =
          kafkaBrokers !== undefined && log === 'kafka'
            ? await countAndDrop(kafkaBrokers, `${prefix}-entries`)
            : await redis.xlen(stream);
        assert.equal(logged, USERS);
      } finally {
        await redis.del(queue, stream);
        redis.disconnect();
        await peer.stop();
      }
    });
  }

  test('refuses to start without a secret', async () => {
    await assert.rejects(startPeer('idiomatic', { TICKET_SECRET: undefined }), /TICKET_SECRET is not set/);
  });
});
