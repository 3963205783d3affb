import kafkajs, { type Admin } from 'kafkajs';
import { backoffMs, messageOf, pause, within } from './backoff.ts';
import { KafkaClient, type KafkaOptions } from './kafka-client.ts';

/** What has not been read within a week will not be: the ledger is far ahead of it. Also how long an engine may be gone. */
const RETENTION_MS = 7 * 24 * 3600 * 1000;
/**
 * The broker refuses a record whose time lies further back. Longer than PRODUCER_ID_EXPIRATION_LEAST_MS allows, and a
 * writer that was fenced could write again when the broker has forgotten it; see kafka-writer.ts. Shorter, and a
 * gateway whose clock is behind cannot append.
 */
export const TIMESTAMP_BEFORE_MAX_MS = 6 * 3600 * 1000;
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
const MAX_REPLICAS = 3;
const RETRIES = 2;
const OPEN_TIMEOUT_MS = 15_000;

/** The topic's own name: it keeps several fairlines on one Kafka apart. */
export function topicOf(namespace: string): string {
  return `${namespace}.slices`;
}

/**
 * Creates the topic where it is missing, and answers the id of the cluster. Rejects when that has not succeeded within
 * 15 s, and at once when the topic has another number of partitions (gateways would then not agree on "one gateway, one
 * partition") or lets a writer that was ended write again one day.
 */
export async function ensureTopic(options: KafkaOptions): Promise<string> {
  const until = performance.now() + OPEN_TIMEOUT_MS;
  const patience = AbortSignal.timeout(OPEN_TIMEOUT_MS);
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
      if (patience.aborted || performance.now() >= until) {
        throw new Error(`KAFKA_BROKERS (${options.brokers}): ${messageOf(error)}`, { cause: error });
      }
    } finally {
      client.end();
    }
    await pause(backoffMs(failures), patience);
  }
}

class WrongTopic extends Error {}

async function createWhereMissing(admin: Admin, options: KafkaOptions): Promise<string> {
  const { topic, partitions, log } = options;
  await admin.connect();
  const { brokers, clusterId } = await admin.describeCluster();
  if (!(await admin.listTopics()).includes(topic)) {
    const replicas = Math.min(MAX_REPLICAS, brokers.length);
    const created = await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: partitions,
          replicationFactor: replicas,
          configEntries: [
            { name: 'retention.ms', value: String(RETENTION_MS) },
            // With three replicas one may be lost without the door closing, and two hold every acknowledged record.
            { name: 'min.insync.replicas', value: String(Math.max(1, replicas - 1)) },
            ...Object.entries(TIMESTAMP_SETTINGS).map(([name, value]) => ({ name, value })),
          ],
        },
      ],
    });
    if (created) log.info({ topic, partitions, replicas }, 'the topic was created');
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const found = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
  if (found === 0) throw new Error(`the topic ${topic} is not there yet`);
  if (found !== partitions) {
    throw new WrongTopic(
      `LOG_PARTITIONS is ${partitions}, but Kafka's topic ${topic} has ${found} partitions; ` +
        `LOG_PARTITIONS=${found} would be right, or another NAMESPACE`,
    );
  }
  await checkSettings(admin, topic, brokers);
  return clusterId;
}

/** What the safety of fences rests on; see kafka-writer.ts. */
async function checkSettings(
  admin: Admin,
  topic: string,
  brokers: readonly { readonly nodeId: number }[],
): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: Object.keys(TIMESTAMP_SETTINGS) },
      ...brokers.map(({ nodeId }) => ({
        type: kafkajs.ConfigResourceTypes.BROKER,
        name: String(nodeId),
        configNames: ['producer.id.expiration.ms'],
      })),
    ],
  });
  for (const { configEntries } of resources) {
    for (const { configName, configValue } of configEntries) {
      const wanted = TIMESTAMP_SETTINGS[configName];
      if (wanted !== undefined && configValue !== wanted) {
        throw new WrongTopic(
          `Kafka's topic ${topic} has ${configName}=${configValue}, and a gateway that was ended could write again: ` +
            `kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name ${topic} ` +
            `--add-config ${settingsText()} sets it right`,
        );
      }
      if (
        configName === 'producer.id.expiration.ms' &&
        Number(configValue) < PRODUCER_ID_EXPIRATION_LEAST_MS
      ) {
        throw new WrongTopic(
          `Kafka's brokers have producer.id.expiration.ms=${configValue}, and a gateway that was ended could write ` +
            `again; ${PRODUCER_ID_EXPIRATION_LEAST_MS} or more would be right (86400000 is the default)`,
        );
      }
    }
  }
}

function settingsText(): string {
  return Object.entries(TIMESTAMP_SETTINGS)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
