/**
 * The requirements for a Kafka topic, so that an acknowledged record is kept until it was read, and a writer that was ended
 * stays ended. kafka-topic.ts reads the actual settings.
 */

/** The configuration: a missing topic is created with it, and one that keeps less is refused. */
export interface TopicDurability {
  /** The number of brokers that each have the whole log. */
  readonly replication: number;
  /** How many of them have a record when it is acknowledged. More than `replication` counts as `replication`. */
  readonly minInsyncReplicas: number;
  /** How long records are kept. */
  readonly retentionMs: number;
  /** `accepted`: a broker that lacks acknowledged records may become the leader. */
  readonly uncleanElection: UncleanElection;
}

export const UNCLEAN_ELECTION = ['refused', 'accepted'] as const;
export type UncleanElection = (typeof UNCLEAN_ELECTION)[number];

/**
 * The broker refuses a record with an older time. If it is longer than PRODUCER_ID_EXPIRATION_LEAST_MS allows, a fenced writer
 * could write again once the broker has forgotten it; see kafka-writer.ts. If it is shorter, a gateway whose clock is behind
 * cannot append.
 */
export const TIMESTAMP_BEFORE_MAX_MS = 6 * 3600 * 1000;
/** No setting accepts other values: ../README.md, "Why records carry the writer's time". */
const TIMESTAMP_SETTINGS: Readonly<Record<string, string>> = {
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': String(TIMESTAMP_BEFORE_MAX_MS),
  'message.timestamp.after.max.ms': String(3600 * 1000),
};
/**
 * A fence may carry a time that is TIMESTAMP_BEFORE_MAX_MS old, and the writer it ends is refused because of its own time from
 * 9 hours after its last append on.
 */
const PRODUCER_ID_EXPIRATION_LEAST_MS = 16 * 3600 * 1000;
/** The minimum that can be configured: times may be 6 hours old, and an engine that was away overnight would find nothing. */
export const LEAST_RETENTION_MS = 24 * 3600 * 1000;
const UNLIMITED = '-1';

/** The settings for a new topic. */
export function topicSettings(durability: TopicDurability): Readonly<Record<string, string>> {
  return {
    'min.insync.replicas': String(leastInsync(durability)),
    'unclean.leader.election.enable': 'false',
    'retention.ms': String(durability.retentionMs),
    'retention.bytes': UNLIMITED,
    'cleanup.policy': 'delete',
    ...TIMESTAMP_SETTINGS,
  };
}

export const BROKER_SETTINGS = ['producer.id.expiration.ms'] as const;

function leastInsync({ replication, minInsyncReplicas }: TopicDurability): number {
  return Math.min(replication, minInsyncReplicas);
}

/** The actual topic; settings as in Kafka's DescribeConfigs answer, including its defaults. */
export interface FoundTopic {
  readonly topic: string;
  /** The address of Kafka, for the commands in messages. */
  readonly brokers: string;
  /** The ids of the brokers that are up. */
  readonly brokersUp: readonly number[];
  readonly partitions: readonly PartitionReplicas[];
  readonly settings: ReadonlyMap<string, string>;
}

export interface PartitionReplicas {
  readonly partition: number;
  /** The ids of the partition's brokers, the preferred leader first. */
  readonly replicas: readonly number[];
}

/**
 * Everything that a topic lacks of the configuration, with the commands that fix it and the settings that accept it explicitly;
 * undefined if it lacks nothing.
 */
export function topicFault(found: FoundTopic, wanted: TopicDurability): string | undefined {
  const faults = [replicationFault(found, wanted), settingsFault(found, wanted)].filter(
    fault => fault !== undefined,
  );
  return faults.length === 0 ? undefined : `Kafka's topic ${found.topic} ${faults.join('. It also ')}`;
}

function replicationFault(found: FoundTopic, { replication }: TopicDurability): string | undefined {
  const least = Math.min(...found.partitions.map(({ replicas }) => replicas.length));
  if (least >= replication) return undefined;
  return (
    `is on ${brokersText(least)}, and KAFKA_REPLICATION is ${replication}: ` +
    `acknowledged records would be lost with ${least === 1 ? 'it' : 'them'} ` +
    `(KAFKA_REPLICATION=${least} accepts it explicitly): ${reassignment(found, replication)}`
  );
}

function brokersText(count: number): string {
  return count === 1 ? '1 broker' : `${count} brokers`;
}

