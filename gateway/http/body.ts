/**
 * Reads a body: it must be JSON, within a size limit, and complete in time. The body of an entry must have no members.
 */
import Value from 'typebox/value';
import {
  type FieldFault,
  fieldFault,
  invalidDetail,
  type ProblemSlug,
} from '../../engine/contract/api/problem.ts';
import type { GatewayConfig } from '../config.ts';
import type { RefusalReason } from '../metrics.ts';
import { EntryBody } from './contract/entries.ts';
import { ANSWERED, type Answered, type Reply } from './reply.ts';
import type { Head, RefusalParts } from './requests.ts';

/** To read a body of JSON. */
export interface BodyParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'BODY_TIMEOUT_MS'>;
}

/** To read the body of an entry. */
export interface EntryBodyParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'BODY_TIMEOUT_MS' | 'MAX_BODY_BYTES'>;
}

/** What is wrong with a body; `close` if the rest of it is not read. */
interface Refused {
  readonly slug: ProblemSlug;
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly fault?: FieldFault;
  readonly close: boolean;
}

/** Reads the body of an entry; answers if it is invalid. */
export async function readEntryBody(
  parts: EntryBodyParts,
  reply: Reply,
  head: Readonly<Head>,
): Promise<Answered | undefined> {
  const body = await readJsonBody(parts, reply, head, parts.config.MAX_BODY_BYTES);
  if (body === ANSWERED) return body;
  const fault = faultOfEntry(body.value);
  return fault && refuse(parts, reply, invalid(fault));
}

/** The JSON value of a body of at most `most` bytes; answers if it cannot be read. */
export async function readJsonBody(
  parts: BodyParts,
  reply: Reply,
  head: Readonly<Head>,
  most: number,
): Promise<{ readonly value: unknown } | Answered> {
  const read = await readBodyText(parts, reply, head, most);
  if (read === ANSWERED) return read;
  try {
    return { value: JSON.parse(read) };
  } catch {
    return refuse(parts, reply, invalid(fieldFault('body', read, 'a JSON object')));
  }
}

/** The text of a body of JSON of at most `most` bytes; answers if it cannot be read. */
export async function readBodyText(
  parts: BodyParts,
  reply: Reply,
  head: Readonly<Head>,
  most: number,
): Promise<string | Answered> {
  const read = faultOfHead(head, most) ?? (await readText(reply, most, parts.config.BODY_TIMEOUT_MS));
  return typeof read === 'string' ? read : refuse(parts, reply, read);
}

function refuse(parts: RefusalParts, reply: Reply, refused: Refused): Answered {
  const { slug, reason, detail, fault, close } = refused;
  parts.metrics.refuse(reason);
  return reply.problem(slug, detail, { members: fault === undefined ? {} : { errors: [fault] }, close });
}

function tooLarge(size: number | string, most: number): Refused {
  const fault = fieldFault('body', `${size} bytes`, `at most ${most} bytes`);
  return {
    slug: 'payload-too-large',
    reason: 'body',
    detail: `The body is larger than ${most} bytes.`,
    fault,
    close: true,
  };
}

function faultOfHead({ contentLength, contentType }: Readonly<Head>, most: number): Refused | undefined {
  if (Number(contentLength) > most) return tooLarge(contentLength, most);
  if (/^application\/json *(;|$)/i.test(contentType)) return undefined;
  const given = contentType === '' ? undefined : contentType;
  const fault = fieldFault('content-type', given, 'application/json, or no body');
  const detail = 'The body must be application/json.';
  return { slug: 'unsupported-media-type', reason: 'body', detail, fault, close: true };
}

function readText(reply: Reply, most: number, timeoutMs: number): Promise<Refused | string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      const detail = `The body did not arrive within ${timeoutMs} ms.`;
      resolve({ slug: 'request-timeout', reason: 'body_timeout', detail, close: true });
    }, timeoutMs);
    const settle = (read: Refused | string): void => {
      clearTimeout(timer);
      resolve(read);
    };
    // The client is gone, and a partial request must not become an entry.
    reply.whenAborted(() =>
      settle({
        slug: 'request-timeout',
        reason: 'body_timeout',
        detail: 'The client disconnected.',
        close: true,
      }),
    );
    reply.onData((chunk, isLast) => {
      size += chunk.byteLength;
      // Copied: the server reuses the memory after this returns.
      if (size <= most) chunks.push(Buffer.from(new Uint8Array(chunk)));
      if (size > most) settle(tooLarge(size, most));
      else if (isLast) settle(Buffer.concat(chunks).toString('utf8'));
    });
  });
}

function invalid(fault: FieldFault): Refused {
  const detail = invalidDetail([fault]);
  return { slug: 'invalid-request', reason: 'invalid', detail, fault, close: false };
}

function faultOfEntry(body: unknown): FieldFault | undefined {
  if (Value.Check(EntryBody, body)) return undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return fieldFault('body', body, 'a JSON object');
  const [field = ''] = Object.keys(body);
  return fieldFault(field.slice(0, 60), Reflect.get(body, field), 'no value, as an entry has no members');
}
