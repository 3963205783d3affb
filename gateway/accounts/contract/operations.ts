/** The operations of accounts, with every answer they give; see ../http/openapi.ts. */
import type { ProblemSlug } from '../../../engine/contract/api/problem.ts';
import type { ProblemExamples } from '../../../engine/contract/api/problem-examples.ts';
import type { Operation } from '../../http/operation.ts';
import {
  AddressBody,
  AuthorizationResponseBody,
  AuthorizationView,
  CredentialsBody,
  ExchangeBody,
  FanView,
  MailRequested,
  PasswordBody,
  ResetBody,
  SessionList,
  SignUpBody,
  shopFan,
  TicketView,
  TokenBody,
} from './contract.ts';
import {
  accountProblems,
  attemptsLimited,
  exchangesLimited,
  hashesLimited,
  invalidPassword,
  invalidQuery,
  invalidShopToken,
  invalidToken,
  mailsLimited,
  resetRefused,
  subjectRefused,
  verificationRefused,
} from './problem-examples.ts';

const ANY = ['unavailable', 'not-configured', 'too-many-requests'] as const satisfies readonly ProblemSlug[];
const CHANGE = [...ANY, 'foreign-origin'] as const satisfies readonly ProblemSlug[];
const WITH_BODY = [
  ...CHANGE,
  'invalid-request',
  'request-timeout',
  'payload-too-large',
  'unsupported-media-type',
] as const satisfies readonly ProblemSlug[];

type Described = Pick<Operation, 'id' | 'path' | 'summary' | 'answers'> &
  Partial<Pick<Operation, 'method' | 'body' | 'session'>> & {
    readonly problems: readonly ProblemSlug[];
    readonly examples?: ProblemExamples;
    /** Of an answer, by its status. */
    readonly answered?: Operation['examples'];
  };

function operation({ method = 'post', examples = {}, answered = {}, ...described }: Described): Operation {
  return {
    method,
    ticket: false,
    ...described,
    examples: answered,
    problemExamples: { ...accountProblems, ...examples },
  };
}

