/**
 * Creates a topic: a CreateTopics request of version 2, the oldest that Kafka 4 accepts, and its answer
 * (kafka.apache.org/protocol, "CreateTopics"). A test compares the request with kafkajs's encoder.
 *
 * kafkajs is not used here, because it asks for all topics of the cluster to find the controller, and fails if any partition of
 * any of them has no leader: another application's topic would keep fairline from creating its own.
 */
import { askOnce } from './kafka-connection.ts';
import type { TopicMetadata } from './kafka-metadata.ts';
import { Reader } from './kafka-reader.ts';
import { boolean, CLIENT_ID, encodeRequest, int16, int32, text } from './kafka-request.ts';

const CREATE_TOPICS = 19;
const VERSION = 2;
/** Another process was faster. */
const TOPIC_ALREADY_EXISTS = 36;

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** The number of brokers. */
  readonly replication: number;
  readonly settings: Readonly<Record<string, string>>;
  /** The time limit of the controller. */
  readonly timeoutMs: number;
}

/** The whole request with its length prefix. */
export function encodeCreateTopic(correlationId: number, clientId: string, wanted: NewTopic): Buffer {
  const settings = Object.entries(wanted.settings);
  return encodeRequest(
    { apiKey: CREATE_TOPICS, version: VERSION, correlationId, clientId },
    int32(1),
    text(wanted.topic),
    int32(wanted.partitions),
    int16(wanted.replication),
    int32(0), // the controller chooses the brokers of each partition
    int32(settings.length),
    ...settings.flatMap(([name, value]) => [text(name), text(value)]),
    int32(wanted.timeoutMs),
    boolean(false), // not a validation only
  );
}

/** The result for one topic; errorCode 0: it was created. */
export interface Created {
  readonly errorCode: number;
  /** Empty if the broker sends only the code. */
  readonly message: string;
}

/** Reads the answer about one topic, without its length prefix. Throws RangeError if it is truncated. */
export function decodeCreated(answer: Buffer): Created {
  // Skips correlation id and throttle time.
  const reader = new Reader(answer, 8);
  const topics = reader.list(() => {
    reader.text(); // the topic's name
    return { errorCode: reader.int16(), message: reader.text() };
  });
  const [created] = topics;
  if (created === undefined || topics.length > 1)
    throw new RangeError(`the answer is for ${topics.length} topics`);
  return created;
}

/**
 * Asks the controller that the cluster reports to create the topic. Resolves with false if a topic of that name exists by now.
 * Rejects with the controller's error.
 */
export async function createTopic(
  { brokers, controllerId }: Pick<TopicMetadata, 'brokers' | 'controllerId'>,
  wanted: NewTopic,
): Promise<boolean> {
  const { topic, timeoutMs } = wanted;
  // Without a controller any broker says so, or forwards the request (KIP-590).
  const broker = brokers.find(({ id }) => id === controllerId) ?? brokers[0];
  if (broker === undefined) throw new Error('no broker is up');
  const answer = await askOnce(broker, timeoutMs, id => encodeCreateTopic(id, CLIENT_ID, wanted));
  const { errorCode, message } = decodeCreated(answer);
  if (errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS)
    throw new Error(
      `the topic ${topic} was not created: ${message || 'no reason given'} (error code ${errorCode})`,
    );
  return errorCode === 0;
}
