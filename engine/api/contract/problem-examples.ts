/** The problems that the OpenAPI document shows; those that one operation tells differently stand beside it. */
import { ann, drop } from '../../contract/api/examples/story.ts';
import { fieldFault, type Problem, secretFault } from '../../contract/api/problem.ts';
import type { ProblemExamples } from '../../contract/api/problem-examples.ts';
import { linkRefused, unknownOperator } from '../../operators/accounts/parts.ts';
import { type Permission, refusalOf } from '../../operators/roles.ts';

const UNKNOWN = 999;
const archive = `campaign-${drop.id}.archive.ndjson.gz`;

/** The example is what the code makes of such a request. */
export function exampleOf({ slug, message, members }: Problem): ProblemExamples {
  return { [slug]: { detail: message, ...members } };
}

/** Only pages of the engine itself may act in the session of an operator. */
export const foreignExample = {
  detail: 'Only pages of this engine may ask for this in a session.',
  errors: [fieldFault('sec-fetch-site', 'cross-site', 'same-origin')],
} as const;

/** Of most operations. */
export const sharedProblems: ProblemExamples = {
  unauthenticated: {
    detail: 'The token in the Authorization header is wrong.',
    errors: [
      secretFault('authorization', 'Bearer wrong', 'Bearer <a token of the operators, or OPERATOR_TOKEN>'),
    ],
  },
  'foreign-origin': foreignExample,
  ...exampleOf(linkRefused()),
  ...exampleOf(unknownOperator(UNKNOWN)),
  'unknown-session': {
    detail: `You have no session ${UNKNOWN}.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of a session that GET /v1/operator/sessions lists')],
  },
  unavailable: { detail: 'The ledger is unreachable right now.' },
  'internal-error': { detail: 'Unexpected error; the engine has logged it.' },
  ...unknownCampaignIn('id'),
  'unknown-template': {
    detail: `Template ${UNKNOWN} does not exist.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of an existing template')],
  },
  'unknown-token': {
    detail: `Token ${UNKNOWN} does not exist.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of an existing token')],
  },
  'unknown-block': {
    detail: `Block ${UNKNOWN} does not exist.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of an existing block')],
  },
  'unknown-coupon': {
    detail: `Coupon ${UNKNOWN} does not exist.`,
    errors: [fieldFault('id', UNKNOWN, 'the number of an existing coupon')],
  },
  ...largerThan(16 * 1024),
  'unsupported-media-type': {
    detail: 'The body must be application/json.',
    errors: [fieldFault('content-type', 'text/plain', 'application/json')],
  },
  'not-acceptable': {
    detail: 'Not acceptable: accept is "application/xml", expected application/json or text/csv.',
    errors: [fieldFault('accept', 'application/xml', 'application/json or text/csv')],
  },
  ...archivedTo('The entries of campaign'),
  overloaded: { detail: '2 exports are running; retry when one has ended.' },
  'no-proof': { detail: `Campaign ${drop.id} is not a raffle with a draw proof.` },
  'no-room': { detail: `Campaign ${drop.id} is a coupon: it has no rate and no admissions.` },
  'not-open-yet': {
    detail: `Campaign ${drop.id} opens at ${drop.opensAt} and cannot be closed before then.`,
    opens_at: drop.opensAt,
  },
  'precondition-required': {
    detail: 'The If-Match header is missing: send the ETag of the version that you read.',
    errors: [fieldFault('if-match', undefined, '"2", the ETag that it has now')],
  },
  ...changedSince(`Campaign ${drop.id}`),
  'change-refused': {
    detail: 'The change was refused. These gateways have not confirmed the change: 0 (silent).',
    reason: 'gateway_silent',
    version: 2,
  },
  'clocks-agree': { detail: 'The clocks agree: this engine has nothing on hold.' },
  'other-difference': {
    detail: 'Redis is ahead of the clock of PostgreSQL by 119997 ms.',
    ahead_of: 'postgres',
    ahead_ms: 119_997,
  },
};

const TOO_NEAR = `2030-01-31T16:58:01.500Z or later, so that all gateways learn of it before`;

/** A change that the time is too near for. */
export const tooNear: ProblemExamples = {
  'change-refused': {
    detail: `Invalid change: opens_at is "2030-01-31T16:57:00.000Z", expected ${TOO_NEAR}.`,
    reason: 'too_near',
    errors: [fieldFault('opens_at', '2030-01-31T16:57:00.000Z', TOO_NEAR)],
  },
};

/** A viewer tries what needs the permission. */
export function forbiddenTo(permission: Permission): ProblemExamples {
  return { forbidden: refusalOf({ name: ann.name, role: 'viewer' }, permission) };
}

export function conflict(detail: string): ProblemExamples {
  return { conflict: { detail } };
}

/** `name` begins a sentence. */
export function changedSince(name: string): ProblemExamples {
  return {
    'precondition-failed': {
      detail: `${name} has changed since the version in If-Match: read it again.`,
      version: 2,
      errors: [fieldFault('if-match', '"1"', '"2", if the change still applies')],
    },
  };
}

/** `field` of the request names a campaign that does not exist. */
export function unknownCampaignIn(field: string): ProblemExamples {
  return {
    'unknown-campaign': {
      detail: `Campaign ${UNKNOWN} does not exist.`,
      errors: [fieldFault(field, UNKNOWN, 'the number of an existing campaign')],
    },
  };
}

export function largerThan(most: number): ProblemExamples {
  return {
    'payload-too-large': {
      detail: `The body is larger than ${most} bytes.`,
      errors: [fieldFault('body', `${2 * most} bytes`, `at most ${most} bytes`)],
    },
  };
}

/** `what` of the drop is in its archive. */
export function archivedTo(what: string): ProblemExamples {
  return { archived: { detail: `${what} ${drop.id} were archived to ${archive}.`, file: archive } };
}
