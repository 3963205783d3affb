import type { Logger } from 'pino';
import { oneOf, type SharedConfig } from '../config.ts';
import { openKafkaConsumer } from './kafka-consumer.ts';
import { openKafkaFencing, openKafkaProducer } from './kafka-producer.ts';
import { topicOf } from './kafka-topic.ts';
import type { LogConsumer, LogFencing, LogProducer } from './log.ts';
import type { PartitionOwnership } from './owning.ts';
import { APPENDFSYNC, type Appendfsync } from './redis-durability.ts';
import { openRedisFencing, openRedisProducer } from './redis-producer.ts';
import { openRedisConsumer } from './redis-streams.ts';

export const logVariables = {
  /** Accepts by name a Redis log that answers before an append is on disk. */
  REDIS_LOG_APPENDFSYNC: oneOf('always', ...APPENDFSYNC),
} as const;

export type LogConfig = Pick<
  SharedConfig,
  'REDIS_URL' | 'LOG' | 'KAFKA_BROKERS' | 'NAMESPACE' | 'LOG_PARTITIONS'
> & { readonly REDIS_LOG_APPENDFSYNC: Appendfsync };

/** Longer than a slow fsync or the move of a leader; shorter than what a person waits for an answer. */
const APPEND_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 3_000;

/**
 * The gateway's end of the log. Rejects when its server is not there within 15 s, when a Kafka topic has another
 * number of partitions or is not safe to fence in, and when a Redis does not put each append on disk and that is not
 * accepted by name.
 */
export function openProducer(config: LogConfig, log: Logger): Promise<LogProducer> {
  return config.LOG === 'kafka'
    ? openKafkaProducer(kafkaAppending(config, log))
    : openRedisProducer(redisAppending(config, log));
}

/** The engine's end of the log that appends; rejects as `openProducer` does. */
export function openFencing(config: LogConfig, log: Logger): Promise<LogFencing> {
  return config.LOG === 'kafka'
    ? openKafkaFencing(kafkaAppending(config, log))
    : openRedisFencing(redisAppending(config, log));
}

/** The end of the log that reads. Rejects when its server is not there within 15 s. */
export function openConsumer(
  config: LogConfig,
  log: Logger,
  ownership: PartitionOwnership,
): Promise<LogConsumer> {
  return config.LOG === 'kafka'
    ? openKafkaConsumer({ ...kafkaOptions(config, log), groups: `${config.NAMESPACE}.engine` }, ownership)
    : openRedisConsumer(redisOptions(config, log), ownership);
}

function kafkaAppending(config: LogConfig, log: Logger) {
  return { ...kafkaOptions(config, log), appendTimeoutMs: APPEND_TIMEOUT_MS };
}

function redisAppending(config: LogConfig, log: Logger) {
  return {
    ...redisOptions(config, log),
    appendTimeoutMs: REQUEST_TIMEOUT_MS,
    acceptAppendfsync: config.REDIS_LOG_APPENDFSYNC,
  };
}

function kafkaOptions(config: LogConfig, log: Logger) {
  return {
    brokers: config.KAFKA_BROKERS,
    topic: topicOf(config.NAMESPACE),
    partitions: config.LOG_PARTITIONS,
    log,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  };
}

function redisOptions(config: LogConfig, log: Logger) {
  return { urls: config.REDIS_URL, namespace: config.NAMESPACE, partitions: config.LOG_PARTITIONS, log };
}
