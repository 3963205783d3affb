/**
 * The leaders of the partitions of one topic, and the brokers: a Metadata request of version 5 and its answer
 * (kafka.apache.org/protocol, "Metadata"). A test compares the request with kafkajs's encoder.
 *
 * kafkajs is not used here, because it asks for all topics of the cluster when it needs the brokers, and fails if any partition
 * of any of them has no leader. Then gateways would refuse entries for as long as a broker is gone, because of another
 * application's topic that was on that broker alone.
 */
import { randomInt } from 'node:crypto';
import { messageOf } from '../../process/message-of.ts';
import type { KafkaOptions } from './kafka-client.ts';
import { askOnce } from './kafka-connection.ts';
import { Reader } from './kafka-reader.ts';
import { boolean, CLIENT_ID, encodeRequest, int32, text } from './kafka-request.ts';

const METADATA = 3;
const VERSION = 5;
/** The broker knows no such topic, or not yet: a topic created a moment ago. */
export const UNKNOWN_TOPIC = 3;

type MetadataOptions = Pick<KafkaOptions, 'brokers' | 'topic' | 'requestTimeoutMs'>;

export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** The id of the leading broker; below 0 if there is none. */
  readonly leader: number;
  /** The ids of the partition's brokers, the preferred leader first ... */
  readonly replicas: readonly number[];
  /** ... and of those that have all of it. */
  readonly inSync: readonly number[];
}

export interface TopicMetadata {
  readonly clusterId: string;
  /** The broker that handles changes of the cluster; below 0 if there is none at the moment. */
  readonly controllerId: number;
  /** The brokers that are up, according to the cluster. */
  readonly brokers: readonly BrokerAddress[];
  /** 0, or why there are no partitions (kafka.apache.org/protocol, "Error Codes"). */
  readonly errorCode: number;
  readonly partitions: readonly PartitionMetadata[];
}

/** The whole request with its length prefix. It does not create the topic. */
export function encodeMetadata(correlationId: number, clientId: string, topic: string): Buffer {
  const head = { apiKey: METADATA, version: VERSION, correlationId, clientId };
  return encodeRequest(head, int32(1), text(topic), boolean(false));
}

/** Reads the answer about one topic, without its length prefix. Throws RangeError if it is truncated. */
export function decodeMetadata(answer: Buffer): TopicMetadata {
  // Skips correlation id and throttle time.
  const reader = new Reader(answer, 8);
  const brokers = reader.list(() => {
    const broker = { id: reader.int32(), host: reader.text(), port: reader.int32() };
    reader.text(); // the rack
    return broker;
  });
  const clusterId = reader.text();
  const controllerId = reader.int32();
  const topics = reader.list(() => {
    const errorCode = reader.int16();
    reader.text(); // the topic's name
    reader.int8(); // whether the topic is internal to Kafka
    return { errorCode, partitions: reader.list(() => partitionOf(reader)) };
  });
  const [topic] = topics;
  if (topic === undefined || topics.length > 1) {
    throw new RangeError(`the answer is for ${topics.length} topics`);
  }
  return { clusterId, controllerId, brokers, ...topic };
}

/** A partition's error code is ignored: its leader reports the error, and the other partitions can still be used. */
function partitionOf(reader: Reader): PartitionMetadata {
  reader.int16(); // an error code
  const found = {
    partition: reader.int32(),
    leader: reader.int32(),
    replicas: reader.list(() => reader.int32()),
    inSync: reader.list(() => reader.int32()),
  };
  reader.list(() => reader.int32()); // offline replicas
  return found;
}

/**
 * Asks the brokers of `brokers` one after another, from a random one on, and resolves with the first answer. Rejects with the
 * last broker's error.
 */
export async function askMetadata({
  brokers,
  topic,
  requestTimeoutMs,
}: MetadataOptions): Promise<TopicMetadata> {
  const all = brokers.split(',');
  const first = randomInt(all.length);
  let reason: unknown;
  for (const broker of [...all.slice(first), ...all.slice(0, first)]) {
    try {
      return await askBroker(broker, topic, requestTimeoutMs);
    } catch (error) {
      reason = error;
    }
  }
  throw new Error(`no broker reports a leader of ${topic}: ${messageOf(reason)}`, { cause: reason });
}

async function askBroker(broker: string, topic: string, timeoutMs: number): Promise<TopicMetadata> {
  const colonAt = broker.lastIndexOf(':');
  const address = { host: broker.slice(0, colonAt), port: Number(broker.slice(colonAt + 1)) };
  return decodeMetadata(await askOnce(address, timeoutMs, id => encodeMetadata(id, CLIENT_ID, topic)));
}
