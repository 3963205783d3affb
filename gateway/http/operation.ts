/** An operation of the public API. Tests compare the routes with the operations; the OpenAPI document is built from them. */
import type { TObject, TSchema } from 'typebox';
import type { ProblemSlug } from '../../engine/contract/api/problem.ts';
import type { ProblemExamples } from '../../engine/contract/api/problem-examples.ts';

export interface Operation {
  /** Its name in generated clients, and so part of the API: never rename one. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly ticket: boolean;
  /** For fans with the cookie of a session. */
  readonly session?: true;
  /** For shops' servers, with their token. */
  readonly shop?: true;
  /** With the header Idempotency-Key. */
  readonly idempotencyKey?: true;
  readonly query?: readonly string[];
  /** The headers that it reads, besides those of authentication. */
  readonly headers?: TObject;
  readonly body?: TSchema;
  /** The body by status: the schema of JSON, or a media type. */
  readonly answers: Readonly<Record<number, TSchema | string>>;
  /** By status: headers that the answer always has, with their meaning. */
  readonly answerHeaders?: Readonly<Record<number, Readonly<Record<string, string>>>>;
  /** By status: an example where the schema of the answer shows none, or shows another state. */
  readonly examples?: Readonly<Record<number, unknown>>;
  readonly problems: readonly ProblemSlug[];
  /** Examples of problems that read differently than those that operations share. */
  readonly problemExamples?: ProblemExamples;
}
