/**
 * Builds requests to a broker field by field (kafka.apache.org/protocol, "Protocol Primitive Types"), for requests that are
 * rare. Produce writes into reused memory; see kafka-produce.ts.
 */

/** The client's name in the logs and quotas of brokers. */
export const CLIENT_ID = 'fairline';

/** The request's kind and version, and the correlation id of its answer. */
export interface RequestHead {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** The whole request with its length prefix. */
export function encodeRequest(head: RequestHead, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    int16(head.apiKey),
    int16(head.version),
    int32(head.correlationId),
    text(head.clientId),
    ...fields,
  ]);
  return Buffer.concat([int32(body.length), body]);
}

export function boolean(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0]);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([int16(bytes.length), bytes]);
}

/** A null text. */
export const NO_TEXT = int16(-1);
