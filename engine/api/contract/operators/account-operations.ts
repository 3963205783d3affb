/** The operations of accounts of operators; part of the table in ../operations.ts. */
import { grace } from '../../../contract/api/examples/story.ts';
import { fieldFault, type ProblemSlug, tooMany } from '../../../contract/api/problem.ts';
import { TOO_MANY_LOGINS } from '../../../operators/accounts/attempting.ts';
import { loginRefused } from '../../../operators/accounts/login.ts';
import { codeRefused, proofRefused, TOO_MANY_PROOFS } from '../../../operators/accounts/own-credentials.ts';
import { NAME_FREE } from '../../../operators/token-rules.ts';
import { ETAG, json, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { changedSince, conflict, exampleOf } from '../problem-examples.ts';
import { MatchHeaders } from '../schedule-schemas.ts';
import { PageQuery } from '../schemas.ts';
import { OperatorJson } from '../tokens/token-schemas.ts';
import {
  AccountJson,
  AccountPage,
  CodeBody,
  CompletionBody,
  demotedExample,
  disabledExample,
  EnrolledJson,
  EnrolmentBody,
  EnrolmentJson,
  InvitationBody,
  InvitedJson,
  LinkJson,
  LoginBody,
  loggedInExample,
  OperatorPath,
  PasswordBody,
  ReasonBody,
  RecoveryCodesJson,
  RoleBody,
  SessionPath,
  SessionsJson,
} from './account-schemas.ts';

/** Of operations that anybody may ask for, as they are how somebody gets a session. */
export const OPEN = [
  ...(['invalid-request', 'foreign-origin', 'unavailable', 'internal-error'] as const),
  ...WITH_BODY,
] as const satisfies readonly ProblemSlug[];

const COOKIE = {
  'set-cookie':
    'The session, for twelve hours, and a cookie by which the browser is known at its next login: HttpOnly, Secure, SameSite=Strict',
} as const;
const taken = {
  conflict: {
    detail: `The name "${grace.name}" is taken.`,
    errors: [fieldFault('name', grace.name, NAME_FREE)],
  },
};
const NO_ACCOUNT = conflict('A token has no sessions and no codes: log in to an account instead.');
const tooManyLogins = exampleOf(tooMany(TOO_MANY_LOGINS, 1_000));
const tooManyHashes = exampleOf(
  tooMany('Too many operators log in at this moment. Retrying is safe.', 1_000),
);

export const accountOperations = {
  logIn: {
    method: 'POST',
    path: '/v1/operator/login',
    isOpen: true,
    summary: 'Log in with name, password and a code of the authenticator, or a recovery code in its place',
    body: LoginBody,
    answer: shownBy(json(200, 'Logged in', OperatorJson, COOKIE), loggedInExample),
    problems: [...OPEN, 'login-refused', 'too-many-requests'],
    problemExamples: { ...exampleOf(loginRefused()), ...tooManyLogins },
  },
  beginEnrolment: {
    method: 'POST',
    path: '/v1/operator/enrolment',
    isOpen: true,
    summary: 'Show whom a one-time link is for, and a secret for their authenticator. Stores nothing.',
    body: EnrolmentBody,
    answer: json(200, 'Begun', EnrolmentJson),
    problems: [...OPEN, 'link-refused'],
  },
  completeEnrolment: {
    method: 'POST',
    path: '/v1/operator/enrolment/completion',
    isOpen: true,
    summary:
      'Use a one-time link up: set the password and the authenticator, end former sessions of the account, and log in. ' +
      'Only this answer shows the recovery codes.',
    body: CompletionBody,
    answer: json(201, 'Enrolled', EnrolledJson, COOKIE),
    problems: [...OPEN, 'link-refused', 'conflict', 'too-many-requests'],
    problemExamples: { ...taken, ...tooManyHashes },
  },
  logOut: {
    method: 'POST',
    path: '/v1/operator/logout',
    summary: 'End the session of this request',
    answer: shownBy(json(200, 'Logged out', SessionsJson, { 'set-cookie': 'Removes the session' }), {
      sessions: [],
    }),
    problems: ['unauthenticated', 'unavailable', 'internal-error', 'conflict'],
    problemExamples: NO_ACCOUNT,
  },
  listSessions: {
    method: 'GET',
    path: '/v1/operator/sessions',
    summary: 'List own sessions',
    answer: json(200, 'The sessions', SessionsJson),
    problems: ['unauthenticated', 'unavailable', 'internal-error', 'conflict'],
    problemExamples: NO_ACCOUNT,
  },
  endSession: {
    method: 'POST',
    path: '/v1/operator/sessions/{id}/end',
    summary: 'End one of the own sessions, at once for every engine',
    parameters: SessionPath,
    answer: json(200, 'The sessions that are left', SessionsJson),
    problems: [...SECURED, 'conflict', 'unknown-session'],
    problemExamples: NO_ACCOUNT,
  },
  changePassword: {
    method: 'POST',
    path: '/v1/operator/password',
    summary:
      'Change the own password, with the present one and the next code of the authenticator, or a recovery code in its place. ' +
      'The other own sessions end.',
    body: PasswordBody,
    answer: json(200, 'Changed; the session that is left', SessionsJson),
    problems: [...SECURED, ...WITH_BODY, 'conflict', 'login-refused', 'too-many-requests'],
    problemExamples: {
      ...NO_ACCOUNT,
      ...exampleOf(proofRefused()),
      ...exampleOf(tooMany(TOO_MANY_PROOFS, 1_000)),
    },
  },
  renewRecoveryCodes: {
    method: 'POST',
    path: '/v1/operator/recovery-codes',
    summary: 'Make new recovery codes in place of the former ones, with the next code of the authenticator',
    body: CodeBody,
    answer: json(201, 'Made', RecoveryCodesJson),
    problems: [...SECURED, ...WITH_BODY, 'conflict', 'login-refused', 'too-many-requests'],
    problemExamples: {
      ...NO_ACCOUNT,
      ...exampleOf(codeRefused()),
      ...exampleOf(tooMany(TOO_MANY_PROOFS, 1_000)),
    },
  },
  makeFirstOwnerLink: {
    method: 'POST',
    path: '/v1/operators/first-owner-link',
    summary:
      'Make the one-time link by which the first owner enrols, in place of the former one. It ends in an hour, and ' +
      'once there is an owner.',
    answer: json(201, 'Made', LinkJson),
    problems: ['unauthenticated', 'unavailable', 'internal-error', 'conflict'],
    problemExamples: conflict('There is an owner already, who can invite others.'),
  },
  inviteOperator: {
    method: 'POST',
    path: '/v1/operators',
    summary: 'Invite an operator by a one-time link, which ends in three days. Only this answer shows it.',
    body: InvitationBody,
    answer: json(201, 'Invited', InvitedJson, { location: 'The URL of the account', ...ETAG }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
    problemExamples: taken,
  },
  listOperators: {
    method: 'GET',
    path: '/v1/operators',
    summary: 'List accounts by id, a page at a time',
    query: PageQuery,
    answer: json(200, 'A page', AccountPage),
    problems: SECURED,
  },
  getAccount: {
    method: 'GET',
    path: '/v1/operators/{id}',
    summary: 'Read about an account',
    parameters: OperatorPath,
    answer: json(200, 'The account', AccountJson, ETAG),
    problems: [...SECURED, 'unknown-operator'],
  },
  inviteAgain: {
    method: 'POST',
    path: '/v1/operators/{id}/link',
    summary:
      'Make another one-time link for an account, in place of the former one: the invitation came too late, or ' +
      'password and authenticator are lost. They stay valid until it is used.',
    parameters: OperatorPath,
    answer: json(201, 'Made', InvitedJson),
    problems: [...SECURED, 'unknown-operator', 'conflict'],
    problemExamples: conflict(`Operator ${grace.account} is disabled: enable the account first.`),
  },
  changeRole: {
    method: 'PATCH',
    path: '/v1/operators/{id}',
    summary: 'Change the role of another operator, from their next request on',
    parameters: OperatorPath,
    headers: MatchHeaders,
    body: RoleBody,
    answer: shownBy(json(200, 'Changed', AccountJson, ETAG), demotedExample),
    problems: [
      ...[...SECURED, ...WITH_BODY, 'unknown-operator', 'conflict'],
      ...['precondition-required', 'precondition-failed'],
    ],
    problemExamples: {
      ...conflict(`Operator ${grace.account} is the last owner. Make another owner first, who has to enrol.`),
      ...changedSince(`Operator ${grace.account}`),
    },
  },
  disableOperator: {
    method: 'POST',
    path: '/v1/operators/{id}/disable',
    summary: 'Disable the account of another operator: all its sessions end at once. Retrying is safe.',
    parameters: OperatorPath,
    body: ReasonBody,
    answer: shownBy(json(200, 'Disabled', AccountJson, ETAG), disabledExample),
    problems: [...SECURED, ...WITH_BODY, 'unknown-operator', 'conflict'],
    problemExamples: conflict('You cannot disable your own account. Another owner can.'),
  },
  enableOperator: {
    method: 'POST',
    path: '/v1/operators/{id}/enable',
    summary:
      'Let an account log in again, with the password and authenticator that it had. Retrying is safe.',
    parameters: OperatorPath,
    body: ReasonBody,
    answer: json(200, 'Enabled', AccountJson, ETAG),
    problems: [...SECURED, ...WITH_BODY, 'unknown-operator'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
