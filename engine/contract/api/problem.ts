/**
 * Every error that gateway and engine answer with: one table, and one function that makes the RFC 9457 problem document.
 *
 * Programs match on `type`, which never changes; `detail` is for humans and may change. The document for an invalid request
 * names each invalid field, its value (cut) and what was expected.
 */
import type { Static } from 'typebox';
import Type from 'typebox';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** All problems, by slug. A slug is part of the API: add, never rename. */
export const problems = {
  'invalid-request': { status: 400, title: 'Invalid request' },
  unauthenticated: { status: 401, title: 'Authentication required' },
  'signed-out': { status: 401, title: 'Signed out' },
  'login-refused': { status: 401, title: 'The login was refused' },
  'token-refused': { status: 401, title: 'The token of the identity provider is not accepted' },
  'authorization-refused': { status: 401, title: 'The login at the identity provider was not completed' },
  'wrong-password': { status: 403, title: 'The password is wrong' },
  'foreign-origin': { status: 403, title: 'The request comes from another site' },
  blocked: { status: 403, title: 'The account or the network is blocked' },
  forbidden: { status: 403, title: 'The role does not permit this' },
  'own-proposal': { status: 403, title: 'The proposal is your own; another operator approves it' },
  'other-shop': { status: 403, title: 'The campaign is not one of the shop' },
  'not-found': { status: 404, title: 'Path not found' },
  'unknown-campaign': { status: 404, title: 'Campaign not found' },
  'unknown-template': { status: 404, title: 'Template not found' },
  'unknown-token': { status: 404, title: 'Token not found' },
  'unknown-proposal': { status: 404, title: 'Proposal not found' },
  'unknown-operator': { status: 404, title: 'Operator not found' },
  'unknown-block': { status: 404, title: 'Block not found' },
  'unknown-session': { status: 404, title: 'Session not found' },
  'no-proof': { status: 404, title: 'The campaign has no draw proof' },
  'no-entry': { status: 404, title: 'The user has no entry' },
  'no-pass': { status: 409, title: 'The user has no pass: their turn has not come or is over' },
  'no-room': { status: 404, title: 'The campaign is not a waiting room' },
  'no-book': { status: 404, title: 'The campaign has no book' },
  'unknown-coupon': { status: 404, title: 'Coupon not found' },
  'unknown-reservation': { status: 404, title: 'Reservation not found' },
  'unknown-redemption': { status: 404, title: 'Redemption not found' },
  'pass-refused': { status: 403, title: 'The pass is not valid here' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'not-acceptable': { status: 406, title: 'No accepted media type is available' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'proposal-over': { status: 409, title: 'The proposal was decided, or has expired' },
  'change-refused': { status: 409, title: 'The change was refused' },
  cancelled: { status: 409, title: 'The campaign was cancelled' },
  'kept-by-shop': { status: 409, title: 'The shop keeps the account' },
  conflict: { status: 409, title: 'Conflicts with the current state' },
  'not-open-yet': { status: 409, title: 'The campaign is not open yet' },
  closed: { status: 409, title: 'The campaign is closed' },
  'pass-used': { status: 409, title: 'The pass was already used' },
  'sold-out': { status: 409, title: 'Sold out' },
  'already-withdrawn': { status: 409, title: 'The entry was withdrawn; this is final' },
  'already-settled': { status: 409, title: 'The entry is already decided' },
  'nothing-to-claim': { status: 409, title: 'No offer to claim' },
  'claim-lapsed': { status: 409, title: 'The offer was not claimed in time' },
  'not-decided-yet': { status: 409, title: 'The campaign is not decided yet' },
  archived: { status: 410, title: 'The data was archived' },
  'link-refused': { status: 410, title: 'The link is no longer valid' },
  'precondition-failed': { status: 412, title: 'The resource has changed since it was read' },
  'coupon-refused': { status: 409, title: 'A coupon cannot be used on this basket' },
  'reservation-over': { status: 409, title: 'The reservation has ended and its uses were returned' },
  'already-redeemed': { status: 409, title: 'The reservation was already redeemed' },
  'nothing-to-refund': { status: 409, title: 'The refund exceeds what is left to refund' },
  'clocks-agree': { status: 409, title: 'The clocks agree: nothing is on hold' },
  'other-difference': { status: 409, title: 'The measured clock difference is another one' },
  'idempotency-key-reused': { status: 409, title: 'The idempotency key was used for another request' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'range-not-satisfiable': { status: 416, title: 'The range begins after the last byte' },
  'precondition-required': { status: 428, title: 'The request needs an If-Match header' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'too-many-watchers': { status: 429, title: 'Too many open streams' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'internal-error': { status: 500, title: 'Internal error' },
  paused: { status: 503, title: 'The campaign is paused; retrying is safe' },
  'not-configured': { status: 503, title: 'The service is not configured for this' },
  unavailable: { status: 503, title: 'A required component is unavailable; retrying is safe' },
  overloaded: { status: 503, title: 'Overloaded; retrying is safe' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemSlug = keyof typeof problems;

export const FieldFault = Type.Object(
  {
    field: Type.String({ description: 'The invalid member, parameter or header; "body" for the whole body' }),
    value: Type.Optional(
      Type.String({
        description:
          'The given value as JSON, truncated; `(secret)` in place of one; absent if none was given',
      }),
    ),
    expected: Type.String({ description: 'What a valid value looks like' }),
  },
  { additionalProperties: false },
);
export type FieldFault = Static<typeof FieldFault>;

/** RFC 9457. Members beyond these (`opens_at`, `stamp` ...) depend on the problem. */
export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: 'Identifies the problem for programs; never changes' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened this time, for humans' }),
    errors: Type.Optional(Type.Array(FieldFault)),
  },
  {
    additionalProperties: true,
    description: 'An RFC 9457 problem document; some problems have further members',
  },
);
export type ProblemDocument = Static<typeof ProblemDocument>;

/** Members of a problem document beyond type, title, status and detail. */
export interface ProblemMembers {
  readonly errors?: readonly FieldFault[];
  readonly [member: string]: unknown;
}

export function problemType(slug: ProblemSlug): string {
  return `urn:fairline:problem:${slug}`;
}

/** Makes the document; its `status` is the status to answer with, its media type PROBLEM_MEDIA_TYPE. */
export function problemDocument(
  slug: ProblemSlug,
  detail: string,
  members: ProblemMembers = {},
): ProblemDocument {
  const { status, title } = problems[slug];
  const { errors, ...others } = members;
  return {
    type: problemType(slug),
    title,
    status,
    detail,
    ...(errors === undefined ? {} : { errors: [...errors] }),
    ...others,
  };
}

/** The problems that answer with each status, in their order. */
export function byStatus(slugs: readonly ProblemSlug[]): ReadonlyMap<number, readonly ProblemSlug[]> {
  const grouped = new Map<number, ProblemSlug[]>();
  for (const slug of slugs) {
    const { status } = problems[slug];
    grouped.set(status, [...(grouped.get(status) ?? []), slug]);
  }
  return grouped;
}

/** Thrown when a request cannot be served; one place catches it and answers with the document. */
export class Problem extends Error {
  readonly slug: ProblemSlug;
  readonly members: ProblemMembers;
  /** Headers of the answer: Retry-After, Allow, WWW-Authenticate. */
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    slug: ProblemSlug,
    detail: string,
    members: ProblemMembers = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.slug = slug;
    this.members = members;
    this.headers = headers;
  }
  get status(): number {
    return problems[this.slug].status;
  }
  document(): ProblemDocument {
    return problemDocument(this.slug, this.message, this.members);
  }
}

/** Problem too-many-requests. `waitMs`: how long to wait, shown in whole seconds. */
export function tooMany(detail: string, waitMs: number): Problem {
  return new Problem('too-many-requests', detail, {}, { 'retry-after': String(Math.ceil(waitMs / 1_000)) });
}

/** Enough to recognise a value; an answer never echoes a large one. */
const SHOWN_CHARACTERS = 60;

/** A value as shown in `errors`: its JSON, cut; undefined stays undefined. */
export function shownValue(value: unknown): string | undefined {
  const text = value === undefined ? undefined : (JSON.stringify(value) ?? String(value));
  if (text === undefined || text.length <= SHOWN_CHARACTERS) return text;
  return `${text.slice(0, SHOWN_CHARACTERS - 1)}…`;
}

/** One wrong field. */
export function fieldFault(field: string, value: unknown, expected: string): FieldFault {
  const shown = shownValue(value);
  return shown === undefined ? { field, expected } : { field, value: shown, expected };
}

/** One wrong field whose value must not be shown: it may be valid elsewhere. `value`: undefined if none was given. */
export function secretFault(field: string, value: unknown, expected: string): FieldFault {
  return value === undefined ? { field, expected } : { field, value: '(secret)', expected };
}

/** The faults in words, for a `detail`: each field with its value and what was expected. */
export function faultsText(errors: readonly FieldFault[]): string {
  return errors
    .map(({ field, value, expected }) =>
      value === undefined
        ? `${field} is missing, expected ${expected}`
        : `${field} is ${value}, expected ${expected}`,
    )
    .join('; ');
}

/** The `detail` of an invalid request. */
export function invalidDetail(errors: readonly FieldFault[]): string {
  return `Invalid request: ${faultsText(errors)}.`;
}

export function invalidRequest(errors: readonly FieldFault[]): Problem {
  return new Problem('invalid-request', invalidDetail(errors), { errors });
}
