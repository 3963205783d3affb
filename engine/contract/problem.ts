/**
 * Every error that gateway and engine answer with: one table, one function that makes the RFC 9457 problem document.
 *
 * `type` is what programs go by and never changes; `detail` is for people and may. A document made for a wrong request
 * names each field that is wrong, its value (cut) and what would be right.
 */
import type { Static } from 'typebox';
import Type from 'typebox';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** What can go wrong, by slug. A slug is part of the API: add, never rename. */
export const problems = {
  'invalid-request': { status: 400, title: 'The request is wrong' },
  unauthenticated: { status: 401, title: 'It is not known who asks' },
  'not-found': { status: 404, title: 'There is nothing at this path' },
  'unknown-campaign': { status: 404, title: 'There is no such campaign' },
  'unknown-template': { status: 404, title: 'There is no such template' },
  'no-proof': { status: 404, title: 'There is no draw to be proved' },
  'no-entry': { status: 404, title: 'There is no entry of this user' },
  'no-pass': { status: 409, title: 'This person has no pass: it is not their turn, or it was' },
  'no-room': { status: 404, title: 'The campaign is no waiting room' },
  'no-book': { status: 404, title: 'There is nothing to check of this campaign' },
  'unknown-coupon': { status: 404, title: 'There is no such coupon' },
  'unknown-reservation': { status: 404, title: 'There is no such reservation' },
  'unknown-redemption': { status: 404, title: 'There is no such redemption' },
  'pass-refused': { status: 403, title: 'The pass does not let in here' },
  'method-not-allowed': { status: 405, title: 'This path does not know the method' },
  'not-acceptable': { status: 406, title: 'None of the accepted media types can be given' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'change-refused': { status: 409, title: 'The change does not take effect' },
  cancelled: { status: 409, title: 'The campaign was cancelled' },
  conflict: { status: 409, title: 'The state of things does not allow it' },
  'not-open-yet': { status: 409, title: 'The campaign is not open yet' },
  closed: { status: 409, title: 'The campaign is closed' },
  'pass-used': { status: 409, title: 'The pass was used before' },
  'sold-out': { status: 409, title: 'Nothing is left' },
  'already-withdrawn': { status: 409, title: 'The entry was withdrawn, which is final' },
  'already-settled': { status: 409, title: 'The entry is already decided' },
  'nothing-to-claim': { status: 409, title: 'Nothing is offered that could be claimed' },
  'claim-lapsed': { status: 409, title: 'It was not claimed in time' },
  'not-decided-yet': { status: 409, title: 'The campaign is not decided yet' },
  archived: { status: 410, title: 'What is asked for was put into an archive' },
  'precondition-failed': { status: 412, title: 'It was changed since it was read' },
  'coupon-refused': { status: 409, title: 'A coupon cannot be used on this basket' },
  'reservation-over': { status: 409, title: 'The reservation is over, and its uses are given back' },
  'already-redeemed': { status: 409, title: 'The reservation is redeemed already' },
  'nothing-to-refund': { status: 409, title: 'That much is not left to be refunded' },
  'clocks-agree': { status: 409, title: 'The clocks agree: nothing is held that could be let go on' },
  'other-difference': { status: 409, title: 'Another difference stands between the clocks' },
  'idempotency-key-reused': { status: 409, title: 'Something else was asked under this key' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a media type that is not read here' },
  'precondition-required': { status: 428, title: 'The request has to say what it was made for' },
  'too-many-requests': { status: 429, title: 'The same was asked too often' },
  'too-many-watchers': { status: 429, title: 'Too many streams are open' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'internal-error': { status: 500, title: 'Something failed on our side' },
  paused: { status: 503, title: 'The campaign is paused; asking again is safe' },
  'not-configured': { status: 503, title: 'The service is not set up for this' },
  unavailable: { status: 503, title: 'A part that is needed is away; asking again is safe' },
  overloaded: { status: 503, title: 'Too much is waiting; asking again is safe' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type ProblemSlug = keyof typeof problems;

export const FieldFault = Type.Object(
  {
    field: Type.String({ description: 'The member, parameter or header that is wrong; body for all of it' }),
    value: Type.Optional(Type.String({ description: 'What was given, as JSON, cut; absent if nothing was' })),
    expected: Type.String({ description: 'What would be right' }),
  },
  { additionalProperties: false },
);
export type FieldFault = Static<typeof FieldFault>;

/** RFC 9457. Members beyond these (`opens_at`, `stamp` ...) depend on the problem. */
export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: 'Names the problem, for programs; never changes' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened this time, for people' }),
    errors: Type.Optional(Type.Array(FieldFault)),
  },
  { description: 'An RFC 9457 problem document' },
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

/** Thrown by whoever cannot go on with a request; caught in one place that answers with the document. */
export class Problem extends Error {
  readonly slug: ProblemSlug;
  readonly members: ProblemMembers;
  /** Headers that go with it: Retry-After, Allow, WWW-Authenticate. */
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

/** Enough to recognise a value by; an answer never echoes a large one. */
const SHOWN_CHARACTERS = 60;

/** A value as it is shown in `errors`: its JSON, cut; undefined stays undefined. */
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

/** A request whose members are wrong, each with what would be right. */
export function invalidRequest(errors: readonly FieldFault[]): Problem {
  const said = errors.map(({ field, value, expected }) =>
    value === undefined ? `${field} is missing: ${expected}` : `${field} is ${value}: ${expected}`,
  );
  return new Problem('invalid-request', `Right would be: ${said.join('; ')}.`, { errors });
}
