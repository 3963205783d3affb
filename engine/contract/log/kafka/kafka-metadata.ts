/**
 * Who leads the partitions of one topic, and what brokers there are: a Metadata request of version 5 and its answer
 * (kafka.apache.org/protocol, "Metadata"). A test holds the request against kafkajs's encoder.
 *
 * Not asked through kafkajs, which asks for all topics of the cluster when it wants the brokers, and fails where any
 * partition of any of them has no leader. Then the loss of a broker would close the door for as long as it is gone,
 * because of a topic of somebody else's that was on that broker alone.
 */
import { randomInt } from 'node:crypto';
import { messageOf } from '../../process/message-of.ts';
import type { KafkaOptions } from './kafka-client.ts';
import { askOnce } from './kafka-connection.ts';
import { Reader } from './kafka-reader.ts';
import { boolean, CLIENT_ID, encodeRequest, int32, text } from './kafka-request.ts';

const METADATA = 3;
const VERSION = 5;
/** The broker knows of no such topic; one that was made a moment ago, not yet. */
export const UNKNOWN_TOPIC = 3;

type MetadataOptions = Pick<KafkaOptions, 'brokers' | 'topic' | 'requestTimeoutMs'>;

export interface BrokerAddress {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** The id of the broker that leads it; below 0 where none does. */
  readonly leader: number;
  /** The ids of the brokers that it is on, the preferred leader first ... */
  readonly replicas: readonly number[];
  /** ... and of those that have all of it. */
  readonly inSync: readonly number[];
}

export interface TopicMetadata {
  readonly clusterId: string;
  /** Who takes changes of the cluster; below 0 where nobody does at the moment. */
  readonly controllerId: number;
  /** Those that are up, as the cluster has it. */
  readonly brokers: readonly BrokerAddress[];
  /** 0, or why there are no partitions (kafka.apache.org/protocol, "Error Codes"). */
  readonly errorCode: number;
  readonly partitions: readonly PartitionMetadata[];
}

/** The whole request with its length in front. It makes no topic. */
export function encodeMetadata(correlationId: number, clientId: string, topic: string): Buffer {
  const head = { apiKey: METADATA, version: VERSION, correlationId, clientId };
  return encodeRequest(head, int32(1), text(topic), boolean(false));
}

/** Reads the answer about one topic, without its length in front. Throws RangeError when it is cut off. */
export function decodeMetadata(answer: Buffer): TopicMetadata {
  // Behind correlation id and throttle time.
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
    reader.text(); // its name
    reader.int8(); // whether it is Kafka's own
    return { errorCode, partitions: reader.list(() => partitionOf(reader)) };
  });
  const [topic] = topics;
  if (topic === undefined || topics.length > 1) {
    throw new RangeError(`the answer is for ${topics.length} topics`);
  }
  return { clusterId, controllerId, brokers, ...topic };
}

/** What is wrong with a partition is seen by its leader, and is no reason not to read of the others. */
function partitionOf(reader: Reader): PartitionMetadata {
  reader.int16(); // an error code
  const found = {
    partition: reader.int32(),
    leader: reader.int32(),
    replicas: reader.list(() => reader.int32()),
    inSync: reader.list(() => reader.int32()),
  };
  reader.list(() => reader.int32()); // replicas that are off line
  return found;
}

/**
 * Asks one broker of `brokers` after the other, beginning with any of them, and answers what the first says that does.
 * Rejects with why the last one did not.
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
