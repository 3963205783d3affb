/**
 * The usual way to build this, built well: Fastify with schemas, ioredis with automatic pipelining, kafkajs. A request
 * costs one send to Kafka that is acknowledged by all replicas, one ZADD and one ZRANK; its answer comes after all three.
 * Positions are by arrival at this process, provisional for ever, and nothing is settled.
 *
 * Run alone: `REDIS_URL=… KAFKA_BROKERS=… TICKET_SECRET=… node --import tsx bench/peers/idiomatic.ts`. Further:
 * `TICKET_AUDIENCE` (fairline), `PORT` (a free one), `LOG=redis` for one XADD in place of the send, `PREFIX` (idiomatic) of
 * its topic and keys, which are not deleted.
 */
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Redis } from 'ioredis';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { announce } from './lifecycle.ts';
import { ticketCheck, userOf } from './ticket-check.ts';

declare module 'fastify' {
  interface FastifyRequest {
    user: string;
  }
}

/** As many as the gateways of a small fleet would have. */
const PARTITIONS = 4;

const {
  REDIS_URL = 'redis://127.0.0.1:6379',
  KAFKA_BROKERS = '127.0.0.1:9092',
  TICKET_SECRET,
  TICKET_AUDIENCE = 'fairline',
  PORT = '0',
  LOG = 'kafka',
  PREFIX = 'idiomatic',
} = process.env;

/** Makes one request durable; resolves when it is. */
type Append = (campaign: number, user: string, atMs: number) => Promise<unknown>;

interface Log {
  readonly append: Append;
  close(): Promise<void>;
}

async function kafkaLog(): Promise<Log> {
  const topic = `${PREFIX}-entries`;
  const kafka = new Kafka({ clientId: PREFIX, brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return {
    append: (campaign, user, atMs) =>
      producer.send({
        topic,
        acks: -1,
        messages: [{ key: user, value: JSON.stringify({ campaign, user, atMs }) }],
      }),
    close: () => producer.disconnect(),
  };
}

function redisLog(redis: Redis): Log {
  return {
    append: (campaign, user, atMs) =>
      redis.xadd(`${PREFIX}:log:${campaign}`, '*', 'user', user, 'atMs', atMs),
    close: async () => {},
  };
}

async function main(secret: string): Promise<void> {
  const check = ticketCheck(secret, TICKET_AUDIENCE);
  const redis = new Redis(REDIS_URL, { enableAutoPipelining: true });
  await redis.ping();
  const log = LOG === 'redis' ? redisLog(redis) : await kafkaLog();

  const authenticate = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { authorization = '' } = request.headers;
    const user = authorization.startsWith('Bearer ')
      ? userOf(check, authorization.slice(7), Date.now())
      : undefined;
    if (user === undefined) return reply.code(401).send({ error: 'a valid ticket is needed' });
    request.user = user;
    return undefined;
  };

  const app = Fastify({ logger: false });
  app.decorateRequest('user', '');
  app.post<{ Params: { campaign: number } }>(
    '/v1/campaigns/:campaign/entries',
    {
      onRequest: authenticate,
      schema: {
        params: {
          type: 'object',
          properties: { campaign: { type: 'integer', minimum: 1 } },
          required: ['campaign'],
        },
        response: {
          202: {
            type: 'object',
            properties: { campaign: { type: 'integer' }, position: { type: 'integer' } },
            required: ['campaign', 'position'],
          },
        },
      },
    },
    async (request, reply) => {
      const { campaign } = request.params;
      const { user } = request;
      const atMs = Date.now();
      await log.append(campaign, user, atMs);
      const key = `${PREFIX}:queue:${campaign}`;
      const [, rank] = await Promise.all([redis.zadd(key, 'NX', atMs, user), redis.zrank(key, user)]);
      reply.code(202);
      return { campaign, position: (rank ?? 0) + 1 };
    },
  );
  await app.listen({ host: '127.0.0.1', port: Number(PORT) });
  announce(app.addresses()[0]?.port ?? 0, async () => {
    await app.close();
    await log.close();
    redis.disconnect();
  });
}

if (TICKET_SECRET === undefined) {
  console.error('TICKET_SECRET is not set: it must be the secret that the tickets are signed with');
  process.exit(1);
}
await main(TICKET_SECRET);
