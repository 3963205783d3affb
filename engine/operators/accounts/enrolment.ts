/**
 * Enrolment by a one-time link: the one that makes the first owner, that of an invitation, or a new one for somebody who has lost
 * password and authenticator. It takes two calls: the first shows a TOTP secret, and the second proves by a code that an authenticator
 * has it. Nothing is stored in between: the secret travels sealed, and opens for this link alone.
 */
import { randomBytes } from 'node:crypto';
import { type Queryable, transaction, violatedConstraint } from '../../../sql/database.ts';
import { endOperatorSessions } from '../../../sql/statements/operators/operator-sessions.ts';
import { operatorTokens } from '../../../sql/statements/operators/operator-tokens.ts';
import {
  enrolOperator,
  type FoundLink,
  findOperatorLink,
  getOperator,
  hasOwner,
  insertOperator,
  lockOperator,
  lockOwners,
  type OperatorAccount,
  type OperatorLink,
  putOperatorLink,
  takeOperatorLink,
} from '../../../sql/statements/operators/operators.ts';
import {
  type FieldFault,
  fieldFault,
  invalidRequest,
  Problem,
  secretFault,
} from '../../contract/api/problem.ts';
import { hashOfToken } from '../../contract/keys/bearer-tokens.ts';
import { hashPassword } from '../../contract/passwords/hashing.ts';
import { normalisePassword } from '../../contract/passwords/password-rules.ts';
import { type Actor, noteAct } from '../acts.ts';
import { ENVIRONMENT_OPERATOR } from '../authenticate.ts';
import { mayDo, type Role } from '../roles.ts';
import { type Client, deviceCookie } from './attempting.ts';
import type { LoggedIn } from './login.ts';
import { storeRecoveryCodes } from './own-credentials.ts';
import {
  type AccountParts,
  inTurn,
  linkRefused,
  operatorNameTaken,
  operatorTarget,
  totpPurpose,
} from './parts.ts';
import { makeRecoveryCodes } from './recovery-codes.ts';
import { beginSession } from './sessions.ts';
import { makeTotpSecret, shownTotp, stepOfCode } from './totp.ts';

/** The person who starts fairline is present, and a link that is left unused must end soon. */
const FIRST_OWNER_LIFE_S = 3_600;
/** An invitation reaches its operator by other means, at the latest after a week's end. */
const INVITATION_LIFE_S = 3 * 86_400;
const TOKEN_BYTES = 32;
/** Lets scanners of repositories and logs recognise a link. */
const TOKEN_PREFIX = 'fairline_link_';
const TOKEN = new RegExp(`^${TOKEN_PREFIX}[\\w-]{43}$`);

/** A link that was just made: the only place where its token stands. */
export interface MadeLink {
  readonly token: string;
  readonly madeBy: string;
  readonly expiresAt: Date;
}

/**
 * Takes the first of all locks: until the end of the transaction nobody stops being an owner, which ends the links that they have made.
 * Throws Problem conflict if the actor, whose request was let in before, has stopped being one.
 */
export async function lockMaker(db: Queryable, { account, tokenId }: Actor): Promise<void> {
  await lockOwners(db);
  if (account !== undefined) {
    const now = await getOperator(db, account.operatorId);
    if (now !== undefined && now.disabledAt === null && mayDo(now.role, 'administer')) return;
  } else if (tokenId === null || (await operatorTokens.get(db, tokenId))?.revokedAt === null) return;
  throw new Problem('conflict', 'Your permission to make links has ended since the request was sent.');
}

/** Makes the link of an account, in place of the former one. Needs lockMaker. `operatorId`: null for the link that makes the first owner. */
export async function makeLink(db: Queryable, operatorId: number | null, madeBy: string): Promise<MadeLink> {
  const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  const lifeS = operatorId === null ? FIRST_OWNER_LIFE_S : INVITATION_LIFE_S;
  const link = await putOperatorLink(db, { secretHash: hashOfToken(token), operatorId, madeBy, lifeS });
  return { token, madeBy, expiresAt: link.expiresAt };
}

/** Makes the link that makes the first owner. Throws Problem conflict once there is an owner. */
export async function makeFirstOwnerLink(pool: AccountParts['pool'], actor: Actor): Promise<MadeLink> {
  return await transaction(pool, async db => {
    await lockMaker(db, actor);
    if (await hasOwner(db)) {
      throw new Problem('conflict', 'There is an owner already, who can invite others.');
    }
    const link = await makeLink(db, null, actor.name);
    await noteAct(db, actor, { target: 'operators', details: { expires_at: link.expiresAt } });
    return link;
  });
}

/** What the holder of a link is shown. */
export interface Enrolment {
  /** Null: the holder chooses a name, and becomes the first owner. */
  readonly name: string | null;
  readonly role: Role;
  readonly expiresAt: Date;
  readonly totp: ReturnType<typeof shownTotp>;
  /** The secret sealed, for the second call. */
  readonly sealed: string;
}

/** Shows a new TOTP secret. Can be repeated: what counts is the secret of the second call. Throws Problem link-refused. */
export async function beginEnrolment({ pool, keys }: AccountParts, token: string): Promise<Enrolment> {
  const link = await findLink(pool, token);
  const secret = makeTotpSecret();
  return {
    name: link.name,
    role: link.role ?? 'owner',
    expiresAt: link.expiresAt,
    totp: shownTotp(secret, link.name ?? 'owner'),
    sealed: keys.seal(secret, linkPurpose(token)).toString('base64url'),
  };
}

