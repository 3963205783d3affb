/** One-time links of operators and enrolment by them, over HTTP: the first owner, invitations, new links, and races. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RECOVERY_CODES } from '../../../operators/accounts/recovery-codes.ts';
import { eventually } from '../../../test/support.ts';
import { type Answer, slug, startApi, type TestApi } from '../../testing/api.ts';
import {
  codeOf,
  cookieIn,
  enrolBy,
  firstOwnerLink,
  inSession,
  logIn,
  PASSWORD,
  person,
} from '../../testing/operators.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

const COMPLETION = '/v1/operator/enrolment/completion';

/** The body of a completion that works. */
async function completion(token: string, name?: string): Promise<Record<string, unknown>> {
  const begun = await api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
  assert.equal(begun.status, 200, begun.text);
  const { totp_secret, enrolment } = begun.body;
  return { token, enrolment, code: codeOf(String(totp_secret)), password: PASSWORD, name };
}

async function complete(body: unknown): Promise<Answer> {
  return await api.call('POST', COMPLETION, { body, token: undefined });
}

async function invited(name: string, role = 'viewer'): Promise<string> {
  const { status, body, text } = await api.call('POST', '/v1/operators', { body: { name, role } });
  assert.equal(status, 201, text);
  return String(Object(body.link).token);
}

describe('the link of the first owner', () => {
  it('makes one owner, of twenty who use it at once, and no other', async () => {
    const earlier = await firstOwnerLink(api);
    const token = await firstOwnerLink(api);
    assert.equal(
      slug(await complete({ ...(await completion(token, 'x')), token: earlier })),
      '410 link-refused',
    );
    const bodies = await Promise.all(
      Array.from({ length: 20 }, (_, number) => completion(token, `first ${number}`)),
    );
    const answers: Answer[] = [];
    // The queue of hashes has a bound: who is told to wait asks again.
    await Promise.all(
      bodies.map(async body => {
        const answer = await eventually(async () => {
          const given = await complete(body);
          return given.status !== 429 && given;
        });
        answers.push(answer);
      }),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(answer => slug(answer) === '410 link-refused').length, 19);
    const { body } = await api.call('GET', '/v1/operators');
    const owners = body.operators as readonly Record<string, unknown>[];
    assert.equal(owners.length, 1);
    assert.equal(owners[0]?.role, 'owner');
    assert.equal(slug(await api.call('POST', '/v1/operators/first-owner-link')), '409 conflict');
  });

  it('is void once there is an owner, and an hour after it was made', async () => {
    const other = await startApi();
    try {
      const late = await firstOwnerLink(other);
      await other.pool.query(
        `update operator_links set made_at = now() - interval '61 min', expires_at = now() - interval '1 min'`,
      );
      const begin = { body: { token: late }, token: undefined };
      assert.equal(slug(await other.call('POST', '/v1/operator/enrolment', begin)), '410 link-refused');
      const first = await firstOwnerLink(other);
      const { body } = await other.call('POST', '/v1/operators', { body: { name: 'Grace', role: 'owner' } });
      await enrolBy(other, String(Object(body.link).token));
      const then = { body: { token: first }, token: undefined };
      assert.equal(slug(await other.call('POST', '/v1/operator/enrolment', then)), '410 link-refused');
    } finally {
      await other.close();
    }
  });
});

describe('an enrolment', () => {
  it('sets cookies that no script, site or insecure connection gets', async () => {
    const done = await complete(await completion(await invited('Cookie')));
    const [session = '', device = '', ...others] = done.headers.getSetCookie();
    assert.match(
      session,
      /^__Host-fairline_operator=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.match(
      device,
      /^__Host-fairline_operator_device=[\w-]{22}\.[\w-]{22}\.[\w-]{43}; Max-Age=34560000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.deepEqual(others, []);
    assert.equal(done.headers.get('cache-control'), 'no-store');
    const codes = done.body.recovery_codes as readonly string[];
    assert.equal(new Set(codes).size, RECOVERY_CODES);
    const me = await inSession(api, cookieIn(done) ?? '', 'GET', '/v1/operator');
    assert.deepEqual(me.body, {
      ...{ name: 'Cookie', role: 'viewer', token: null, account: done.body.account },
      ...{ session: done.body.session, permissions: ['self', 'read'] },
    });
  });

  it('stores neither password nor code, secret, link or cookie', async () => {
    const link = await invited('Secrets');
    const she = await enrolBy(api, link);
    const { rows } = await api.pool.query(`
      select o::text || coalesce(s::text, '') || coalesce(c::text, '') as row
      from operators o left join operator_sessions s using (operator_id) left join operator_recovery_codes c using (operator_id)
      union all select l::text from operator_links l union all select g::text from operator_log g`);
    const stored = rows.map(({ row }) => String(row)).join('\n');
    const bytes = [...she.secret].length;
    assert.equal(bytes, 32);
    const cookie = she.cookie.split('=')[1] ?? '';
    for (const secret of [PASSWORD, she.secret, link, cookie, ...she.recoveryCodes, codeOf(she.secret)])
      assert.ok(secret.length > 5 && !stored.includes(secret), secret);
    const raw = Buffer.from(base32(she.secret)).toString('hex');
    assert.ok(!stored.includes(raw));
  });

  it('is refused with its fields, none of whose values is shown', async () => {
    const token = await invited('Fields Medal');
    const right = await completion(token);
    const other = await completion(await invited('Another'));
    for (const [change, field] of [
      [{ password: 'short' }, 'password'],
      [{ password: 'password1' }, 'password'],
      [{ password: 'Fields Medal' }, 'password'],
      [{ code: '000000' }, 'code'],
      [{ enrolment: other.enrolment }, 'enrolment'],
      [{ enrolment: 'x' }, 'enrolment'],
      [{ name: 'Mine' }, 'name'],
      [{ code: 5 }, 'code'],
    ] as const) {
      const answer = await complete({ ...right, ...change });
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const errors = answer.body.errors as readonly { readonly field: string; readonly value?: string }[];
      assert.deepEqual(
        errors.map(fault => fault.field),
        [field],
      );
      if (field !== 'name') assert.equal(errors[0]?.value, '(secret)');
    }
    const unknown = { ...right, token: `fairline_link_${'A'.repeat(43)}` };
    assert.equal(slug(await complete(unknown)), '410 link-refused');
    assert.equal((await complete(right)).status, 201, 'what was refused used nothing up');
    assert.equal(slug(await complete(right)), '410 link-refused');
  });

  it('again, by a new link, ends the former sessions, codes and password', async () => {
    const before = await person(api);
    const again = await api.call('POST', `/v1/operators/${before.id}/link`);
    assert.equal((await before.call('GET', '/v1/operator')).status, 200, 'until the link is used');
    const now = await enrolBy(api, String(Object(again.body.link).token));
    assert.deepEqual([now.id, now.name], [before.id, before.name]);
    assert.equal(slug(await before.call('GET', '/v1/operator')), '401 unauthenticated');
    const { name } = before;
    for (const code of [before.recoveryCodes[0], codeOf(before.secret, 1)])
      assert.equal(slug(await logIn(api, { name, password: PASSWORD, code })), '401 login-refused');
    const code = now.recoveryCodes[0];
    assert.equal((await logIn(api, { name, password: PASSWORD, code })).status, 200);
  });
});

function base32(text: string): number[] {
  const bits = [...text].map(each =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(each).toString(2).padStart(5, '0'),
  );
  return (bits.join('').match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2));
}
