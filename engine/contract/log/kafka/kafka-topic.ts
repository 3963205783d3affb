import kafkajs, { type Admin } from 'kafkajs';
import { messageOf } from '../../process/message-of.ts';
import { withTimeout } from '../../process/with-timeout.ts';
import { backoffMs, pause } from '../backoff.ts';
import { KafkaClient, type KafkaOptions } from './kafka-client.ts';
import { createTopic } from './kafka-create.ts';
import {
  BROKER_SETTINGS,
  brokerFault,
  type TopicDurability,
  topicFault,
  topicSettings,
} from './kafka-durability.ts';
import { askMetadata, type TopicMetadata, UNKNOWN_TOPIC } from './kafka-metadata.ts';

const RETRIES = 2;
const OPEN_TIMEOUT_MS = 15_000;

/** The topic's name, which separates several fairlines on one Kafka. */
export function topicOf(namespace: string): string {
  return `${namespace}.slices`;
}

export interface TopicOptions extends KafkaOptions {
  readonly durability: TopicDurability;
}

/**
 * Creates the topic if it is missing, exactly as configured, however many brokers happen to be up, and returns the id of the
 * cluster. Rejects if that has not succeeded within 15 s; and at once if the topic has another number of partitions (gateways
 * would then not agree on "one gateway, one partition") or keeps less than configured.
 */
export async function ensureTopic(options: TopicOptions): Promise<string> {
  const until = performance.now() + OPEN_TIMEOUT_MS;
  const patience = AbortSignal.timeout(OPEN_TIMEOUT_MS);
  let reason: unknown;
  let isAwaited = false;
  for (let failures = 0; ; failures += 1) {
    // A new client for each try: not all brokers know at once a topic that another process has just created.
    const client = new KafkaClient(options, RETRIES);
    try {
      return await withTimeout(
        Math.max(1, until - performance.now()),
        createWhereMissing(client.kafka.admin(), options),
        () => Promise.reject(new Error(`no answer within ${OPEN_TIMEOUT_MS} ms`)),
      );
    } catch (error) {
      if (error instanceof WrongTopic) throw error;
      if (error instanceof TooFewBrokers && !isAwaited) {
        options.log.warn(`waiting for brokers: ${error.message}`);
        isAwaited = true;
      }
      // The time limit cuts off the last try; the error before it says more.
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

/**
 * For a running engine: it reads what the topic has, however weakly the topic keeps it by now, because not reading would lose
 * more. Creates the topic if it is missing; then it rejects like `ensureTopic`.
 */
export async function ensureReadable(options: TopicOptions): Promise<void> {
  const { partitions } = await askMetadata(options);
  if (partitions.length !== options.partitions) await ensureTopic(options);
}

class WrongTopic extends Error {}
/** More brokers may still start. */
class TooFewBrokers extends Error {}

async function createWhereMissing(admin: Admin, options: TopicOptions): Promise<string> {
  const { topic, partitions } = options;
  let found = await askMetadata(options);
  if (found.errorCode === UNKNOWN_TOPIC) {
    await create(found, options);
    found = await askMetadata(options);
  }
  if (found.partitions.length === 0) throw new Error(`the topic ${topic} does not exist yet`);
  if (found.partitions.length !== partitions) {
    throw new WrongTopic(
      `LOG_PARTITIONS is ${partitions}, but Kafka's topic ${topic} has ${found.partitions.length} partitions; ` +
        `expected LOG_PARTITIONS=${found.partitions.length}, or another NAMESPACE`,
    );
  }
  const brokersUp = found.brokers.map(({ id }) => id);
  await admin.connect();
  const settings = await settingsOf(admin, topic, brokersUp);
  const fault =
    topicFault(
      { topic, brokers: options.brokers, brokersUp, partitions: found.partitions, settings: settings.topic },
      options.durability,
    ) ?? settings.brokers.map(brokerFault).find(each => each !== undefined);
  if (fault !== undefined) throw new WrongTopic(fault);
  return found.clusterId;
}

async function create(found: TopicMetadata, options: TopicOptions): Promise<void> {
  const { topic, partitions, durability, requestTimeoutMs, log } = options;
  const { replication } = durability;
  const brokersUp = found.brokers.length;
  if (brokersUp < replication) {
    const fewer = Math.max(1, brokersUp);
    throw new TooFewBrokers(
      `KAFKA_REPLICATION is ${replication}, but ${brokersUp === 1 ? '1 broker is' : `${brokersUp} brokers are`} up, and the ` +
        `topic ${topic} does not exist yet: start the others. If there are no others, KAFKA_REPLICATION=${fewer} ` +
        `accepts that acknowledged records are lost with ${fewer === 1 ? 'that broker' : 'them'}`,
    );
  }
  const settings = topicSettings(durability);
  const wanted = { topic, partitions, replication, settings, timeoutMs: requestTimeoutMs };
  if (await createTopic(found, wanted)) log.info({ topic, partitions, replication }, 'the topic was created');
}

type Settings = ReadonlyMap<string, string>;

/** The settings in effect, of the topic and of each broker. */
async function settingsOf(
  admin: Admin,
  topic: string,
  brokersUp: readonly number[],
): Promise<{ readonly topic: Settings; readonly brokers: readonly Settings[] }> {
  const { TOPIC, BROKER } = kafkajs.ConfigResourceTypes;
  // From here on kafkajs requests metadata of this topic only, not of all topics: see kafka-metadata.ts.
  await admin.fetchTopicOffsets(topic);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      { type: TOPIC, name: topic },
      ...brokersUp.map(id => ({
        type: BROKER,
        name: String(id),
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
