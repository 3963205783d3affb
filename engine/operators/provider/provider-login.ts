/**
 * Logins of operators whose account an identity provider keeps. Password and second factor are its matter; it says who somebody is (issuer and
 * subject) and in which groups, and the groups say the role, anew at each login. An account is made by its first login. The session ends after
 * a stated time (OPERATOR_OIDC_SESSION_S), and at once if a login finds that no group is left, or by disabling the account here.
 */
import { createHash } from 'node:crypto';
import { type Pool, type Queryable, transaction } from '../../../sql/database.ts';
import { endOperatorSessions } from '../../../sql/statements/operators/operator-sessions.ts';
import {
  deleteLinksMadeBy,
  getOperator,
  lockOwners,
  type OperatorAccount,
  setOperatorRole,
} from '../../../sql/statements/operators/operators.ts';
import {
  firstFreeName,
  insertProviderOperator,
  lockOperatorNames,
  lockProviderOperator,
  type Subject,
} from '../../../sql/statements/operators/provider-operators.ts';
import { fieldFault, Problem } from '../../contract/api/problem.ts';
import { AuthorizationStates } from '../../contract/identity/authorization-state.ts';
import { type Claims, OpenIdClient } from '../../contract/identity/open-id-client.ts';
import { authorizationRefused, tokenRefused } from '../../contract/identity/refusals.ts';
import { permit } from '../../contract/limits/taking.ts';
import { type Client, tooManyLogins } from '../accounts/attempting.ts';
import type { LoggedIn } from '../accounts/login.ts';
import { type AccountParts, operatorNameTaken, operatorTarget } from '../accounts/parts.ts';
import { beginSession } from '../accounts/sessions.ts';
import { noteAct } from '../acts.ts';
import { mayDo, type Role } from '../roles.ts';
import { roleOfGroups } from './groups.ts';
import type { ProviderTerms } from './variables.ts';

export const AUTHORIZATION_COOKIE = '__Host-fairline_operator_authorization';
const MOST_SUBJECT_CHARACTERS = 255;
const MOST_NAME_CHARACTERS = 100;

export class ProviderLogin {
  readonly #parts: AccountParts;
  readonly #terms: ProviderTerms;
  readonly #client: Pick<OpenIdClient, 'begin' | 'complete'>;

  constructor(parts: AccountParts, terms: ProviderTerms) {
    this.#parts = parts;
    this.#terms = terms;
    this.#client = new OpenIdClient({
      ...terms,
      what: "the operators' identity provider",
      states: new AuthorizationStates(AUTHORIZATION_COOKIE, parts.keys.authorizations),
      log: parts.log,
    });
  }

  /** How long a session lasts, s. */
  get sessionS(): number {
    return this.#terms.sessionS;
  }

  /** Where to send the browser, and the Set-Cookie header for it. Throws Problem unavailable. */
  async begin(cookies: string): Promise<{ readonly url: string; readonly cookie: string }> {
    return await this.#client.begin(cookies);
  }

  /**
   * Completes a login, which costs its network one as others do. `query`: that of the address to which the provider led the browser. Throws Problem authorization-refused (also
   * for a disabled account), token-refused (also without a group that has a role), too-many-requests and unavailable.
   */
  async complete(query: string, { network, cookies, userAgent }: Client, action: string): Promise<LoggedIn> {
    const { pool, attempts } = this.#parts;
    const { roles, groupsClaim, nameClaim, sessionS } = this.#terms;
    permit(attempts.fromNetwork(network), tooManyLogins);
    const claims = await this.#client.complete(cookies, query);
    const who = subjectOf(claims);
    const role = roleOfGroups(roles, claims[groupsClaim]);
    if (role === undefined) {
      await endWithoutGroup(pool, who, action);
      throw groupRefused(groupsClaim, claims[groupsClaim]);
    }
    return await transaction(pool, async db => {
      const { account, change } = await admit(db, who, { role, name: nameOf(claims[nameClaim]) });
      const { operatorId, name } = account;
      const { sessionId, secret } = await beginSession(db, operatorId, userAgent, sessionS);
      const operator = { name, role, tokenId: null, account: { operatorId, sessionId } };
      const details = { session: sessionId, ...change };
      await noteAct(db, { ...operator, action }, { target: operatorTarget(operatorId), details });
      return { sessionId, secret, operator };
    });
  }
}

