import assert from 'node:assert/strict';
import { SESSION_COOKIE } from '../../http/session-cookie.ts';
import type { Call } from '../../testing/api.ts';
import {
  codeOf,
  enrolBy,
  firstOwnerLink,
  freshCode,
  PASSWORD,
  type Person,
} from '../../testing/operators.ts';
import type { Checked } from './checked.ts';
import { accountPaths, NEW_OPERATOR, NEW_PASSWORD, OPERATOR, ownPaths } from './paths.ts';

const LOGIN = '/v1/operator/login';
const ENROLMENT = '/v1/operator/enrolment';
const COMPLETION = '/v1/operator/enrolment/completion';
const SESSION = '/v1/operator/sessions/{id}/end';
const CODES = '/v1/operator/recovery-codes';
const CHANGE = '/v1/operator/password';
const FIRST = '/v1/operators/first-owner-link';

const FOREIGN = { 'sec-fetch-site': 'cross-site' } as const;
const TEXT = { raw: 'a=1', headers: { 'content-type': 'text/plain' } } as const;
const NOBODYS_LINK = `fairline_link_${'A'.repeat(43)}`;
const NOBODYS_COOKIE = `${SESSION_COOKIE}=${'A'.repeat(43)}`;
const LOGIN_BODY = { name: 'nobody', password: PASSWORD, code: '000000' };
const COMPLETION_BODY = { token: NOBODYS_LINK, enrolment: 'x', code: '000000', password: PASSWORD };
/** With a valid body each. */
const openPaths = [
  [LOGIN, LOGIN_BODY],
  [ENROLMENT, { token: NOBODYS_LINK }],
  [COMPLETION, COMPLETION_BODY],
] as const;

/** Accounts of operators, in the order of their lives: the first owner, a login, an invitation, and what may go wrong. */
export async function matchAccounts(checked: Checked): Promise<void> {
  const { api, call } = checked;
  assert.equal((await call(api, 'GET', '/enrol', { token: undefined })).status, 200);
  await matchOpen(checked);
  const token = await firstOwnerLink(api);
  const begun = await call(api, 'POST', ENROLMENT, { body: { token }, token: undefined });
  const { totp_secret, enrolment } = begun.body;
  const code = codeOf(String(totp_secret));
  const body = { token, enrolment, code, password: PASSWORD };
  const named = (name: string) => ({ body: { ...body, name }, token: undefined });
  await api.tokenOf('A script');
  assert.equal((await call(api, 'POST', COMPLETION, named('A script'))).status, 409);
  // Far more at once than may wait for a hash.
  const many = await Promise.all(
    Array.from({ length: 100 }, () => call(api, 'POST', COMPLETION, named('A script'))),
  );
  assert.ok(many.some(({ status }) => status === 429));
  assert.equal((await call(api, 'POST', FIRST)).status, 201);
  const again = String((await call(api, 'POST', FIRST)).body.token);
  const owner = await enrolBy(api, again, 'Grace');
  assert.equal((await call(api, 'POST', FIRST)).status, 409);
  const other = await matchInvitation(checked);
  await matchOwn(checked, owner);
  await matchChanges(checked, owner, other);
}

async function matchOpen({ api, broken, unavailableApi, call }: Checked): Promise<void> {
  for (const [path, body] of openPaths) {
    const open = { body, token: undefined };
    assert.equal((await call(api, 'POST', path, { ...open, headers: FOREIGN })).status, 403);
    assert.equal((await call(api, 'POST', path, { body: {}, token: undefined })).status, 400);
    assert.equal((await call(api, 'POST', path, TEXT)).status, 415);
    assert.equal((await call(api, 'POST', path, { body: 'x'.repeat(16 * 1024) })).status, 413);
    assert.equal((await call(api, 'POST', path, open)).status, path === LOGIN ? 401 : 410);
    assert.equal((await call(unavailableApi, 'POST', path, open)).status, 503);
    assert.equal((await call(broken, 'POST', path, open)).status, 500);
  }
  const wrong = { body: LOGIN_BODY, token: undefined };
  const statuses = [];
  for (let login = 0; login < 11; login++) statuses.push((await call(api, 'POST', LOGIN, wrong)).status);
  assert.equal(statuses.at(-1), 429);
}

async function matchInvitation({ api, call }: Checked): Promise<number> {
  const invited = await call(api, 'POST', '/v1/operators', { body: NEW_OPERATOR });
  assert.equal(invited.status, 201);
  assert.equal((await call(api, 'POST', '/v1/operators', { body: NEW_OPERATOR })).status, 409);
  assert.equal((await call(api, 'POST', '/v1/operators', { body: {} })).status, 400);
  assert.equal((await call(api, 'POST', '/v1/operators', TEXT)).status, 415);
  assert.equal((await call(api, 'POST', '/v1/operators', { body: 'x'.repeat(16 * 1024) })).status, 413);
  const id = Number(invited.body.id);
  const { body } = await call(api, 'POST', `${OPERATOR}/link`, { id });
  const token = String(Object(body.link).token);
  const begun = await call(api, 'POST', ENROLMENT, { body: { token }, token: undefined });
  const code = codeOf(String(begun.body.totp_secret));
  const completion = { token, enrolment: begun.body.enrolment, code, password: PASSWORD };
  assert.equal((await call(api, 'POST', COMPLETION, { body: completion, token: undefined })).status, 201);
  return id;
}

