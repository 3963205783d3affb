/** Operators: who a token belongs to, what its role permits, and how tokens are made, used up and revoked. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { permissions, ROLES, type Role } from '../../../operators/roles.ts';
import { eventually } from '../../../test/support.ts';
import { needs } from '../../contract/needs.ts';
import { operations } from '../../contract/operations.ts';
import { type Answer, coupon, inMs, startApi, type TestApi } from '../../testing/api.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

function slug(answer: Answer): unknown {
  return `${answer.status} ${String(answer.body.type).replace('urn:fairline:problem:', '')}`;
}

/** The status line of the answer to a request without a token. */
async function rawStatus(method: string, target: string): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  socket.end(`${method} ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  let answer = '';
  for await (const piece of socket.setEncoding('utf8')) answer += piece;
  return answer.split('\r\n', 1)[0] ?? '';
}

async function made(body: Readonly<Record<string, unknown>>): Promise<Answer & { readonly token: string }> {
  const answer = await api.call('POST', '/v1/tokens', { body });
  assert.equal(answer.status, 201, answer.text);
  return { ...answer, token: String(answer.body.token) };
}

describe('who a token belongs to', () => {
  it("is an owner without a database for the engine's own token", async () => {
    const { body } = await api.call('GET', '/v1/operator');
    assert.deepEqual(body, {
      ...{ name: 'operator', role: 'owner', token: null, account: null, session: null },
      permissions: ['self', 'read', 'support', 'edit', 'draw', 'approve', 'administer'],
    });
  });

  it('is told by name and role for each other one', async () => {
    for (const [role, allowed] of [
      ['viewer', ['self', 'read']],
      ['editor', ['self', 'read', 'support', 'edit', 'approve']],
      ['drawer', ['self', 'read', 'draw', 'approve']],
      ['owner', ['self', 'read', 'support', 'edit', 'draw', 'approve', 'administer']],
    ] as const) {
      const { token, body } = await made({ name: `a ${role}`, role });
      const known = await api.call('GET', '/v1/operator', { token });
      assert.deepEqual(known.body, {
        ...{ name: `a ${role}`, role, token: body.id, account: null, session: null },
        permissions: allowed,
      });
    }
  });

  it('is recorded with what is done, whatever a header claims', async () => {
    const { token } = await made({ name: 'Ada 에이다', role: 'editor' });
    const headers = { 'x-operator': 'Grace' };
    const { body } = await api.call('POST', '/v1/campaigns', { body: coupon(), token, headers });
    assert.equal(body.made_by, 'Ada 에이다');
  });
});

describe('a path that is written in another way', () => {
  it('needs a token all the same, for every operation', async () => {
    for (const name of Object.keys(needs)) {
      const { method, path } = operations[name as keyof typeof needs];
      const target = path.replace('{id}', '1');
      for (const other of [
        target.replace('/v1/', '/%761/'),
        target.replace('/v1/', '/v%31/'),
        `http://somewhere${target}`,
        `http://somewhere${target.replace('/v1/', '/%76%31/')}`,
      ]) {
        // fetch would write it in the usual way.
        const answer = await rawStatus(method, other);
        assert.match(answer, /^HTTP\/1\.1 (401|404) /, `${method} ${other}: ${answer}`);
      }
    }
  });
});

describe('a role', () => {
  for (const role of ROLES) {
    it(`${role} is refused what others may do, and nothing else`, async () => {
      const { token } = await made({ name: `tries as ${role}`, role });
      for (const [name, permission] of Object.entries(needs)) {
        const { method, path } = operations[name as keyof typeof needs];
        // What the role permits fails later, for the body, the campaign or a precondition.
        const body = method === 'GET' ? {} : { raw: '' };
        const answer = await api.call(method, path.replace('{id}', '2147483647'), { token, ...body });
        const roles: readonly Role[] = permissions[permission].roles;
        if (roles.includes(role)) assert.notEqual(answer.status, 403, `${name}: ${answer.text}`);
        else {
          assert.equal(slug(answer), '403 forbidden', `${name}: ${answer.text}`);
          assert.deepEqual([answer.body.role, answer.body.permission], [role, permission]);
          assert.deepEqual(answer.body.roles, roles);
        }
      }
    });
  }
});

