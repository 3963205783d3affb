import kafkajs, { type Admin } from 'kafkajs';
import { messageOf } from '../../process/message-of.ts';
import { backoffMs, pause, within } from '../backoff.ts';
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
  let isAwaited = false;
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
      if (error instanceof TooFewBrokers && !isAwaited) {
        options.log.warn(`waiting for brokers: ${error.message}`);
        isAwaited = true;
      }
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

/**
 * For an engine that is at work: what the topic has is read, however weakly it keeps that by now, as not to read it would lose
 * more. Creates it where it is missing; rejects then as `ensureTopic` does.
 */
export async function ensureReadable(options: TopicOptions): Promise<void> {
  const { partitions } = await askMetadata(options);
  if (partitions.length !== options.partitions) await ensureTopic(options);
}

class WrongTopic extends Error {}
/** They may yet come. */
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

/** What is in effect of the topic, and of each broker. */
async function settingsOf(
  admin: Admin,
  topic: string,
  brokersUp: readonly number[],
): Promise<{ readonly topic: Settings; readonly brokers: readonly Settings[] }> {
  const { TOPIC, BROKER } = kafkajs.ConfigResourceTypes;
  // From here on kafkajs asks for what it needs to know of this topic, and not of all: see kafka-metadata.ts.
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