/** The account, with the role of this login, and what of it the log has to say. Throws Problem authorization-refused if it is disabled. */
async function admit(
  db: Queryable,
  who: Subject,
  { role, name }: { readonly role: Role; readonly name: string | undefined },
): Promise<{ readonly account: OperatorAccount; readonly change: object }> {
  // Before any row, as everywhere: an owner may become another.
  await lockOwners(db);
  let operatorId = await lockProviderOperator(db, who);
  if (operatorId === undefined) {
    // Of several first logins of one person at the same moment the others find the account under this lock.
    await lockOperatorNames(db);
    operatorId = await lockProviderOperator(db, who);
  }
  if (operatorId === undefined) {
    const made = await insertProviderOperator(db, { ...who, role, name: await freeName(db, who, name) });
    const account = await accountOf(db, made);
    return { account, change: { made: true, name: account.name, role } };
  }
  const account = await accountOf(db, operatorId);
  if (account.disabledAt !== null)
    throw authorizationRefused(fieldFault('account', account.name, 'an account that is not disabled here'));
  if (account.role === role) return { account, change: {} };
  await setOperatorRole(db, operatorId, role);
  const ended_links = mayDo(role, 'administer') ? undefined : await deleteLinksMadeBy(db, account.name);
  const change = { from: { role: account.role }, to: { role }, ended_links };
  return { account: { ...account, role }, change };
}

async function accountOf(db: Queryable, operatorId: number): Promise<OperatorAccount> {
  const account = await getOperator(db, operatorId);
  if (account === undefined) throw new Error(`account ${operatorId} is locked and missing`);
  return account;
}

/** The name that the provider gives, marked if somebody else has it: a name is one account's for good. */
async function freeName(
  db: Queryable,
  { issuer, subject }: Subject,
  given: string | undefined,
): Promise<string> {
  const mark = createHash('sha256').update(`${issuer}\n${subject}`).digest('hex').slice(0, 12);
  const name = given ?? `operator ${mark}`;
  const room = MOST_NAME_CHARACTERS - mark.length - ' ()'.length;
  const free = await firstFreeName(db, [name, `${[...name].slice(0, room).join('').trim()} (${mark})`]);
  if (free === undefined) throw operatorNameTaken(name);
  return free;
}

/** As names of operators are written; undefined if the claim is no such text. See `tokenName` of the API. */
function nameOf(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const shown = claim.normalize('NFC').replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu, '');
  const name = [...shown.trim()].slice(0, MOST_NAME_CHARACTERS).join('').trim();
  return name === '' ? undefined : name;
}

/** Throws Problem token-refused if the token names nobody. */
function subjectOf({ iss, sub }: Claims): Subject {
  const isRight = typeof sub === 'string' && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(sub);
  if (typeof iss === 'string' && isRight) return { issuer: iss, subject: sub };
  const expected = `an id of 1 to ${MOST_SUBJECT_CHARACTERS} characters without control characters`;
  throw tokenRefused(fieldFault('token.sub', sub, expected));
}

/** Somebody who has lost all groups has no session left, and no link that they have made is good. */
async function endWithoutGroup(pool: Pool, who: Subject, action: string): Promise<void> {
  await transaction(pool, async db => {
    await lockOwners(db);
    const operatorId = await lockProviderOperator(db, who);
    if (operatorId === undefined) return;
    const { name, role } = await accountOf(db, operatorId);
    const ended = await endOperatorSessions(db, operatorId);
    const endedLinks = await deleteLinksMadeBy(db, name);
    if (ended === 0 && endedLinks === 0) return;
    const details = { ended_sessions: ended, ended_links: endedLinks, without_group: true };
    await noteAct(db, { name, role, tokenId: null, action }, { target: operatorTarget(operatorId), details });
  });
}

/** The groups that have a role are not told to somebody who has none. */
export function groupRefused(claim: string, given: unknown): Problem {
  return tokenRefused(
    fieldFault(`token.${claim}`, given, 'a group to which OPERATOR_OIDC_ROLES gives a role'),
  );
}

export function providerNotConfigured(): Problem {
  return new Problem('not-configured', 'Operators of this engine log in with a password only.', {
    errors: [
      fieldFault(
        'OPERATOR_OIDC_ISSUER',
        undefined,
        'a setting of the engines, for logins at an identity provider',
      ),
    ],
  });
}
