/** What an operation of the public API is: routes are tested against them, and the OpenAPI document is made from them. */
import type { TSchema } from 'typebox';
import type { ProblemSlug } from '../../engine/contract/api/problem.ts';

export interface Operation {
  /** What generated clients call it; part of the API: add, never rename. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly ticket: boolean;
  /** For shops' servers, with their token. */
  readonly shop?: true;
  /** With the header Idempotency-Key. */
  readonly idempotencyKey?: true;
  readonly query?: readonly string[];
  readonly body?: TSchema;
  readonly answers: Readonly<Record<number, TSchema | string>>;
  readonly problems: readonly ProblemSlug[];
}
