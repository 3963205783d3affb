/**
 * An InitProducerId request without a transactional id, and its answer, byte by byte: a new producer id
 * (kafka.apache.org/protocol, "InitProducerId", version 1). A test compares the request with kafkajs's encoder.
 *
 * It has no transactional id on purpose. With one, the coordinator would raise the epoch of the same id and so fence it, but it
 * forgets a transactional id after 7 idle days, and the epochs of a gateway number that is used for long run out: either gives
 * a new producer id, and the old one would silently not be fenced.
 */
import { encodeRequest, int32, NO_TEXT } from './kafka-request.ts';

const INIT_PRODUCER_ID = 22;
const VERSION = 1;
/** Ignored without a transactional id; the broker requires a number above 0. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** The whole request with its length prefix. */
export function encodeInitProducerId(correlationId: number, clientId: string): Buffer {
  const head = { apiKey: INIT_PRODUCER_ID, version: VERSION, correlationId, clientId };
  return encodeRequest(head, NO_TEXT, int32(TRANSACTION_TIMEOUT_MS));
}

export interface ProducerIdAnswer {
  /** 0: granted. Others: kafka.apache.org/protocol, "Error Codes". */
  readonly errorCode: number;
  readonly producerId: bigint;
}

/** Reads the answer without its length prefix. Throws RangeError if it is truncated. */
export function decodeInitProducerId(answer: Buffer): ProducerIdAnswer {
  // Correlation id, throttle time, error code, producer id, producer epoch.
  const producerEpoch = answer.readInt16BE(18);
  const errorCode = answer.readInt16BE(8);
  if (errorCode === 0 && producerEpoch !== 0) {
    throw new RangeError(`a new producer id has epoch ${producerEpoch}; expected 0`);
  }
  return { errorCode, producerId: answer.readBigInt64BE(10) };
}
