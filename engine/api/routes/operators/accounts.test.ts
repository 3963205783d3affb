/** Accounts of operators, as owners see them, over HTTP: names, roles, the last owner, and disabling on several engines. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { endOperatorSessions } from '../../../../sql/statements/operators/operator-sessions.ts';
import {
  admitByStep,
  findLogin,
  lockOperator,
  setOperatorDisabled,
} from '../../../../sql/statements/operators/operators.ts';
import { beginSession } from '../../../operators/accounts/sessions.ts';
import { type Answer, coupon, inMs, slug, startApi, type TestApi } from '../../testing/api.ts';
import {
  enrolBy,
  firstOwnerLink,
  logIn,
  PASSWORD,
  type Person,
  person,
  waitingForLocks,
} from '../../testing/operators.ts';

let api: TestApi;
/** Another engine on the same ledger. */
let second: TestApi;
before(async () => {
  api = await startApi();
  second = await startApi({ pool: api.pool });
});
after(async () => {
  await second.close();
  await api.close();
});

const ANY = { 'if-match': '*' } as const;

function demote(by: Person, whom: Person, role = 'editor'): Promise<Answer> {
  return by.call('PATCH', `/v1/operators/${whom.id}`, { body: { role }, headers: ANY });
}

function disable(by: Person, whom: Person): Promise<Answer> {
  return by.call('POST', `/v1/operators/${whom.id}/disable`, { body: { reason: 'has left' } });
}

/** How many can administer, by the ledger. */
async function owners(on: TestApi): Promise<number> {
  const { rows } = await on.pool.query(
    `select count(*)::integer as count from operators where role = 'owner' and disabled_at is null and enrolled_at is not null`,
  );
  return rows[0].count;
}

describe('the last owner', () => {
  it('stays, whoever asks', async () => {
    const alone = await startApi();
    try {
      const grace = await enrolBy(alone, await firstOwnerLink(alone), 'Grace');
      const onePath = `/v1/operators/${grace.id}`;
      const invited = await alone.call('POST', '/v1/operators', { body: { name: 'Later', role: 'owner' } });
      assert.equal(invited.status, 201, 'an invitation alone makes no owner');
      for (const answer of [
        await alone.call('PATCH', onePath, { body: { role: 'viewer' }, headers: ANY }),
        await alone.call('POST', `${onePath}/disable`, { body: {} }),
      ]) {
        assert.equal(slug(answer), '409 conflict');
        assert.match(String(answer.body.detail), /last owner/);
      }
      const direct = alone.pool.query(
        'update operators set enrolled_at = null, password_hash = null, totp_sealed = null, totp_step = null',
      );
      await assert.rejects(direct, { constraint: 'operators_keep_owner' });
      await assert.rejects(alone.pool.query('delete from operators'), { constraint: 'operators_stay' });
      await assert.rejects(alone.pool.query('truncate operators cascade'), { constraint: 'operators_stay' });
      await assert.rejects(alone.pool.query(`update operators set name = 'Mallory' where name = 'Grace'`), {
        constraint: 'operators_stay',
      });
      const later = await enrolBy(alone, String(Object(invited.body.link).token));
      assert.equal((await demote(later, grace)).status, 200);
      assert.equal(await owners(alone), 1);
    } finally {
      await alone.close();
    }
  });

  it('is left when two owners take the role from each other at the same moment, again and again', async () => {
    const alone = await startApi();
    try {
      let one = await enrolBy(alone, await firstOwnerLink(alone), 'One');
      const { body } = await alone.call('POST', '/v1/operators', { body: { name: 'Two', role: 'owner' } });
      let two = await enrolBy(alone, String(Object(body.link).token));
      for (let round = 0; round < 12; round++) {
        // Each is refused by the rule, or no longer an owner when its request is looked at.
        const answers = await Promise.all(
          round % 2 === 0 ? [demote(one, two), demote(two, one)] : [disable(one, two), demote(two, one)],
        );
        assert.equal(answers.filter(({ status }) => status === 200).length, 1, answers.map(slug).join());
        const lost = answers.find(({ status }) => status !== 200);
        assert.ok(lost && ['409 conflict', '403 forbidden', '401 unauthenticated'].includes(slug(lost)));
        assert.equal(await owners(alone), 1);
        if (answers[1]?.status === 200) [one, two] = [two, one];
        const path = `/v1/operators/${two.id}`;
        await one.call('POST', `${path}/enable`, { body: {} });
        await one.call('PATCH', path, { body: { role: 'owner' }, headers: ANY });
        const link = await one.call('POST', `${path}/link`);
        two = await enrolBy(alone, String(Object(link.body.link).token));
        assert.equal(await owners(alone), 2);
      }
    } finally {
      await alone.close();
    }
  });

  it('is left when the transactions meet in the ledger itself', async () => {
    const alone = await startApi();
    try {
      const one = await enrolBy(alone, await firstOwnerLink(alone), 'One');
      const { body } = await alone.call('POST', '/v1/operators', { body: { name: 'Two', role: 'owner' } });
      const two = await enrolBy(alone, String(Object(body.link).token));
      const [a, b] = [await alone.pool.connect(), await alone.pool.connect()];
      try {
        const take = `update operators set role = 'viewer' where operator_id = $1`;
        await a.query('begin');
        await b.query('begin');
        await a.query(take, [two.id]);
        const waits = b.query(take, [one.id]).then(
          () => 'done',
          error => String(Object(error).constraint),
        );
        await a.query('commit');
        assert.equal(await waits, 'operators_keep_owner');
        await b.query('rollback');
      } finally {
        a.release();
        b.release();
      }
      assert.equal(await owners(alone), 1);
    } finally {
      await alone.close();
    }
  });
});

