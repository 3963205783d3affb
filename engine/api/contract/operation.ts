/** The type of an operation of the operator's API, and what many operations share. */
import type { TObject, TSchema } from 'typebox';
import Type from 'typebox';
import { describeService } from '../../contract/api/openapi.ts';
import type { ProblemSlug } from '../../contract/api/problem.ts';
import type { ProblemExamples } from '../../contract/api/problem-examples.ts';
import { DryRunJson } from './schedule-schemas.ts';

const DESCRIPTION = `Every error is an RFC 9457 problem document. Any path may also answer: 404 not-found without \
a route, 405 method-not-allowed with Allow, and, to malformed requests, 400 invalid-request, 408 \
request-timeout and 431 headers-too-large.`;

export const INFO = describeService('fairline, for operators', DESCRIPTION);

export const JSON_MEDIA_TYPE = 'application/json';

export interface Answer {
  readonly status: number;
  readonly description: string;
  /** By media type; undefined if the body is not JSON. */
  readonly content: Readonly<Record<string, TSchema | undefined>>;
  /** By media type: an example where the schema shows none, or shows another state. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** Headers that the answer always has, with their meaning. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** As OpenAPI writes it: `/v1/campaigns/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Below SECURED_PREFIX, and open all the same: it is how somebody gets what the others require. */
  readonly isOpen?: true;
  readonly parameters?: TObject;
  readonly query?: TObject;
  readonly headers?: TObject;
  readonly body?: TSchema;
  /** Only if it differs from the limit of all others. */
  readonly bodyLimitBytes?: number;
  readonly answer: Answer;
  /** The answer with ?dryRun=true, if it has another status. */
  readonly dryRunAnswer?: Answer;
  /** The answer if it waits for a second operator. */
  readonly proposedAnswer?: Answer;
  readonly problems: readonly ProblemSlug[];
  /** Examples of problems that read differently than those that operations share. */
  readonly problemExamples?: ProblemExamples;
}

/** Everything below it requires a token or a session, unless it is open. */
export const SECURED_PREFIX = '/v1/';

export const SECURED: readonly ProblemSlug[] = [
  'invalid-request',
  'unauthenticated',
  'unavailable',
  'internal-error',
];

export const ON_CAMPAIGN: readonly ProblemSlug[] = [...SECURED, 'unknown-campaign'];
export const WITH_BODY: readonly ProblemSlug[] = ['payload-too-large', 'unsupported-media-type'];

export function json(
  status: number,
  description: string,
  schema: TSchema,
  headers?: Answer['headers'],
): Answer {
  return {
    status,
    description,
    content: { [JSON_MEDIA_TYPE]: schema },
    ...(headers === undefined ? {} : { headers }),
  };
}

/** The answer, shown by this example. */
export function shownBy(answer: Answer, example: unknown): Answer {
  return { ...answer, examples: { [JSON_MEDIA_TYPE]: example } };
}

export const ETAG = { etag: 'The version, for If-Match' } as const;

export const DRY_RUN = json(200, 'What would happen; nothing was changed', DryRunJson);

/** An answer that is different with ?dryRun=true. */
export function orDryRun(schema: TSchema): TSchema {
  return Type.Union([schema, DryRunJson]);
}
