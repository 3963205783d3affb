/** For tests: operators with accounts, who keep their cookie like a browser and have an authenticator. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import type { Role } from '../../operators/roles.ts';
import { eventually } from '../../test/support.ts';
import { SESSION_COOKIE } from '../http/session-cookie.ts';
import type { Answer, Call, TestApi } from './api.ts';

export const PASSWORD = 'three owls by the harbour';
export const NEXT_PASSWORD = 'seven lamps in the old mill';

/** The code of an authenticator with this secret (base32), so many steps from now. */
export function codeOf(secret: string, steps = 0): string {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  return totp.generate({ timestamp: Date.now() + steps * 30_000 });
}

/** What the browser keeps of an answer: the whole cookie as it sends it; undefined if the answer sets none. */
export function cookieIn(answer: Answer): string | undefined {
  return answer.headers.get('set-cookie')?.split(';', 1)[0];
}

export interface Person {
  readonly id: number;
  readonly name: string;
  /** Of the authenticator, in base32. */
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
  readonly cookie: string;
  /** The cookie by which the browser is known at its next login. */
  readonly device: string;
  /** A request of a page of the engine in the session of this person. */
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

/** A request in a session, as a page of the engine makes it. */
export async function inSession(
  api: TestApi,
  cookie: string,
  method: string,
  path: string,
  call: Call = {},
): Promise<Answer> {
  const headers = { cookie, 'sec-fetch-site': 'same-origin', ...call.headers };
  return await api.call(method, path, { ...call, token: undefined, headers });
}

/** The token of the link that makes the first owner. */
export async function firstOwnerLink(api: TestApi): Promise<string> {
  const made = await api.call('POST', '/v1/operators/first-owner-link');
  assert.equal(made.status, 201, made.text);
  return String(made.body.token);
}

/** Uses a link; `name` is for the first owner alone. */
export async function enrolBy(api: TestApi, token: string, name?: string): Promise<Person> {
  const begun = await api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
  assert.equal(begun.status, 200, begun.text);
  const secret = String(begun.body.totp_secret);
  const { enrolment } = begun.body;
  const body = { token, enrolment, code: codeOf(secret), password: PASSWORD, name };
  const done = await api.call('POST', '/v1/operator/enrolment/completion', { body, token: undefined });
  assert.equal(done.status, 201, done.text);
  const cookie = cookieIn(done) ?? '';
  assert.ok(cookie.startsWith(`${SESSION_COOKIE}=`), cookie);
  return {
    id: Number(done.body.account),
    name: String(done.body.name),
    secret,
    recoveryCodes: done.body.recovery_codes as readonly string[],
    cookie,
    device: done.headers.getSetCookie()[1]?.split(';', 1)[0] ?? '',
    call: (method, path, call) => inSession(api, cookie, method, path, call),
  };
}

/** Somebody whom OPERATOR_TOKEN has invited, under a name that nobody else has. */
export async function person(api: TestApi, role: Role = 'owner'): Promise<Person> {
  const name = `${role} ${randomBytes(6).toString('hex')}`;
  const invited = await api.call('POST', '/v1/operators', { body: { name, role } });
  assert.equal(invited.status, 201, invited.text);
  return await enrolBy(api, String(Object(invited.body.link).token));
}

/** A code that is accepted, whichever were used before: as if time had passed since. */
export async function freshCode(api: TestApi, { id, secret }: Person): Promise<string> {
  await api.pool.query('update operators set totp_step = 1 where operator_id = $1', [id]);
  return codeOf(secret);
}

/** Resolves once so many statements of this database wait for a lock. */
export async function waitingForLocks({ pool }: TestApi, count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await pool.query(
      `select count(*)::integer as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].count === count;
  });
}

/** A login from a page of the engine. */
export async function logIn(api: TestApi, body: object, headers: Call['headers'] = {}): Promise<Answer> {
  return await api.call('POST', '/v1/operator/login', { body, token: undefined, headers });
}