describe('a role', () => {
  it('is not taken from oneself, nor one’s account', async () => {
    const [she] = [await person(api), await person(api)];
    for (const answer of [await demote(she, she), await disable(she, she)]) {
      assert.equal(slug(answer), '409 conflict');
      assert.match(String(answer.body.detail), /^You cannot .* Another owner can\.$/);
    }
    assert.equal((await demote(she, she, 'owner')).status, 200, 'what it is already is no change');
  });

  it('counts from the next request on, on every engine, in sessions that have begun before', async () => {
    const [boss, she] = [await person(api), await person(api, 'viewer')];
    const create = (on: TestApi): Promise<Answer> =>
      on.call('POST', '/v1/campaigns', {
        ...{ body: coupon(), token: undefined },
        headers: { cookie: she.cookie },
      });
    assert.equal(slug(await create(second)), '403 forbidden');
    assert.equal((await demote(boss, she, 'editor')).status, 200);
    assert.equal((await create(second)).status, 201);
    assert.equal((await demote(boss, she, 'viewer')).status, 200);
    assert.equal(slug(await create(api)), '403 forbidden');
    for (const [method, path] of [
      ['GET', '/v1/operators'],
      ['POST', '/v1/operators/first-owner-link'],
      ['POST', '/v1/tokens'],
    ] as const)
      assert.equal(slug(await she.call(method, path)), '403 forbidden', path);
  });

  it('is changed by one of two who edit it at once', async () => {
    const [one, two, she] = [await person(api), await person(api), await person(api, 'viewer')];
    const path = `/v1/operators/${she.id}`;
    const read = await one.call('GET', path);
    const etag = read.headers.get('etag') ?? '';
    const edit = (by: Person, role: string): Promise<Answer> =>
      by.call('PATCH', path, { body: { role }, headers: { 'if-match': etag } });
    const answers = await Promise.all([edit(one, 'editor'), edit(two, 'drawer')]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
    const bare = await one.call('PATCH', path, { body: { role: 'editor' } });
    assert.equal(slug(bare), '428 precondition-required');
  });
});

describe('a disabled account', () => {
  it('has no session from then on, on no engine, and no login', async () => {
    const [boss, she] = [await person(api), await person(api, 'editor')];
    const her = { token: undefined, headers: { cookie: she.cookie } };
    assert.equal((await second.call('GET', '/v1/operator', her)).status, 200);
    const again = await boss.call('POST', `/v1/operators/${she.id}/link`);
    const token = String(Object(again.body.link).token);
    const disabled = await disable(boss, she);
    assert.deepEqual([disabled.status, disabled.body.disabled_by], [200, boss.name]);
    for (const on of [api, second])
      assert.equal(slug(await on.call('GET', '/v1/operator', her)), '401 unauthenticated');
    const login = { name: she.name, password: PASSWORD, code: she.recoveryCodes[0] };
    assert.equal(slug(await logIn(second, login)), '401 login-refused');
    const begun = await api.call('POST', '/v1/operator/enrolment', { body: { token }, token: undefined });
    assert.equal(slug(begun), '410 link-refused', 'its link ends too');
    assert.equal(slug(await boss.call('POST', `/v1/operators/${she.id}/link`)), '409 conflict');
    const repeated = await disable(boss, she);
    assert.deepEqual(repeated.body, disabled.body);
    assert.equal((await boss.call('POST', `/v1/operators/${she.id}/enable`, { body: {} })).status, 200);
    assert.equal(slug(await second.call('GET', '/v1/operator', her)), '401 unauthenticated');
    assert.equal((await logIn(second, login)).status, 200, 'the code was not used up');
  });

  it('has no session either of a login that was admitted before, and commits while the disabling waits', async () => {
    const [boss, she] = [await person(api), await person(api, 'viewer')];
    const { login } = await findLogin(api.pool, she.name);
    assert.ok(login !== undefined);
    const db = await api.pool.connect();
    try {
      await db.query('begin');
      assert.ok((await admitByStep(db, login, login.totpStep + 1)) !== undefined);
      const disabled = disable(boss, she);
      await waitingForLocks(api, 1);
      await beginSession(db, she.id, 'a browser');
      await db.query('commit');
      assert.equal((await disabled).status, 200);
    } finally {
      db.release();
    }
    const { rows } = await api.pool.query('select from operator_sessions where operator_id = $1', [she.id]);
    assert.equal(rows.length, 0);
    const [act] = (await listActs(api.pool, { after: 0, limit: 10_000 })).filter(
      ({ action, target }) => action === 'disableOperator' && target === `operator ${she.id}`,
    );
    assert.equal(JSON.parse(act?.details ?? '').ended_sessions, 2, 'that of the enrolment, and this one');
  });

  it('admits no login whose password was verified before the disabling has committed', async () => {
    const she = await person(api, 'viewer');
    const db = await api.pool.connect();
    try {
      await db.query('begin');
      await lockOperator(db, she.id);
      const login = logIn(api, { name: she.name, password: PASSWORD, code: she.recoveryCodes[0] });
      await waitingForLocks(api, 1);
      await setOperatorDisabled(db, she.id, 'operator');
      await endOperatorSessions(db, she.id);
      await db.query('commit');
      assert.equal(slug(await login), '401 login-refused');
    } finally {
      db.release();
    }
    const { rows } = await api.pool.query('select from operator_sessions where operator_id = $1', [she.id]);
    assert.equal(rows.length, 0);
  });
});

describe('a name', () => {
  it('is one account’s or one token’s, in any letter case, also of twenty at once', async () => {
    const token = (name: string): Promise<Answer> =>
      api.call('POST', '/v1/tokens', { body: { name, role: 'viewer' } });
    const account = (name: string): Promise<Answer> =>
      api.call('POST', '/v1/operators', { body: { name, role: 'viewer' } });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, number) => (number % 2 === 0 ? token('Race') : account('RACE'))),
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1, answers.map(slug).join());
    assert.equal(answers.filter(answer => slug(answer) === '409 conflict').length, 19);
    const she = await person(api, 'viewer');
    assert.equal(slug(await token(she.name.toUpperCase())), '409 conflict');
    for (const name of ['operator', 'Operator', she.name])
      assert.equal(slug(await account(name)), '409 conflict', name);
    const script = await token('Script');
    assert.equal(slug(await account('Script')), '409 conflict');
    await api.call('POST', `/v1/tokens/${script.body.id}/revoke`);
    assert.equal((await account('Script')).status, 201);
  });
});