/** The command that adds brokers to each partition that has too few, and keeps the existing ones. */
function reassignment({ topic, brokers, brokersUp, partitions }: FoundTopic, replication: number): string {
  const lacking = partitions.filter(({ replicas }) => replicas.length < replication);
  const moves = lacking.map(({ partition, replicas }) => {
    const others = brokersUp.filter(id => !replicas.includes(id));
    // Each partition starts with another broker, so that all brokers get equal shares.
    const from = others.length === 0 ? 0 : partition % others.length;
    const added = [...others.slice(from), ...others.slice(0, from)].slice(0, replication - replicas.length);
    return { topic, partition, replicas: [...replicas, ...added] };
  });
  if (moves.some(({ replicas }) => replicas.length < replication)) {
    return (
      `start the other brokers (${brokersUp.length} of ${replication} are up); the next start then prints the file ` +
      'with which kafka-reassign-partitions.sh moves the partitions'
    );
  }
  return (
    `echo '${JSON.stringify({ version: 1, partitions: moves })}' >replicas.json && kafka-reassign-partitions.sh ` +
    `--bootstrap-server ${brokers} --reassignment-json-file replicas.json --execute fixes it`
  );
}

/** A setting that differs from a new topic's, why that matters, and what accepts it explicitly, if anything may. */
interface SettingRule {
  readonly name: string;
  readonly isEnough: (value: string, wanted: TopicDurability) => boolean;
  readonly why: string;
  readonly acceptedBy?: (value: string, wanted: TopicDurability) => string | undefined;
}

const SETTING_RULES: readonly SettingRule[] = [
  ...Object.entries(TIMESTAMP_SETTINGS).map(([name, right]) => ({
    name,
    isEnough: (value: string) => value === right,
    why: 'a fenced gateway could write again',
  })),
  {
    name: 'min.insync.replicas',
    isEnough: (value, wanted) => Number(value) >= leastInsync(wanted),
    why: 'an acknowledged entry could be on fewer brokers than configured and be lost with them',
    acceptedBy: (value, wanted) =>
      `KAFKA_MIN_INSYNC_REPLICAS=${value} accepts it explicitly (it is ${wanted.minInsyncReplicas})`,
  },
  {
    name: 'unclean.leader.election.enable',
    isEnough: (value, wanted) => value === 'false' || wanted.uncleanElection === 'accepted',
    why: 'a broker that lacks acknowledged entries could become leader: they would be lost, and a fenced gateway could write again',
    acceptedBy: () => 'KAFKA_UNCLEAN_ELECTION=accepted accepts it explicitly',
  },
  {
    name: 'retention.ms',
    isEnough: (value, wanted) => value === UNLIMITED || Number(value) >= wanted.retentionMs,
    why: 'entries that no engine has read could be deleted',
    acceptedBy: (value, wanted) =>
      Number(value) < LEAST_RETENTION_MS
        ? undefined
        : `KAFKA_RETENTION_MS=${value} accepts it explicitly (it is ${wanted.retentionMs})`,
  },
  {
    name: 'retention.bytes',
    isEnough: value => value === UNLIMITED,
    why: 'entries that no engine has read could be deleted, however young',
  },
  {
    name: 'cleanup.policy',
    isEnough: value => value === 'delete',
    why: 'Kafka would refuse records without a key, and none has one',
  },
];

function settingsFault(found: FoundTopic, wanted: TopicDurability): string | undefined {
  const lacking = SETTING_RULES.filter(({ name, isEnough }) => {
    const value = found.settings.get(name);
    return value === undefined || !isEnough(value, wanted);
  });
  if (lacking.length === 0) return undefined;
  const faults = lacking.map(({ name, why, acceptedBy }) => {
    const value = found.settings.get(name);
    if (value === undefined) return `does not report its ${name}, and ${why}`;
    const accepting = acceptedBy?.(value, wanted);
    return `has ${name}=${value}, and ${why}${accepting === undefined ? '' : ` (${accepting})`}`;
  });
  return `${faults.join('; it ')}: ${settingCommand(found, lacking, wanted)} fixes it`;
}

/** Sets what is lacking and nothing else: whatever the topic keeps beyond the configuration stays. */
function settingCommand(
  { topic, brokers }: FoundTopic,
  lacking: readonly SettingRule[],
  wanted: TopicDurability,
): string {
  const right = topicSettings(wanted);
  return (
    `kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${topic} ` +
    `--add-config ${lacking.map(({ name }) => `${name}=${right[name]}`).join(',')}`
  );
}

/** A broker setting that lets a writer that was ended write again; undefined if there is none. */
export function brokerFault(settings: ReadonlyMap<string, string>): string | undefined {
  const value = settings.get('producer.id.expiration.ms');
  if (value !== undefined && Number(value) >= PRODUCER_ID_EXPIRATION_LEAST_MS) return undefined;
  return (
    `Kafka's brokers have producer.id.expiration.ms=${value}, and a fenced gateway could write ` +
    `again; expected ${PRODUCER_ID_EXPIRATION_LEAST_MS} or more (86400000 is the default)`
  );
}
