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
  /** Explicitly accepts a Redis log that answers before an append is on disk. */
  REDIS_LOG_APPENDFSYNC: oneOf('always', ...APPENDFSYNC),
  /** Explicitly accepts a Redis log that evicts keys when memory is short: the log consists of keys. */
  REDIS_LOG_MAXMEMORY_POLICY: oneOf('noeviction', ...MAXMEMORY_POLICIES),
  /**
   * The number of brokers that have the topic; 1 if there is only one. Losing as many brokers loses entries that were answered
   * with 202.
   */
  KAFKA_REPLICATION: whole(3, 1, 32),
  /**
   * How many brokers have a record when it is acknowledged. With 1 and several replicas, the loss of one machine may lose
   * entries.
   */
  KAFKA_MIN_INSYNC_REPLICAS: whole(2, 1, 32),
  /** Explicitly accepts that a broker that lacks acknowledged entries may become the topic's leader. */
  KAFKA_UNCLEAN_ELECTION: oneOf('refused', ...UNCLEAN_ELECTION),
  /** How long engines may be down before the log loses records that they have not read. */
  KAFKA_RETENTION_MS: whole(7 * DAY_MS, LEAST_RETENTION_MS, 10_000 * DAY_MS),
  /** Explicitly accepts a Redis log on a Cluster, where a failover loses entries that were answered with 202. */
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

/** Longer than a slow fsync or the move of a leader; shorter than a user waits for an answer. */
const APPEND_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 3_000;

/**
 * The gateway's end of the log. Rejects if its server is not available within 15 s; if a Kafka topic has another number of
 * partitions, does not allow safe fencing or keeps less than configured; and if a Redis does not write each append to disk, may
 * evict the log or is a Cluster, unless that is explicitly accepted.
 */
export function openProducer(config: LogConfig, log: Logger): Promise<LogProducer> {
  return config.LOG === 'kafka'
    ? openKafkaProducer(kafkaAppending(config, log))
    : openRedisProducer(redisAppending(config, log));
}

/** The engine's appending end of the log; rejects like `openProducer`. */
export function openFencing(config: LogConfig, log: Logger): Promise<LogFencing> {
  return config.LOG === 'kafka'
    ? openKafkaFencing(kafkaAppending(config, log))
    : openRedisFencing(redisAppending(config, log));
}

/** The reading end of the log. Rejects if its server is not available within 15 s, or for a Kafka topic like `openProducer`. */
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
