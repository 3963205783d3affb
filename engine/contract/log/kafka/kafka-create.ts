/**
 * Creates a topic: a CreateTopics request of version 2, the least that Kafka 4 takes, and its answer
 * (kafka.apache.org/protocol, "CreateTopics"). A test holds the request against kafkajs's encoder.
 *
 * Not through kafkajs, which asks for all topics of the cluster to find the controller, and fails where any partition of any
 * of them has no leader: a topic of somebody else's would keep a fairline from making its own.
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
  /** On how many brokers. */
  readonly replication: number;
  readonly settings: Readonly<Record<string, string>>;
  /** How long the controller may take. */
  readonly timeoutMs: number;
}

/** The whole request with its length in front. */
export function encodeCreateTopic(correlationId: number, clientId: string, wanted: NewTopic): Buffer {
  const settings = Object.entries(wanted.settings);
  return encodeRequest(
    { apiKey: CREATE_TOPICS, version: VERSION, correlationId, clientId },
    int32(1),
    text(wanted.topic),
    int32(wanted.partitions),
    int16(wanted.replication),
    int32(0), // which broker has which partition is for the controller to say
    int32(settings.length),
    ...settings.flatMap(([name, value]) => [text(name), text(value)]),
    int32(wanted.timeoutMs),
    boolean(false), // not only to see whether it could be made
  );
}

/** What became of one topic; errorCode 0: it was made. */
export interface Created {
  readonly errorCode: number;
  /** Empty where the broker says no more than the code. */
  readonly message: string;
}

/** Reads the answer about one topic, without its length in front. Throws RangeError when it is cut off. */
export function decodeCreated(answer: Buffer): Created {
  // Behind correlation id and throttle time.
  const reader = new Reader(answer, 8);
  const topics = reader.list(() => {
    reader.text(); // its name
    return { errorCode: reader.int16(), message: reader.text() };
  });
  const [created] = topics;
  if (created === undefined || topics.length > 1)
    throw new RangeError(`the answer is for ${topics.length} topics`);
  return created;
}

/**
 * Asks the controller, as the cluster has it, to make the topic. False where there is one of that name by now. Rejects with what
 * the controller said against it.
 */
export async function createTopic(
  { brokers, controllerId }: Pick<TopicMetadata, 'brokers' | 'controllerId'>,
  wanted: NewTopic,
): Promise<boolean> {
  const { topic, timeoutMs } = wanted;
  // Without a controller any broker says so, or passes the request on (KIP-590).
  const broker = brokers.find(({ id }) => id === controllerId) ?? brokers[0];
  if (broker === undefined) throw new Error('no broker is up');
  const answer = await askOnce(broker, timeoutMs, id => encodeCreateTopic(id, CLIENT_ID, wanted));
  const { errorCode, message } = decodeCreated(answer);
  if (errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS)
    throw new Error(
      `the topic ${topic} was not made: ${message || 'no reason given'} (error code ${errorCode})`,
    );
  return errorCode === 0;
}