async function findLink(db: Queryable, token: string): Promise<FoundLink> {
  const link = TOKEN.test(token) ? await findOperatorLink(db, hashOfToken(token)) : undefined;
  if (link === undefined || (link.operatorId === null && (await hasOwner(db)))) throw linkRefused();
  return link;
}

function linkPurpose(token: string): string {
  return `enrolment ${hashOfToken(token).toString('hex')}`;
}

export interface Completion {
  readonly token: string;
  /** That of beginEnrolment. */
  readonly sealed: string;
  readonly code: string;
  readonly password: string;
  /** For the first owner alone: others have the name of their invitation. */
  readonly name: string | undefined;
}

export interface Enrolled extends LoggedIn {
  /** In the answer alone. */
  readonly recoveryCodes: readonly string[];
}

/**
 * Uses a link up: the account has the password, the authenticator and new recovery codes from then on, its former sessions end, and a
 * new one begins. Throws Problem link-refused, invalid-request (a weak password, a wrong code), conflict (a taken name), and
 * too-many-requests.
 */
export async function completeEnrolment(
  parts: AccountParts,
  given: Completion,
  client: Client,
  action: string,
): Promise<Enrolled> {
  const link = await findLink(parts.pool, given.token);
  const { name, secret, step } = check(parts, link, given);
  const passwordHash = await inTurn(parts, { network: client.network, isKnown: true }, () =>
    hashPassword(normalisePassword(given.password)),
  );
  const totpSealed = parts.keys.seal(secret, totpPurpose(name));
  return await transaction(parts.pool, async db => {
    // Owners or the account before the link, in the order of those who make links and change accounts.
    if (link.operatorId === null) await lockOwners(db);
    else await lockOperator(db, link.operatorId);
    const taken = await takeOperatorLink(db, hashOfToken(given.token));
    if (taken === undefined) throw linkRefused();
    const operatorId = taken.operatorId ?? (await makeFirstOwner(db, name));
    const account = await enrolOperator(db, operatorId, { passwordHash, totpSealed, totpStep: step });
    if (account === undefined) throw linkRefused();
    const { userAgent } = client;
    const begun = await begin(db, parts, account, { userAgent, action, link: taken });
    return { ...begun, deviceCookie: deviceCookie(parts, name, passwordHash) };
  });
}

/** What the body means. Throws Problem invalid-request with all faults. */
function check(
  { keys, rules }: AccountParts,
  link: FoundLink,
  { token, sealed, code, password, name }: Completion,
): { readonly name: string; readonly secret: Buffer; readonly step: number } {
  const faults: FieldFault[] = [];
  if (link.name === null && name === undefined)
    faults.push(fieldFault('name', name, 'the name of the first owner'));
  if (link.name !== null && name !== undefined)
    faults.push(fieldFault('name', name, `nothing: this link is for ${link.name}`));
  const own = link.name ?? name ?? '';
  const weakness = rules.refusal(normalisePassword(password), own);
  if (weakness !== undefined) faults.push(secretFault('password', password, weakness));
  const secret = keys.open(Buffer.from(sealed, 'base64url'), linkPurpose(token));
  const step = secret && stepOfCode(secret, code, link.nowMs);
  if (secret === undefined)
    faults.push(
      secretFault('enrolment', sealed, 'what POST /v1/operator/enrolment has answered for this link'),
    );
  else if (step === undefined)
    faults.push(secretFault('code', code, 'the present code of the authenticator that has the secret'));
  if (faults.length > 0 || secret === undefined || step === undefined) throw invalidRequest(faults);
  return { name: own, secret, step };
}

/** Needs lockOwners. Throws Problem link-refused if somebody else has become an owner, conflict if the name is taken. */
async function makeFirstOwner(db: Queryable, name: string): Promise<number> {
  if (await hasOwner(db)) throw linkRefused();
  return (await makeAccount(db, { name, role: 'owner', madeBy: ENVIRONMENT_OPERATOR })).operatorId;
}

/** Throws Problem conflict if the name is taken. */
export async function makeAccount(
  db: Queryable,
  account: Pick<OperatorAccount, 'name' | 'role' | 'madeBy'>,
): Promise<OperatorAccount> {
  const { name } = account;
  if (name.toLowerCase() === ENVIRONMENT_OPERATOR) throw operatorNameTaken(name);
  try {
    const made = await insertOperator(db, account);
    if (made === undefined) throw operatorNameTaken(name);
    return made;
  } catch (error) {
    throw violatedConstraint(error) === 'operator_names' ? operatorNameTaken(name) : error;
  }
}

async function begin(
  db: Queryable,
  parts: AccountParts,
  { operatorId, name, role }: OperatorAccount,
  { userAgent, action, link }: { userAgent: string; action: string; link: OperatorLink },
): Promise<Omit<Enrolled, 'deviceCookie'>> {
  const ended = await endOperatorSessions(db, operatorId);
  const recoveryCodes = makeRecoveryCodes();
  await storeRecoveryCodes(db, parts, operatorId, recoveryCodes);
  const session = await beginSession(db, operatorId, userAgent);
  const operator = { name, role, tokenId: null, account: { operatorId, sessionId: session.sessionId } };
  const details = {
    ...{ name, role, session: session.sessionId, ended_sessions: ended },
    first_owner: link.operatorId === null,
  };
  await noteAct(db, { ...operator, action }, { target: operatorTarget(operatorId), details });
  return { ...session, operator, recoveryCodes };
}
