/** Login, enrolment, and what operators do with their own account. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { beginEnrolment, completeEnrolment } from '../../../operators/accounts/enrolment.ts';
import { type LoggedIn, logIn } from '../../../operators/accounts/login.ts';
import { changePassword, renewRecoveryCodes } from '../../../operators/accounts/own-credentials.ts';
import type { AccountParts } from '../../../operators/accounts/parts.ts';
import { accountOf, endSession, ownSessions, SESSION_LIFE_S } from '../../../operators/accounts/sessions.ts';
import type { Operator } from '../../../operators/authenticate.ts';
import { permissionsOf } from '../../../operators/roles.ts';
import { operations } from '../../contract/operations.ts';
import {
  CodeBody,
  CompletionBody,
  EnrolmentBody,
  type EnrolmentJson,
  LoginBody,
  PasswordBody,
  type SessionJson,
  SessionPath,
} from '../../contract/operators/account-schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { actionOf, actorOf, operatorOf, setOperator } from '../../http/authentication.ts';
import { clientReader } from '../../http/client.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { addRoute } from '../../http/routing.ts';
import { clearSession, keepSession, refuseForeign } from '../../http/session-cookie.ts';

export function addSessionRoutes(app: FastifyInstance, deps: ApiDeps, parts: AccountParts): void {
  const clientOf = clientReader(deps);

  addRoute(app, operations.getOperator, async request => operatorJson(operatorOf(request)));

  addRoute(app, operations.logIn, async (request, reply) => {
    refuseForeign(request.headers);
    const login = readBody(LoginBody, request.body);
    const begun = await logIn(parts, login, clientOf(request), actionOf(request));
    keep(request, reply, begun);
    return operatorJson(begun.operator);
  });

  addRoute(app, operations.beginEnrolment, async (request): Promise<EnrolmentJson> => {
    refuseForeign(request.headers);
    const { token } = readBody(EnrolmentBody, request.body);
    const { name, role, expiresAt, totp, sealed } = await beginEnrolment(parts, token);
    return {
      ...{ name, role, expires_at: expiresAt.toISOString() },
      ...{ totp_secret: totp.secret, totp_uri: totp.uri, totp_qr: totp.qr, enrolment: sealed },
    };
  });

  addRoute(app, operations.completeEnrolment, async (request, reply) => {
    refuseForeign(request.headers);
    const { token, enrolment, code, password, name } = readBody(CompletionBody, request.body);
    const completion = { token, sealed: enrolment, code, password, name };
    const enrolled = await completeEnrolment(parts, completion, clientOf(request), actionOf(request));
    keep(request, reply, enrolled);
    reply.code(201);
    return { ...operatorJson(enrolled.operator), recovery_codes: enrolled.recoveryCodes };
  });

  addRoute(app, operations.logOut, async (request, reply) => {
    const actor = actorOf(request);
    await endSession(parts, accountOf(actor).sessionId, actor);
    reply.header('set-cookie', clearSession());
    return { sessions: await sessionsJson(deps, actor) };
  });

  addRoute(app, operations.listSessions, async request => ({
    sessions: await sessionsJson(deps, operatorOf(request)),
  }));

  addRoute(app, operations.endSession, async request => {
    const { id } = readParameters(SessionPath, request.params);
    const actor = actorOf(request);
    await endSession(parts, id, actor);
    return { sessions: await sessionsJson(deps, actor) };
  });

  addRoute(app, operations.changePassword, async (request, reply) => {
    const { password, code, new_password: newPassword } = readBody(PasswordBody, request.body);
    const actor = actorOf(request);
    const { network } = clientOf(request);
    reply.header('set-cookie', await changePassword(parts, { password, code, newPassword }, actor, network));
    return { sessions: await sessionsJson(deps, actor) };
  });

  addRoute(app, operations.renewRecoveryCodes, async (request, reply) => {
    const { code } = readBody(CodeBody, request.body);
    const codes = await renewRecoveryCodes(parts, code, actorOf(request));
    reply.code(201);
    return { recovery_codes: codes };
  });
}

/** The browser keeps the new session, and the act is its operator's. */
export function keep(
  request: FastifyRequest,
  reply: FastifyReply,
  { secret, operator, deviceCookie }: LoggedIn,
  lifeS = SESSION_LIFE_S,
): void {
  setOperator(request, operator);
  reply.header('set-cookie', [
    keepSession(secret, lifeS),
    ...(deviceCookie === undefined ? [] : [deviceCookie]),
  ]);
}

export function operatorJson({ name, role, tokenId, account }: Operator) {
  return {
    ...{ name, role, token: tokenId },
    ...{ account: account?.operatorId ?? null, session: account?.sessionId ?? null },
    permissions: permissionsOf(role),
  };
}

async function sessionsJson({ pool }: ApiDeps, operator: Operator): Promise<SessionJson[]> {
  const sessions = await ownSessions(pool, operator);
  return sessions.map(session => ({
    id: session.sessionId,
    current: session.sessionId === operator.account?.sessionId,
    user_agent: session.userAgent,
    made_at: session.madeAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
  }));
}
