/** What owners do with accounts: invite, give another link, change a role, disable and enable. An account is never deleted. */
import { type Queryable, transaction, violatedConstraint } from '../../../sql/database.ts';
import { endOperatorSessions } from '../../../sql/statements/operators/operator-sessions.ts';
import {
  deleteLinksMadeBy,
  deleteOperatorLink,
  getOperator,
  lockOperator,
  lockOwners,
  type OperatorAccount,
  setOperatorDisabled,
  setOperatorRole,
} from '../../../sql/statements/operators/operators.ts';
import { Problem } from '../../contract/api/problem.ts';
import { type Actor, noteAct } from '../acts.ts';
import { mayDo, type Role } from '../roles.ts';
import { lockMaker, type MadeLink, makeAccount, makeLink } from './enrolment.ts';
import { type AccountParts, keptByProvider, operatorTarget, unknownOperator } from './parts.ts';

type Pool = AccountParts['pool'];

export interface Invited {
  readonly account: OperatorAccount;
  readonly link: MadeLink;
}

/** Makes an account that enrols by the link. Throws Problem conflict if the name is taken. */
export async function inviteOperator(
  pool: Pool,
  { name, role }: { readonly name: string; readonly role: Role },
  actor: Actor,
): Promise<Invited> {
  return await transaction(pool, async db => {
    await lockMaker(db, actor);
    const account = await makeAccount(db, { name, role, madeBy: actor.name });
    const link = await makeLink(db, account.operatorId, actor.name);
    const details = { name, role, expires_at: link.expiresAt };
    await noteAct(db, actor, { target: operatorTarget(account.operatorId), details });
    return { account, link };
  });
}

/**
 * Makes another link for an account: for an invitation that came too late, or for somebody who has lost password and authenticator.
 * Until it is used, these stay valid. Throws Problem unknown-operator, conflict for a disabled account and for one that an
 * identity provider keeps.
 */
export async function inviteAgain(pool: Pool, operatorId: number, actor: Actor): Promise<Invited> {
  return await transaction(pool, async db => {
    await lockMaker(db, actor);
    const account = await locked(db, operatorId);
    if (account.disabledAt !== null) {
      throw new Problem('conflict', `Operator ${operatorId} is disabled: enable the account first.`);
    }
    if (account.issuer !== null) throw keptByProvider('password and second factor');
    const link = await makeLink(db, operatorId, actor.name);
    const details = { name: account.name, expires_at: link.expiresAt };
    await noteAct(db, actor, { target: operatorTarget(operatorId), details });
    return { account, link };
  });
}

/** Throws Problem unknown-operator. */
export async function findOperator(db: Queryable, operatorId: number): Promise<OperatorAccount> {
  const account = await getOperator(db, operatorId);
  if (account === undefined) throw unknownOperator(operatorId);
  return account;
}

/**
 * Changes a role, from the next request on. The links that a former owner has made end. `match` compares the account with what the change is based on, and
 * throws. Throws Problem unknown-operator, and conflict for one's own role, the last owner's, or one that groups at an identity provider give.
 */
export async function changeRole(
  pool: Pool,
  operatorId: number,
  role: Role,
  actor: Actor,
  match: (account: OperatorAccount) => void,
): Promise<OperatorAccount> {
  return await changing(pool, operatorId, async db => {
    const account = await locked(db, operatorId);
    match(account);
    if (account.role === role) return account;
    if (account.issuer !== null) throw keptByProvider('role');
    refuseOwn(actor, account, 'change your own role');
    const changed = await setOperatorRole(db, operatorId, role);
    if (changed === undefined) throw unknownOperator(operatorId);
    const ended = mayDo(role, 'administer') ? undefined : await deleteLinksMadeBy(db, account.name);
    const details = {
      ...{ name: account.name, from: { role: account.role }, to: { role } },
      ended_links: ended,
    };
    await noteAct(db, actor, { target: operatorTarget(operatorId), details });
    return changed;
  });
}

/**
 * Disables an account: its sessions end at once for every engine, and so do its link and the links that it has made. One that is
 * disabled stays so. Throws Problem
 * unknown-operator, and conflict for one's own account or the last owner's.
 */
export async function disableOperator(
  pool: Pool,
  operatorId: number,
  reason: string | null,
  actor: Actor,
): Promise<OperatorAccount> {
  return await changing(pool, operatorId, async db => {
    const account = await locked(db, operatorId);
    if (account.disabledAt !== null) return account;
    refuseOwn(actor, account, 'disable your own account');
    await deleteOperatorLink(db, operatorId);
    const endedLinks = await deleteLinksMadeBy(db, account.name);
    const disabled = await setOperatorDisabled(db, operatorId, actor.name);
    if (disabled === undefined) throw unknownOperator(operatorId);
    const ended = await endOperatorSessions(db, operatorId);
    const details = { name: account.name, ended_sessions: ended, ended_links: endedLinks };
    await noteAct(db, actor, { target: operatorTarget(operatorId), reason, details });
    return disabled;
  });
}

/** Lets an account log in again, with the credentials that it had. One that is enabled stays so. Throws Problem unknown-operator. */
export async function enableOperator(
  pool: Pool,
  operatorId: number,
  reason: string | null,
  actor: Actor,
): Promise<OperatorAccount> {
  return await changing(pool, operatorId, async db => {
    const account = await locked(db, operatorId);
    if (account.disabledAt === null) return account;
    const enabled = await setOperatorDisabled(db, operatorId, null);
    if (enabled === undefined) throw unknownOperator(operatorId);
    await noteAct(db, actor, {
      ...{ target: operatorTarget(operatorId), reason },
      details: { name: account.name },
    });
    return enabled;
  });
}

async function locked(db: Queryable, operatorId: number): Promise<OperatorAccount> {
  const account = await lockOperator(db, operatorId);
  if (account === undefined) throw unknownOperator(operatorId);
  return account;
}

/** Nobody loses a role by a slip: another owner has to take it away. */
function refuseOwn({ account }: Actor, { operatorId }: OperatorAccount, what: string): void {
  if (account?.operatorId === operatorId) {
    throw new Problem('conflict', `You cannot ${what}. Another owner can.`);
  }
}

/** With the first of all locks. The database finds the last owner, also when two owners do it to each other at the same moment. */
async function changing(
  pool: Pool,
  operatorId: number,
  work: (db: Queryable) => Promise<OperatorAccount>,
): Promise<OperatorAccount> {
  try {
    return await transaction(pool, async db => {
      await lockOwners(db);
      return await work(db);
    });
  } catch (error) {
    if (violatedConstraint(error) !== 'operators_keep_owner') throw error;
    const detail = `Operator ${operatorId} is the last owner. Make another owner first, who has to enrol.`;
    throw new Problem('conflict', detail);
  }
}
