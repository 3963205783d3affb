import kafkajs, { type Admin } from 'kafkajs';
import { backoffMs, messageOf, pause, within } from './backoff.ts';
import { KafkaClient, type KafkaOptions } from './kafka-client.ts';
import {
  BROKER_SETTINGS,
  brokerFault,
  type TopicDurability,
  topicFault,
  topicSettings,
} from './kafka-durability.ts';

const RETRIES = 2;
const OPEN_TIMEOUT_MS = 15_000;

/** The topic's own name: it keeps several fairlines on one Kafka apart. */
export function topicOf(namespace: string): string {
  return `${namespace}.slices`;
}

export interface TopicOptions extends KafkaOptions {
  readonly durability: TopicDurability;
}

/**
 * Creates the topic where it is missing, as it is configured and never as the brokers allow that happen to be up, and
 * answers the id of the cluster. Rejects when that has not succeeded within 15 s, and at once when the topic has another
 * number of partitions (gateways would then not agree on "one gateway, one partition") or keeps less than what is
 * configured.
 */
export async function ensureTopic(options: TopicOptions): Promise<string> {
  const until = performance.now() + OPEN_TIMEOUT_MS;
  const patience = AbortSignal.timeout(OPEN_TIMEOUT_MS);
  let reason: unknown;
  for (let failures = 0; ; failures += 1) {
    // A new client for each try: the topic that another process has just created is not known to all brokers at once.
    const client = new KafkaClient(options, RETRIES);
    try {
      return await within(
        Math.max(1, until - performance.now()),
        createWhereMissing(client.kafka.admin(), options),
        () => new Error(`no answer within ${OPEN_TIMEOUT_MS} ms`),
      );
    } catch (error) {
      if (error instanceof WrongTopic) throw error;
      // The last try is cut off by the time that is over, and what failed before it says more.
      const isOver = patience.aborted || performance.now() >= until;
      reason = isOver ? (reason ?? error) : error;
      if (isOver) {
        throw new Error(`KAFKA_BROKERS (${options.brokers}): ${messageOf(reason)}`, { cause: reason });
      }
    } finally {
      client.end();
    }
    await pause(backoffMs(failures), patience);
  }
}

class WrongTopic extends Error {}

async function createWhereMissing(admin: Admin, options: TopicOptions): Promise<string> {
  const { topic, partitions } = options;
  await admin.connect();
  const { brokers, clusterId } = await admin.describeCluster();
  if (!(await admin.listTopics()).includes(topic)) await create(admin, options, brokers.length);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const layout = topics.find(({ name }) => name === topic)?.partitions ?? [];
  const found = layout.length;
  if (found === 0) throw new Error(`the topic ${topic} is not there yet`);
  if (found !== partitions) {
    throw new WrongTopic(
      `LOG_PARTITIONS is ${partitions}, but Kafka's topic ${topic} has ${found} partitions; ` +
        `LOG_PARTITIONS=${found} would be right, or another NAMESPACE`,
    );
  }
  const settings = await settingsOf(admin, topic, brokers);
  const replicas = Math.min(...layout.map(partition => partition.replicas.length));
  const fault =
    topicFault({ topic, brokers: options.brokers, replicas, settings: settings.topic }, options.durability) ??
    settings.brokers.map(brokerFault).find(each => each !== undefined);
  if (fault !== undefined) throw new WrongTopic(fault);
  return clusterId;
}

/** Throws while fewer brokers are up than the topic is to be on: they may yet come. */
async function create(admin: Admin, options: TopicOptions, brokersUp: number): Promise<void> {
  const { topic, partitions, durability, log } = options;
  const { replication } = durability;
  if (brokersUp < replication) {
    throw new Error(
      `the topic ${topic} is to be made, KAFKA_REPLICATION is ${replication}, and the brokers that are up are ` +
        `${brokersUp}: start the others, or set KAFKA_REPLICATION=${brokersUp}, and a broker's loss loses entries sooner`,
    );
  }
  const created = await admin.createTopics({
    topics: [
      {
        topic,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries(topicSettings(durability)).map(([name, value]) => ({ name, value })),
      },
    ],
  });
  if (created) log.info({ topic, partitions, replication }, 'the topic was created');
}

type Settings = ReadonlyMap<string, string>;

/** What is in effect of the topic, and of each broker. */
async function settingsOf(
  admin: Admin,
  topic: string,
  brokers: readonly { readonly nodeId: number }[],
): Promise<{ readonly topic: Settings; readonly brokers: readonly Settings[] }> {
  const { TOPIC, BROKER } = kafkajs.ConfigResourceTypes;
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      { type: TOPIC, name: topic },
      ...brokers.map(({ nodeId }) => ({
        type: BROKER,
        name: String(nodeId),
        configNames: [...BROKER_SETTINGS],
      })),
    ],
  });
  const ofType = (type: number): readonly Settings[] =>
    resources
      .filter(({ resourceType }) => resourceType === type)
      .map(
        ({ configEntries }) =>
          new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      );
  return { topic: ofType(TOPIC)[0] ?? new Map(), brokers: ofType(BROKER) };
}
