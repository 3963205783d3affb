/** Logins of operators at the identity provider. */
import type { FastifyInstance } from 'fastify';
import type { AccountParts } from '../../../operators/accounts/parts.ts';
import { ProviderLogin, providerNotConfigured } from '../../../operators/provider/provider-login.ts';
import { operations } from '../../contract/operations.ts';
import {
  type AuthorizationJson,
  AuthorizationResponseBody,
} from '../../contract/operators/provider-operations.ts';
import type { ApiDeps } from '../../deps.ts';
import { actionOf } from '../../http/authentication.ts';
import { clientReader } from '../../http/client.ts';
import { readBody } from '../../http/input.ts';
import { addRoute } from '../../http/routing.ts';
import { refuseForeign } from '../../http/session-cookie.ts';
import { keep, operatorJson } from './session-routes.ts';

export function addProviderRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'operatorProvider' | 'proxies' | 'log'>,
  parts: AccountParts,
): void {
  const { operatorProvider } = deps;
  const clientOf = clientReader(deps);
  const login = operatorProvider === undefined ? undefined : new ProviderLogin(parts, operatorProvider);

  addRoute(app, operations.requestAuthorization, async (request, reply): Promise<AuthorizationJson> => {
    refuseForeign(request.headers);
    if (login === undefined) throw providerNotConfigured();
    const { url, cookie } = await login.begin(request.headers.cookie ?? '');
    reply.header('set-cookie', cookie);
    return { url };
  });

  addRoute(app, operations.logInByProvider, async (request, reply) => {
    refuseForeign(request.headers);
    const { query } = readBody(AuthorizationResponseBody, request.body);
    if (login === undefined) throw providerNotConfigured();
    const begun = await login.complete(query, clientOf(request), actionOf(request));
    keep(request, reply, begun, login.sessionS);
    return operatorJson(begun.operator);
  });
}
