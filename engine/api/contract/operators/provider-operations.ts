/** The operations of logins at an identity provider, with their schemas; part of the table in ../operations.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { grace } from '../../../contract/api/examples/story.ts';
import { fieldFault, tooMany } from '../../../contract/api/problem.ts';
import { authorizationRefused, providerUnavailable } from '../../../contract/identity/refusals.ts';
import { TOO_MANY_LOGINS } from '../../../operators/accounts/attempting.ts';
import { operatorNameTaken } from '../../../operators/accounts/parts.ts';
import { groupRefused, providerNotConfigured } from '../../../operators/provider/provider-login.ts';
import { json, type Operation, shownBy } from '../operation.ts';
import { exampleOf } from '../problem-examples.ts';
import { exact } from '../schemas.ts';
import { OperatorJson } from '../tokens/token-schemas.ts';
import { OPEN } from './account-operations.ts';
import { loggedInExample } from './account-schemas.ts';

/** Codes and states of providers are far shorter. */
const MOST_QUERY_CHARACTERS = 4_000;

export const AuthorizationJson = Type.Object(
  {
    url: Type.String({
      format: 'uri',
      description:
        'Where to send the browser. The login there must be completed within 15 minutes, in this browser',
    }),
  },
  { ...exact, examples: [{ url: grace.authorizationUrl }] },
);
export type AuthorizationJson = Static<typeof AuthorizationJson>;

export const AuthorizationResponseBody = Type.Object(
  {
    query: Type.String({
      minLength: 1,
      maxLength: MOST_QUERY_CHARACTERS,
      description: '`location.search` of the page to which the provider led the browser back',
      'x-expected': `the query of the address, at most ${MOST_QUERY_CHARACTERS} characters`,
    }),
  },
  { ...exact, examples: [{ query: grace.authorizationQuery }] },
);

export const providerOperations = {
  requestAuthorization: {
    method: 'POST',
    path: '/v1/operator/authorization-request',
    isOpen: true,
    summary:
      'Begin a login at the identity provider of the operators. It leads the browser back to the page /login, which passes the query of its ' +
      'address to authorization-response.',
    answer: json(200, 'Begun', AuthorizationJson, {
      'set-cookie': 'Binds the login to this browser, for 15 minutes: HttpOnly, Secure, SameSite=Lax',
    }),
    problems: ['foreign-origin', 'unavailable', 'not-configured'],
    problemExamples: { ...exampleOf(providerNotConfigured()), ...exampleOf(providerUnavailable()) },
  },
  logInByProvider: {
    method: 'POST',
    path: '/v1/operator/authorization-response',
    isOpen: true,
    summary:
      'Complete a login at the identity provider, once. Its groups say the role, and the account is made by the first login. If the answer is ' +
      'lost, begin another.',
    body: AuthorizationResponseBody,
    answer: shownBy(
      json(200, 'Logged in', OperatorJson, {
        'set-cookie': 'The session: HttpOnly, Secure, SameSite=Strict, for OPERATOR_OIDC_SESSION_S',
      }),
      loggedInExample,
    ),
    problems: [
      ...OPEN,
      ...([
        'authorization-refused',
        'token-refused',
        'conflict',
        'too-many-requests',
        'not-configured',
      ] as const),
    ],
    problemExamples: {
      ...exampleOf(providerNotConfigured()),
      ...exampleOf(groupRefused('groups', undefined)),
      ...exampleOf(
        authorizationRefused(
          fieldFault('error', 'access_denied', 'a login that was completed at the provider'),
        ),
      ),
      ...exampleOf(operatorNameTaken(grace.name)),
      ...exampleOf(tooMany(TOO_MANY_LOGINS, 1_000)),
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
