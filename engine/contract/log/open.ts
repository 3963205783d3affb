import type { Logger } from 'pino';
import { oneOf, type SharedConfig, whole } from '../process/config.ts';
import { openKafkaConsumer } from './kafka/kafka-consumer.ts';
import { LEAST_RETENTION_MS, UNCLEAN_ELECTION, type UncleanElection } from './kafka/kafka-durability.ts';
import { openKafkaFencing, openKafkaProducer } from './kafka/kafka-producer.ts';
import { topicOf } from './kafka/kafka-topic.ts';
import type { LogConsumer, LogFencing, LogProducer } from './log.ts';
import type { PartitionOwnership } from './owning.ts';
import {
  APPENDFSYNC,
  type Appendfsync,
  MAXMEMORY_POLICIES,
  type MaxmemoryPolicy,
} from './redis/redis-durability.ts';
import { openRedisFencing, openRedisProducer } from './redis/redis-producer.ts';
import { openRedisConsumer } from './redis/redis-streams.ts';

const DAY_MS = 24 * 3600 * 1000;

export const logVariables = {
  /** Accepts by name a Redis log that answers before an append is on disk. */
  REDIS_LOG_APPENDFSYNC: oneOf('always', ...APPENDFSYNC),
  /** Accepts by name a Redis log that takes keys away when memory is short: the log is keys. */
  REDIS_LOG_MAXMEMORY_POLICY: oneOf('noeviction', ...MAXMEMORY_POLICIES),
  /** On how many brokers the topic is; 1 where there is one. Fewer: the loss of as many loses entries that were answered 202. */
  KAFKA_REPLICATION: whole(3, 1, 32),
  /** How many brokers have a record when it is acknowledged. 1 with several replicas: the loss of one machine may lose entries. */
  KAFKA_MIN_INSYNC_REPLICAS: whole(2, 1, 32),
  /** Accepts by name a topic that a broker may lead which lacks acknowledged entries. */
  KAFKA_UNCLEAN_ELECTION: oneOf('refused', ...UNCLEAN_ELECTION),
  /** How long engines may be gone before the log has lost what they did not read. */
  KAFKA_RETENTION_MS: whole(7 * DAY_MS, LEAST_RETENTION_MS, 10_000 * DAY_MS),
  /** Accepts by name a Redis log on a Cluster, where a failover loses entries that were answered with 202. */
  REDIS_LOG_CLUSTER: oneOf('refused', 'refused', 'accepted'),
} as const;

export type LogConfig = Pick<
  SharedConfig,
  'REDIS_URL' | 'LOG' | 'KAFKA_BROKERS' | 'NAMESPACE' | 'LOG_PARTITIONS'
> & {
  readonly REDIS_LOG_APPENDFSYNC: Appendfsync;
  readonly REDIS_LOG_MAXMEMORY_POLICY: MaxmemoryPolicy;
  readonly REDIS_LOG_CLUSTER: 'refused' | 'accepted';
  readonly KAFKA_REPLICATION: number;
  readonly KAFKA_MIN_INSYNC_REPLICAS: number;
  readonly KAFKA_UNCLEAN_ELECTION: UncleanElection;
  readonly KAFKA_RETENTION_MS: number;
};

/** Longer than a slow fsync or the move of a leader; shorter than what a person waits for an answer. */
const APPEND_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 3_000;

/**
 * The gateway's end of the log. Rejects when its server is not there within 15 s, when a Kafka topic has another
 * number of partitions, is not safe to fence in or keeps less than what is configured, and when a Redis does not put each
 * append on disk, may evict the log or is a Cluster, and that is not accepted by name.
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

/** The end of the log that reads. Rejects when its server is not there within 15 s, or a Kafka topic as `openProducer` does. */
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
    accepted: {
      appendfsync: config.REDIS_LOG_APPENDFSYNC,
      maxmemoryPolicy: config.REDIS_LOG_MAXMEMORY_POLICY,
    },
    acceptCluster: config.REDIS_LOG_CLUSTER === 'accepted',
  };
}

function kafkaOptions(config: LogConfig, log: Logger) {
  return {
    brokers: config.KAFKA_BROKERS,
    topic: topicOf(config.NAMESPACE),
    partitions: config.LOG_PARTITIONS,
    durability: {
      replication: config.KAFKA_REPLICATION,
      minInsyncReplicas: config.KAFKA_MIN_INSYNC_REPLICAS,
      uncleanElection: config.KAFKA_UNCLEAN_ELECTION,
      retentionMs: config.KAFKA_RETENTION_MS,
    },
    log,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  };
}

function redisOptions(config: LogConfig, log: Logger) {
  return { urls: config.REDIS_URL, namespace: config.NAMESPACE, partitions: config.LOG_PARTITIONS, log };
}
