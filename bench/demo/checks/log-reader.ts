/** Reads the whole log from its beginning, without the engine's consumer and without the offsets in the ledger. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { topicOf } from '../../../engine/contract/log/kafka/kafka-topic.ts';
import { keysOf } from '../../../engine/contract/redis/keys.ts';
import { connectRedis, type RedisClient, waitForRedis } from '../../../engine/contract/redis/redis.ts';
import type { StackEnv } from '../../../engine/stack/stack.ts';

/** Records as they are in the log, by partition. */
export type LogRecords = ReadonlyMap<number, readonly Buffer[]>;

const OPEN_TIMEOUT_MS = 15_000;
const READ_TIMEOUT_MS = 60_000;
const RECORDS_A_READ = 1_000;

/**
 * Makes sure that the whole log can be read at the end; to be called before anything is written. Kafka keeps it by itself.
 * Redis streams are trimmed behind the ledger, whole nodes at a time, never the node being written: with nodes of unlimited
 * size nothing is trimmed. Appending to a large node is slower, so this suits short logs only.
 */
export async function keepWholeLog(env: StackEnv): Promise<void> {
  if (env.LOG !== 'redis') return;
  await withRedis(env.REDIS_URL, async redis => {
    await redis.config('SET', 'stream-node-max-bytes', '0');
    await redis.config('SET', 'stream-node-max-entries', '0');
  });
}

/** All records in the log so far. Rejects when it cannot be read. */
export function readLog(env: StackEnv, namespace: string, partitions: number): Promise<LogRecords> {
  return env.LOG === 'kafka'
    ? readKafka(env.KAFKA_BROKERS ?? '', topicOf(namespace))
    : withRedis(env.REDIS_URL, redis => readStreams(redis, namespace, partitions));
}

async function withRedis<T>(url: string, work: (redis: RedisClient) => Promise<T>): Promise<T> {
  const redis = connectRedis(url, { commandTimeoutMs: READ_TIMEOUT_MS, onError: () => undefined });
  try {
    await waitForRedis(redis, OPEN_TIMEOUT_MS);
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

async function readStreams(redis: RedisClient, namespace: string, partitions: number): Promise<LogRecords> {
  const records = new Map<number, Buffer[]>();
  for (let partition = 0; partition < partitions; partition++) {
    const own: Buffer[] = [];
    records.set(partition, own);
    const stream = keysOf(namespace).logPartition(partition);
    for (let from = '-'; ; ) {
      const found = await redis.xrangeBuffer(stream, from, '+', 'COUNT', RECORDS_A_READ);
      for (const [, fields] of found) own.push(fields[1] ?? Buffer.alloc(0));
      const last = found.at(-1)?.[0];
      if (last === undefined) break;
      from = `(${last.toString('latin1')}`;
    }
  }
  return records;
}

/** A consumer in a group of its own reads every partition up to its end at the time of the call. */
async function readKafka(brokers: string, topic: string): Promise<LogRecords> {
  const kafka = new Kafka({
    clientId: 'fairline demo',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
  });
  const left = await endsOf(kafka, topic);
  const records = new Map<number, Buffer[]>();
  const consumer = kafka.consumer({ groupId: `demo-${randomUUID()}` });
  const take = (partition: number, offset: number, value: Buffer): void => {
    const end = left.get(partition);
    if (end === undefined) return;
    const own = records.get(partition) ?? [];
    records.set(partition, own);
    own.push(value);
    if (offset + 1 >= end) left.delete(partition);
  };
  let late: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      late = setTimeout(() => reject(new Error('the log could not be read to its end')), READ_TIMEOUT_MS);
      if (left.size === 0) resolve();
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            take(partition, Number(message.offset), message.value ?? Buffer.alloc(0));
            if (left.size === 0) resolve();
          },
        })
        .catch(reject);
    });
    return records;
  } finally {
    clearTimeout(late);
    await consumer.disconnect();
  }
}

/** The offsets behind the last record of each partition that is not empty. */
async function endsOf(kafka: Kafka, topic: string): Promise<Map<number, number>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    return new Map(
      offsets
        .filter(({ high, low }) => Number(high) > Number(low))
        .map(({ partition, high }) => [partition, Number(high)]),
    );
  } finally {
    await admin.disconnect();
  }
}