/** What somebody does with their own account. */
async function matchOwn({ api, broken, unavailableApi, call }: Checked, owner: Person): Promise<void> {
  const own = (call: Call = {}) => ({ ...call, token: undefined, headers: { cookie: owner.cookie } });
  const body = { name: owner.name, password: PASSWORD, code: await freshCode(api, owner) };
  const login = await call(api, 'POST', LOGIN, { body, token: undefined });
  assert.equal(login.status, 200);
  const foreign = { token: undefined, headers: { cookie: owner.cookie, ...FOREIGN } };
  assert.equal((await call(api, 'GET', '/v1/operator', foreign)).status, 403);
  assert.equal((await call(api, 'GET', '/v1/operator/sessions', own())).status, 200);
  assert.equal((await call(api, 'POST', SESSION, { ...own(), id: Number(login.body.session) })).status, 200);
  assert.equal((await call(api, 'POST', SESSION, { ...own(), id: 999 })).status, 404);
  assert.equal((await call(api, 'POST', SESSION, { id: 'first' })).status, 400);
  const code = await freshCode(api, owner);
  assert.equal((await call(api, 'POST', CODES, own({ body: { code } }))).status, 201);
  assert.equal((await call(api, 'POST', CODES, { body: {} })).status, 400);
  assert.equal((await call(api, 'POST', CODES, TEXT)).status, 415);
  assert.equal((await call(api, 'POST', CODES, { body: 'x'.repeat(16 * 1024) })).status, 413);
  const change = {
    password: PASSWORD,
    code: await freshCode(api, owner),
    new_password: 'seven lamps in a mill',
  };
  assert.equal((await call(api, 'POST', CHANGE, own({ body: change }))).status, 200);
  assert.equal((await call(api, 'POST', CHANGE, own({ body: NEW_PASSWORD }))).status, 401);
  assert.equal((await call(api, 'POST', CHANGE, { body: {} })).status, 400);
  assert.equal((await call(api, 'POST', CHANGE, TEXT)).status, 415);
  assert.equal((await call(api, 'POST', CHANGE, { body: 'x'.repeat(16 * 1024) })).status, 413);
  const statuses = [];
  for (let time = 0; time < 10; time++)
    statuses.push((await call(api, 'POST', CODES, own({ body: { code } }))).status);
  assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
  assert.equal((await call(api, 'POST', CHANGE, own({ body: NEW_PASSWORD }))).status, 429);
  for (const [method, path, body] of ownPaths) {
    const wanted = body === undefined ? {} : { body };
    assert.equal((await call(api, method, path, wanted)).status, 409, 'a token has no account');
    const session = { ...wanted, token: undefined, headers: { cookie: NOBODYS_COOKIE } };
    assert.equal((await call(api, method, path, session)).status, 401);
    assert.equal((await call(unavailableApi, method, path, session)).status, 503);
    assert.equal((await call(broken, method, path, session)).status, 500);
  }
}

/** What an owner does with accounts. */
async function matchChanges({ api, call }: Checked, owner: Person, id: number): Promise<void> {
  const any = { headers: { 'if-match': '*' } };
  assert.equal((await call(api, 'GET', '/v1/operators')).status, 200);
  assert.equal((await call(api, 'GET', '/v1/operators', { query: '?limit=0' })).status, 400);
  assert.equal((await call(api, 'GET', OPERATOR, { id })).status, 200);
  const role = { body: { role: 'editor' } };
  assert.equal((await call(api, 'PATCH', OPERATOR, { ...role, ...any, id })).status, 200);
  assert.equal((await call(api, 'PATCH', OPERATOR, { ...role, ...any, id: owner.id })).status, 409);
  assert.equal((await call(api, 'PATCH', OPERATOR, { ...role, id })).status, 428);
  const stale = { headers: { 'if-match': '"9"' } };
  assert.equal((await call(api, 'PATCH', OPERATOR, { ...role, ...stale, id })).status, 412);
  for (const [method, path, body] of accountPaths) {
    if (!path.startsWith(OPERATOR)) continue;
    const wanted = { ...any, ...(body === undefined ? {} : { body }) };
    assert.equal((await call(api, method, path, { ...wanted, id: 'first' })).status, 400);
    assert.equal((await call(api, method, path, { ...wanted, id: 999 })).status, 404);
    if (body === undefined) continue;
    assert.equal((await call(api, method, path, { ...TEXT, id })).status, 415);
    assert.equal((await call(api, method, path, { body: 'x'.repeat(16 * 1024), id })).status, 413);
  }
  const own = { token: undefined, headers: { cookie: owner.cookie }, body: {}, id: owner.id };
  assert.equal((await call(api, 'POST', `${OPERATOR}/disable`, own)).status, 409);
  assert.equal((await call(api, 'POST', `${OPERATOR}/disable`, { body: {}, id })).status, 200);
  assert.equal((await call(api, 'POST', `${OPERATOR}/link`, { id })).status, 409);
  assert.equal((await call(api, 'POST', `${OPERATOR}/enable`, { body: {}, id })).status, 200);
  const session = { token: undefined, headers: { cookie: owner.cookie } };
  assert.equal((await call(api, 'POST', '/v1/operator/logout', session)).status, 200);
}