describe('a token', () => {
  it('is shown once, and only its hash is stored', async () => {
    const { token, body, headers } = await made({ name: 'once', role: 'viewer' });
    assert.match(token, /^fairline_[\w-]{43}$/);
    assert.equal(headers.get('location'), `/v1/tokens/${body.id}`);
    const { token: _, ...rest } = body;
    assert.deepEqual((await api.call('GET', `/v1/tokens/${body.id}`)).body, rest);
    const { rows } = await api.pool.query('select t::text as row from operator_tokens t');
    assert.ok(rows.every(({ row }) => !row.includes(token) && !row.includes(token.slice(9))));
  });

  it('ends in a year, or when it was told to', async () => {
    const { body } = await made({ name: 'for a year', role: 'viewer' });
    const life = Date.parse(String(body.expires_at)) - Date.parse(String(body.made_at));
    assert.ok(Math.abs(life - 365 * 86_400_000) < 60_000, `${life}`);
    const expires_at = '2029-02-28T12:00:00.000Z';
    assert.equal((await made({ name: 'till then', role: 'viewer', expires_at })).body.expires_at, expires_at);
  });

  it('that has expired is refused, with the time', async () => {
    const { token, body } = await made({ name: 'old', role: 'owner' });
    await api.pool.query(
      `update operator_tokens set made_at = now() - interval '2 s', expires_at = now() - interval '1 s'
       where token_id = $1`,
      [body.id],
    );
    const refused = await api.call('GET', '/v1/operator', { token });
    assert.equal(slug(refused), '401 unauthenticated');
    assert.match(String(refused.body.detail), / expired at \d{4}-/);
    assert.match(refused.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  it('that was revoked is refused from then on, and stays so', async () => {
    const { token, body } = await made({ name: 'lost', role: 'owner' });
    const path = `/v1/tokens/${body.id}/revoke`;
    const grace = await api.tokenOf('Grace');
    const revoked = await api.call('POST', path, { token: grace });
    assert.deepEqual([revoked.status, revoked.body.revoked_by], [200, 'Grace']);
    const refused = await api.call('GET', '/v1/operator', { token });
    assert.match(String(refused.body.detail), / was revoked at \d{4}-/);
    const again = await api.call('POST', path);
    assert.deepEqual(again.body, revoked.body);
  });

  it('has one name at a time, which is free again once it is revoked', async () => {
    const first = await made({ name: 'till', role: 'viewer' });
    const body = { name: 'till', role: 'owner' };
    assert.equal(slug(await api.call('POST', '/v1/tokens', { body })), '409 conflict');
    await api.call('POST', `/v1/tokens/${first.body.id}/revoke`);
    assert.notEqual((await made(body)).body.id, first.body.id);
    for (const name of ['operator', 'Operator', 'TILL', 'Till']) {
      const taken = await api.call('POST', '/v1/tokens', { body: { name, role: 'viewer' } });
      assert.equal(slug(taken), '409 conflict', name);
    }
  });

  it('made by twenty at once under one name is one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        api.call('POST', '/v1/tokens', { body: { name: 'race', role: 'viewer' } }),
      ),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(({ status }) => status === 409).length, 19);
  });

  it('says when it was last used, written once a minute at most', async () => {
    const { token, body } = await made({ name: 'used', role: 'viewer' });
    const used = async (): Promise<unknown> =>
      (await api.call('GET', `/v1/tokens/${body.id}`)).body.last_used_at;
    assert.equal(await used(), null);
    await api.call('GET', '/v1/operator', { token });
    const first = await eventually(async () => (await used()) ?? undefined);
    assert.ok(typeof first === 'string');
    await api.call('GET', '/v1/operator', { token });
    assert.equal(await used(), first);
    await api.pool.query(
      `update operator_tokens set last_used_at = last_used_at - interval '61 s' where token_id = $1`,
      [body.id],
    );
    await api.call('GET', '/v1/operator', { token });
    await eventually(async () => Date.parse(String(await used())) >= Date.parse(first));
  });

  it('is refused with its field when a member is wrong', async () => {
    for (const [body, field] of [
      [{ role: 'viewer' }, 'name'],
      [{ name: ' ', role: 'viewer' }, 'name'],
      [{ name: 'x'.repeat(101), role: 'viewer' }, 'name'],
      [{ name: 'a\nb', role: 'viewer' }, 'name'],
      [{ name: 'operator ', role: 'viewer' }, 'name'],
      [{ name: 'operator\u200b', role: 'viewer' }, 'name'],
      [{ name: '\u202eadA', role: 'viewer' }, 'name'],
      [{ name: 'Zoe\u0308', role: 'viewer' }, 'name'],
      [{ name: 'a', role: 'admin' }, 'role'],
      [{ name: 'a', role: 'viewer', expires_at: '2029-02-30T12:00:00Z' }, 'expires_at'],
      [{ name: 'a', role: 'viewer', expires_at: '2029-02-28T12:00:00' }, 'expires_at'],
      [{ name: 'a', role: 'viewer', expires_at: inMs(-1_000) }, 'expires_at'],
      [{ name: 'a', role: 'viewer', expires_at: inMs(6 * 365 * 86_400_000) }, 'expires_at'],
      [{ name: 'a', role: 'viewer', token: 'mine' }, 'token'],
    ] as const) {
      const answer = await api.call('POST', '/v1/tokens', { body });
      assert.equal(slug(answer), '400 invalid-request', answer.text);
      const errors = answer.body.errors as readonly { readonly field: string }[];
      assert.deepEqual(
        errors.map(fault => fault.field),
        [field],
      );
    }
    for (const id of ['0', '2147483648', 'x'])
      assert.equal(slug(await api.call('GET', `/v1/tokens/${id}`)), '400 invalid-request');
    assert.equal(slug(await api.call('POST', '/v1/tokens/2147483647/revoke')), '404 unknown-token');
  });

  it('is listed by pages', async () => {
    const first = await api.call('GET', '/v1/tokens?limit=1');
    assert.equal(first.body.next, 1);
    const rest = await api.call('GET', '/v1/tokens?after=1&limit=1000');
    const tokens = rest.body.tokens as readonly Record<string, unknown>[];
    assert.ok(tokens.length > 5 && tokens.every(token => !('token' in token)));
    assert.equal(rest.body.next, null);
  });
});