describe('what owners do', () => {
  it('is in the operator log with whom it was done to, and without a link', async () => {
    const boss = await person(api);
    const invited = await boss.call('POST', '/v1/operators', { body: { name: 'Logged', role: 'viewer' } });
    const { id } = invited.body;
    const { token } = Object(invited.body.link);
    assert.equal(invited.headers.get('location'), `/v1/operators/${id}`);
    const path = `/v1/operators/${id}`;
    await boss.call('PATCH', path, { body: { role: 'editor' }, headers: ANY });
    await boss.call('POST', `${path}/disable`, { body: { reason: 'has left' } });
    await boss.call('POST', `${path}/enable`, { body: {} });
    const all = await listActs(api.pool, { after: 0, limit: 10_000 });
    assert.ok(all.every(act => !JSON.stringify(act).includes(token)));
    const acts = all.filter(({ operator, target }) => operator === boss.name && target === `operator ${id}`);
    assert.deepEqual(
      acts.map(({ action, reason, details }) => [action, reason, JSON.parse(details).name]),
      [
        ['inviteOperator', null, 'Logged'],
        ['changeRole', null, 'Logged'],
        ['disableOperator', 'has left', 'Logged'],
        ['enableOperator', null, 'Logged'],
      ],
    );
  });

  it('is listed by pages, without secrets', async () => {
    const { body } = await api.call('GET', '/v1/operators?limit=1');
    assert.equal(body.next, 1);
    const rest = await api.call('GET', '/v1/operators?after=1&limit=1000');
    const accounts = rest.body.operators as readonly Record<string, unknown>[];
    assert.ok(accounts.length > 5);
    const members = accounts.flatMap(account => [
      ...Object.keys(account),
      ...Object.keys(account.link ?? {}),
    ]);
    assert.deepEqual(
      members.filter(name => /hash|totp|secret|token|path/.test(name)),
      [],
    );
    assert.equal(slug(await api.call('GET', '/v1/operators/2147483647')), '404 unknown-operator');
  });
});

