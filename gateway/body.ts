/**
 * Reading the body of an entry, of which there is nothing to know: that it is JSON, small, here in time, and empty.
 */
import Value from 'typebox/value';
import { type FieldFault, fieldFault, type ProblemSlug } from '../engine/contract/problem.ts';
import { EntryBody } from './contract.ts';
import type { RefusalReason } from './metrics.ts';
import type { Reply } from './reply.ts';
import type { Head, RequestParts } from './requests.ts';

/** What is wrong with a body; `close` where the rest of it is not read. */
interface Refused {
  readonly slug: ProblemSlug;
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly fault?: FieldFault;
  readonly close: boolean;
}

/** Resolves to true when the body is whole and right; to false when it is not, which has been answered. */
export async function readEntryBody(
  parts: RequestParts,
  reply: Reply,
  head: Readonly<Head>,
): Promise<boolean> {
  const { MAX_BODY_BYTES: most, BODY_TIMEOUT_MS: timeoutMs } = parts.config;
  const refused = faultOfHead(head, most) ?? (await faultOfBody(reply, most, timeoutMs));
  if (refused === undefined) return true;
  const { slug, reason, detail, fault, close } = refused;
  parts.metrics.refuse(reason);
  reply.problem(slug, detail, { members: fault === undefined ? {} : { errors: [fault] }, close });
  return false;
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
  const fault = fieldFault('content-type', contentType, 'application/json, or no body at all');
  const detail = `The body is ${fault.value}; it is read as JSON only.`;
  return { slug: 'unsupported-media-type', reason: 'body', detail, fault, close: true };
}

function faultOfBody(reply: Reply, most: number, timeoutMs: number): Promise<Refused | undefined> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      const detail = `The body was not here within ${timeoutMs} ms.`;
      resolve({ slug: 'request-timeout', reason: 'body_timeout', detail, close: true });
    }, timeoutMs);
    const settle = (refused: Refused | undefined): void => {
      clearTimeout(timer);
      resolve(refused);
    };
    // Nobody is left to be answered; no entry is made of a part of a request.
    reply.whenAborted(() =>
      settle({
        slug: 'request-timeout',
        reason: 'body_timeout',
        detail: 'The client has gone.',
        close: true,
      }),
    );
    reply.onData((chunk, isLast) => {
      size += chunk.byteLength;
      // Copied: the server takes the memory back when this returns.
      if (size <= most) chunks.push(Buffer.from(new Uint8Array(chunk)));
      if (size > most) settle(tooLarge(size, most));
      else if (isLast) settle(faultOfText(Buffer.concat(chunks).toString('utf8')));
    });
  });
}

function faultOfText(text: string): Refused | undefined {
  const fault = fieldFaultOf(text);
  if (fault === undefined) return undefined;
  const detail = `The body is wrong at ${fault.field}: ${fault.expected}.`;
  return { slug: 'invalid-request', reason: 'invalid', detail, fault, close: false };
}

function fieldFaultOf(text: string): FieldFault | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return fieldFault('body', text, 'a JSON object');
  }
  if (Value.Check(EntryBody, body)) return undefined;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return fieldFault('body', body, 'a JSON object');
  const [field = ''] = Object.keys(body);
  return fieldFault(`/${field}`, Reflect.get(body, field), 'no such field: an entry has none');
}
