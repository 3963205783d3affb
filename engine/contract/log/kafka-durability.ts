/**
 * What a Kafka topic must be like, so that an acknowledged record is kept until it was read, and a writer that was ended
 * stays ended. Kept apart from how it is asked for (kafka-topic.ts).
 */

/** What is configured: a missing topic is made so, and one that keeps less is refused. */
export interface TopicDurability {
  /** Brokers that each have the whole log. */
  readonly replication: number;
  /** Of them so many have a record when it is acknowledged. More than `replication` counts as `replication`. */
  readonly minInsyncReplicas: number;
  /** How long records are kept. */
  readonly retentionMs: number;
  /** `accepted`: a broker that lacks acknowledged records may lead the topic. */
  readonly uncleanElection: UncleanElection;
}

export const UNCLEAN_ELECTION = ['refused', 'accepted'] as const;
export type UncleanElection = (typeof UNCLEAN_ELECTION)[number];

/**
 * The broker refuses a record whose time lies further back. Longer than PRODUCER_ID_EXPIRATION_LEAST_MS allows, and a
 * writer that was fenced could write again when the broker has forgotten it; see kafka-writer.ts. Shorter, and a
 * gateway whose clock is behind cannot append.
 */
export const TIMESTAMP_BEFORE_MAX_MS = 6 * 3600 * 1000;
/** No setting accepts others: README.md, "Why records carry the writer's time". */
const TIMESTAMP_SETTINGS: Readonly<Record<string, string>> = {
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': String(TIMESTAMP_BEFORE_MAX_MS),
  'message.timestamp.after.max.ms': String(3600 * 1000),
};
/**
 * A fence may carry a time that is TIMESTAMP_BEFORE_MAX_MS old, and what it has ended is refused for its own time from 9
 * hours after its last append on.
 */
const PRODUCER_ID_EXPIRATION_LEAST_MS = 16 * 3600 * 1000;
const UNLIMITED = '-1';

/** The settings a topic is made with. */
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

/** What a topic is found to be like; settings as Kafka's DescribeConfigs answers them, its own defaults included. */
export interface FoundTopic {
  readonly topic: string;
  /** How to reach Kafka, for the commands that messages name. */
  readonly brokers: string;
  /** The least that one of its partitions has. */
  readonly replicas: number;
  readonly settings: ReadonlyMap<string, string>;
}

/** What a topic lacks of what is configured, with what sets it right or accepts it; undefined when it lacks nothing. */
export function topicFault(found: FoundTopic, wanted: TopicDurability): string | undefined {
  return replicationFault(found, wanted) ?? settingFault(found, wanted);
}

function replicationFault(found: FoundTopic, { replication }: TopicDurability): string | undefined {
  const { topic, brokers, replicas } = found;
  if (replicas >= replication) return undefined;
  return (
    `Kafka's topic ${topic} is on ${brokersText(replicas)}, and KAFKA_REPLICATION is ${replication}: ` +
    `what is acknowledged would be lost with ${replicas === 1 ? 'it' : 'them'}. ` +
    `kafka-reassign-partitions.sh --bootstrap-server ${brokers} --execute --reassignment-json-file FILE, with ` +
    `${brokersText(replication)} for each partition in FILE, sets it right; KAFKA_REPLICATION=${replicas} accepts it by name`
  );
}

function brokersText(count: number): string {
  return count === 1 ? '1 broker' : `${count} brokers`;
}

/** A setting that is not as the topic would be made, why that matters, and what accepts it by name, if anything may. */
interface SettingRule {
  readonly name: string;
  readonly isEnough: (value: string, wanted: TopicDurability) => boolean;
  readonly why: string;
  readonly acceptedBy?: (value: string, wanted: TopicDurability) => string;
}

const SETTING_RULES: readonly SettingRule[] = [
  ...Object.entries(TIMESTAMP_SETTINGS).map(([name, right]) => ({
    name,
    isEnough: (value: string) => value === right,
    why: 'a gateway that was ended could write again',
  })),
  {
    name: 'min.insync.replicas',
    isEnough: (value, wanted) => Number(value) >= leastInsync(wanted),
    why: 'an acknowledged entry could be on fewer brokers than configured, and be lost with them',
    acceptedBy: (value, wanted) =>
      `KAFKA_MIN_INSYNC_REPLICAS=${value} accepts it by name (it is ${wanted.minInsyncReplicas})`,
  },
  {
    name: 'unclean.leader.election.enable',
    isEnough: (value, wanted) => value === 'false' || wanted.uncleanElection === 'accepted',
    why: 'a broker that lacks acknowledged entries could lead, and they would be lost',
    acceptedBy: () => 'KAFKA_UNCLEAN_ELECTION=accepted accepts it by name',
  },
  {
    name: 'retention.ms',
    isEnough: (value, wanted) => value === UNLIMITED || Number(value) >= wanted.retentionMs,
    why: 'entries that no engine has read could be deleted',
    acceptedBy: (value, wanted) =>
      `KAFKA_RETENTION_MS=${value} accepts it by name, from a day on (it is ${wanted.retentionMs})`,
  },
  {
    name: 'retention.bytes',
    isEnough: value => value === UNLIMITED,
    why: 'entries that no engine has read could be deleted, however young',
  },
  {
    name: 'cleanup.policy',
    isEnough: value => value === 'delete',
    why: 'Kafka would refuse records without a key, which are all of them',
  },
];

function settingFault(found: FoundTopic, wanted: TopicDurability): string | undefined {
  const { topic, settings } = found;
  for (const { name, isEnough, why, acceptedBy } of SETTING_RULES) {
    const value = settings.get(name);
    if (value !== undefined && isEnough(value, wanted)) continue;
    const has = value === undefined ? `does not tell its ${name}` : `has ${name}=${value}`;
    const accepting = value === undefined || acceptedBy === undefined ? '' : `; ${acceptedBy(value, wanted)}`;
    return `Kafka's topic ${topic} ${has}, and ${why}: ${settingCommand(found, wanted)} sets it right${accepting}`;
  }
  return undefined;
}

function settingCommand({ topic, brokers }: FoundTopic, wanted: TopicDurability): string {
  const settings = Object.entries(topicSettings(wanted)).map(([name, value]) => `${name}=${value}`);
  return (
    `kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${topic} ` +
    `--add-config ${settings.join(',')}`
  );
}

/** What a broker is set to that lets a writer that was ended write again; undefined when nothing does. */
export function brokerFault(settings: ReadonlyMap<string, string>): string | undefined {
  const value = settings.get('producer.id.expiration.ms');
  if (value !== undefined && Number(value) >= PRODUCER_ID_EXPIRATION_LEAST_MS) return undefined;
  return (
    `Kafka's brokers have producer.id.expiration.ms=${value}, and a gateway that was ended could write ` +
    `again; ${PRODUCER_ID_EXPIRATION_LEAST_MS} or more would be right (86400000 is the default)`
  );
}