describe('the two-person rule', () => {
  it('is kept by accounts: their names differ, as none has a token', async () => {
    const [ada, bob] = [await person(api, 'editor'), await person(api, 'editor')];
    const times = { opens_at: inMs(3_600_000), closes_at: inMs(7_200_000) };
    const path = `/v1/campaigns/${await api.create({ ...times, two_person: true })}`;
    const proposed = await ada.call('PATCH', path, { body: { title: 'Two thirds' }, headers: ANY });
    assert.equal(proposed.status, 202, proposed.text);
    const { id } = proposed.body;
    assert.equal(slug(await ada.call('POST', `/v1/proposals/${id}/approve`)), '403 own-proposal');
    const direct = api.pool.query(
      `update proposals set state = 'approved', decided_by = upper(proposed_by), decided_at = now() where proposal_id = $1`,
      [id],
    );
    await assert.rejects(direct, { constraint: 'proposals_two' });
    const approved = await bob.call('POST', `/v1/proposals/${id}/approve`);
    assert.equal(approved.status, 200, approved.text);
    assert.deepEqual([approved.body.proposed_by, approved.body.decided_by], [ada.name, bob.name]);
    assert.deepEqual((await bob.call('POST', `/v1/proposals/${id}/approve`)).body, approved.body);
    assert.equal((await bob.call('GET', path)).body.title, 'Two thirds');
  });
});
