/** Accounts of operators, as owners see them: invitations, roles, disabling. */
import type { FastifyInstance } from 'fastify';
import { listOperators, type OperatorAccount } from '../../../../sql/statements/operators/operators.ts';
import {
  changeRole,
  disableOperator,
  enableOperator,
  findOperator,
  type Invited,
  inviteAgain,
  inviteOperator,
} from '../../../operators/accounts/accounts.ts';
import { type MadeLink, makeFirstOwnerLink } from '../../../operators/accounts/enrolment.ts';
import { operations } from '../../contract/operations.ts';
import {
  type AccountJson,
  InvitationBody,
  type LinkJson,
  OperatorPath,
  ReasonBody,
  RoleBody,
} from '../../contract/operators/account-schemas.ts';
import { PageQuery } from '../../contract/schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { addToLine } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody, readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { requireMatch, withEtag } from '../../http/preconditions.ts';
import { addRoute } from '../../http/routing.ts';

export function addAccountRoutes(app: FastifyInstance, { pool }: ApiDeps): void {
  addRoute(app, operations.makeFirstOwnerLink, async (request, reply) => {
    const link = await makeFirstOwnerLink(pool, actorOf(request));
    reply.code(201);
    return linkJson(link);
  });

  addRoute(app, operations.inviteOperator, async (request, reply) => {
    const invitation = readBody(InvitationBody, request.body);
    const invited = await inviteOperator(pool, invitation, actorOf(request));
    const { operatorId } = invited.account;
    addToLine(request, { operatorId, ...invitation });
    reply.code(201).header('location', `${operations.inviteOperator.path}/${operatorId}`);
    withEtag(reply, invited.account);
    return invitedJson(invited);
  });

  addRoute(app, operations.listOperators, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listOperators(pool, { after: query.after ?? 0, limit }),
      ({ operatorId }) => operatorId,
    );
    return { operators: rows.map(accountJson), next };
  });

  addRoute(app, operations.getAccount, async (request, reply) => {
    const { id } = readParameters(OperatorPath, request.params);
    const account = await findOperator(pool, id);
    withEtag(reply, account);
    return accountJson(account);
  });

  addRoute(app, operations.inviteAgain, async (request, reply) => {
    const { id } = readParameters(OperatorPath, request.params);
    const invited = await inviteAgain(pool, id, actorOf(request));
    addToLine(request, { name: invited.account.name });
    reply.code(201);
    return invitedJson(invited);
  });

  addRoute(app, operations.changeRole, async (request, reply) => {
    const { id } = readParameters(OperatorPath, request.params);
    const { role } = readBody(RoleBody, request.body);
    const match = (account: OperatorAccount) => void requireMatch(request, account, `Operator ${id}`);
    const changed = await changeRole(pool, id, role, actorOf(request), match);
    addToLine(request, { name: changed.name, role });
    withEtag(reply, changed);
    return accountJson(changed);
  });

  for (const [operation, change] of [
    [operations.disableOperator, disableOperator],
    [operations.enableOperator, enableOperator],
  ] as const) {
    addRoute(app, operation, async (request, reply) => {
      const { id } = readParameters(OperatorPath, request.params);
      const { reason = null } = readBody(ReasonBody, request.body ?? {});
      const changed = await change(pool, id, reason, actorOf(request));
      addToLine(request, { name: changed.name });
      withEtag(reply, changed);
      return accountJson(changed);
    });
  }
}

function invitedJson({ account, link }: Invited) {
  return { ...accountJson(account), link: linkJson(link) };
}

function linkJson({ token, madeBy, expiresAt }: MadeLink): LinkJson {
  return { token, path: `/enrol#${token}`, made_by: madeBy, expires_at: expiresAt.toISOString() };
}

function outstandingLink({ linkMadeBy, linkExpiresAt }: OperatorAccount): AccountJson['link'] {
  if (linkMadeBy === null || linkExpiresAt === null) return null;
  return { made_by: linkMadeBy, expires_at: linkExpiresAt.toISOString() };
}

function accountJson(account: OperatorAccount): AccountJson {
  return {
    id: account.operatorId,
    name: account.name,
    role: account.role,
    made_by: account.madeBy,
    made_at: account.madeAt.toISOString(),
    enrolled_at: account.enrolledAt?.toISOString() ?? null,
    last_login_at: account.lastLoginAt?.toISOString() ?? null,
    disabled_at: account.disabledAt?.toISOString() ?? null,
    disabled_by: account.disabledBy,
    link: outstandingLink(account),
    issuer: account.issuer,
    subject: account.subject,
  };
}
