/** The routes of accounts: what each takes, and which act it runs. */
import type { Static, TObject } from 'typebox';
import type { ActAnswer, ActParts, Asker } from '../act-parts.ts';
import {
  changeAddress,
  deleteAccount,
  requestReset,
  requestVerification,
  resetPassword,
  signUp,
  verifyAddress,
} from '../acts.ts';
import {
  AddressBody,
  AuthorizationResponseBody,
  CredentialsBody,
  ExchangeBody,
  PasswordBody,
  ResetBody,
  SignUpBody,
  TokenBody,
} from '../contract/contract.ts';
import {
  exchangeToken,
  type IdentityParts,
  requestAuthorization,
  respondToAuthorization,
} from '../identity/acts.ts';
import {
  getMe,
  listSessions,
  logIn,
  logOut,
  logOutEverywhere,
  mintTicket,
  revokeSession,
} from '../session/acts.ts';

/** What the acts of all routes use. */
export type RouteParts = ActParts & IdentityParts;

export interface AccountRoute {
  /** The operation in the OpenAPI document. */
  readonly operation: string;
  readonly method: 'get' | 'post' | 'del';
  /** As uWebSockets.js spells it; `:id` is parameter 0. */
  readonly path: string;
  /** It is about an account that is kept here, of which there is none with LOCAL_ACCOUNTS=off. */
  readonly isLocal?: true;
  /** The schema of the body; absent if it takes none. */
  readonly body?: TObject;
  /** `given`: the checked body, or the parameter of the path. */
  readonly act: (parts: RouteParts, asker: Asker, given: unknown) => Promise<ActAnswer>;
}

type Described = Pick<AccountRoute, 'operation' | 'method' | 'path'>;

/** Ties an act to the schema of its body. */
function taking<S extends TObject>(
  described: Described,
  body: S,
  act: (parts: RouteParts, asker: Asker, body: Static<S>) => Promise<ActAnswer>,
): AccountRoute {
  return { ...described, body, act: (parts, asker, given) => act(parts, asker, given as Static<S>) };
}

/** Of accounts that are kept here. */
function local(route: AccountRoute): AccountRoute {
  return { ...route, isLocal: true };
}

function plain(
  described: Described,
  act: (parts: RouteParts, asker: Asker) => Promise<ActAnswer>,
): AccountRoute {
  return { ...described, act: (parts, asker) => act(parts, asker) };
}

function post(operation: string, path: string): Described {
  return { operation, method: 'post', path };
}

export const accountRoutes: readonly AccountRoute[] = [
  local(taking(post('signUp', '/v1/accounts'), SignUpBody, signUp)),
  local(taking(post('verifyAddress', '/v1/accounts/verification'), TokenBody, verifyAddress)),
  local(
    taking(post('requestVerification', '/v1/accounts/verification-mail'), AddressBody, requestVerification),
  ),
  local(taking(post('logIn', '/v1/accounts/login'), CredentialsBody, logIn)),
  taking(post('exchangeToken', '/v1/accounts/exchange'), ExchangeBody, exchangeToken),
  plain(post('requestAuthorization', '/v1/accounts/authorization-request'), requestAuthorization),
  taking(
    post('respondToAuthorization', '/v1/accounts/authorization-response'),
    AuthorizationResponseBody,
    respondToAuthorization,
  ),
  plain(post('logOut', '/v1/accounts/logout'), logOut),
  plain(post('logOutEverywhere', '/v1/accounts/logout-everywhere'), logOutEverywhere),
  local(taking(post('requestPasswordReset', '/v1/accounts/password-mail'), AddressBody, requestReset)),
  local(taking(post('resetPassword', '/v1/accounts/password'), ResetBody, resetPassword)),
  local(taking(post('changeAddress', '/v1/accounts/address'), CredentialsBody, changeAddress)),
  plain(post('mintTicket', '/v1/accounts/ticket'), mintTicket),
  plain({ operation: 'getMe', method: 'get', path: '/v1/accounts/me' }, getMe),
  taking(post('deleteAccount', '/v1/accounts/deletion'), PasswordBody, deleteAccount),
  plain({ operation: 'listSessions', method: 'get', path: '/v1/accounts/sessions' }, listSessions),
  {
    operation: 'revokeSession',
    method: 'del',
    path: '/v1/accounts/sessions/:id',
    act: (parts, asker, id) => revokeSession(parts, asker, String(id)),
  },
];