export const accountOperations: readonly Operation[] = [
  operation({
    id: 'signUp',
    path: '/v1/accounts',
    summary:
      'Sign up. An e-mail with a link to verify the address follows; if the address has an account already, one that says so. The answer ' +
      'is the same. Logins are refused until the link was opened, so tell the fan to look into the inbox.',
    body: SignUpBody,
    answers: { 202: MailRequested },
    problems: WITH_BODY,
    examples: mailsLimited,
  }),
  operation({
    id: 'verifyAddress',
    path: '/v1/accounts/verification',
    summary:
      'Verify an address with the token of the link in an e-mail, after a sign-up or for a change of address. Repeating it is safe.',
    body: TokenBody,
    answers: { 204: 'nothing' },
    problems: [...WITH_BODY, 'link-refused'],
    examples: { ...invalidToken, ...verificationRefused },
  }),
  operation({
    id: 'requestVerification',
    path: '/v1/accounts/verification-mail',
    summary: 'Have another link to verify the address sent, if it has an account and is not verified',
    body: AddressBody,
    answers: { 202: MailRequested },
    problems: WITH_BODY,
    examples: mailsLimited,
  }),
  operation({
    id: 'logIn',
    path: '/v1/accounts/login',
    summary:
      'Log in. The session is in the cookie that the answer sets: HttpOnly, Secure, SameSite=Lax, for this host only. Browsers also keep it ' +
      'for http://localhost.',
    body: CredentialsBody,
    answers: { 200: FanView },
    problems: [...WITH_BODY, 'login-refused'],
    examples: attemptsLimited,
  }),
  operation({
    id: 'exchangeToken',
    path: '/v1/accounts/exchange',
    summary:
      "Log in with a token of the shop's own accounts. The session is like that of a login, and the user is the token's `sub` behind the " +
      'name of its source.',
    body: ExchangeBody,
    answers: { 200: FanView },
    answered: { 200: shopFan },
    problems: [...WITH_BODY, 'token-refused'],
    examples: { ...invalidShopToken, ...exchangesLimited },
  }),
  operation({
    id: 'requestAuthorization',
    path: '/v1/accounts/authorization-request',
    summary:
      "Begin a login at the shop's OpenID provider. It leads the browser back to a page of the shop, which passes the query of its address to " +
      'authorization-response.',
    answers: { 200: AuthorizationView },
    problems: CHANGE,
  }),
  operation({
    id: 'respondToAuthorization',
    path: '/v1/accounts/authorization-response',
    summary:
      "Complete a login at the shop's OpenID provider, once. If the answer is lost, begin another: the provider knows the person by then.",
    body: AuthorizationResponseBody,
    answers: { 200: FanView },
    answered: { 200: shopFan },
    problems: [...WITH_BODY, 'authorization-refused', 'token-refused'],
    examples: { ...invalidQuery, ...subjectRefused, ...exchangesLimited },
  }),
  operation({
    id: 'logOut',
    path: '/v1/accounts/logout',
    summary: 'End the session and remove its cookie. Repeating it is safe.',
    session: true,
    answers: { 204: 'nothing' },
    problems: CHANGE,
  }),
  operation({
    id: 'logOutEverywhere',
    path: '/v1/accounts/logout-everywhere',
    summary: 'End all sessions of the account',
    session: true,
    answers: { 204: 'nothing' },
    problems: [...CHANGE, 'signed-out'],
  }),
  operation({
    id: 'requestPasswordReset',
    path: '/v1/accounts/password-mail',
    summary: 'Have a link to choose a new password sent, if the address has an account',
    body: AddressBody,
    answers: { 202: MailRequested },
    problems: WITH_BODY,
    examples: mailsLimited,
  }),
  operation({
    id: 'resetPassword',
    path: '/v1/accounts/password',
    summary:
      'Choose a new password with the token of the link in an e-mail, which works once. All sessions of the account end, and its address ' +
      'is verified.',
    body: ResetBody,
    answers: { 204: 'nothing' },
    problems: [...WITH_BODY, 'link-refused'],
    examples: { ...invalidPassword, ...resetRefused, ...hashesLimited },
  }),
  operation({
    id: 'changeAddress',
    path: '/v1/accounts/address',
    summary:
      'Change the address, with the password. A link goes to the new address, which is used once the link was opened, and a notice to the ' +
      'present one.',
    session: true,
    body: CredentialsBody,
    answers: { 202: MailRequested },
    problems: [...WITH_BODY, 'signed-out', 'wrong-password', 'kept-by-shop'],
    examples: attemptsLimited,
  }),
  operation({
    id: 'mintTicket',
    path: '/v1/accounts/ticket',
    summary:
      'Make a ticket of the session: the one call before entering. It renews the session too. Repeating it, or asking several times at once, ' +
      'is safe. After signed-out do not ask again, but show the login.',
    session: true,
    answers: { 200: TicketView },
    problems: [...CHANGE, 'signed-out'],
  }),
  operation({
    id: 'getMe',
    method: 'get',
    path: '/v1/accounts/me',
    summary: 'Read the account of the session',
    session: true,
    answers: { 200: FanView },
    problems: [...ANY, 'signed-out'],
  }),
  operation({
    id: 'deleteAccount',
    path: '/v1/accounts/deletion',
    summary:
      'Delete the account, with the password, and end its sessions. Entries stay, under an id that no longer identifies anybody.',
    session: true,
    body: PasswordBody,
    answers: { 204: 'nothing' },
    problems: [...WITH_BODY, 'signed-out', 'wrong-password', 'kept-by-shop'],
    examples: { ...invalidPassword, ...attemptsLimited },
  }),
  operation({
    id: 'listSessions',
    method: 'get',
    path: '/v1/accounts/sessions',
    summary: 'List the sessions of the account, the newest first; there are at most 20',
    session: true,
    answers: { 200: SessionList },
    problems: [...ANY, 'signed-out'],
  }),
  operation({
    id: 'revokeSession',
    method: 'delete',
    path: '/v1/accounts/sessions/{id}',
    summary: 'End one session of the account',
    session: true,
    answers: { 204: 'nothing' },
    problems: [...CHANGE, 'signed-out', 'unknown-session'],
  }),
];
