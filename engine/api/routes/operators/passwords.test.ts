/** How operators change their own password, over HTTP: proofs, limits, races, and what ends. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActs } from '../../../../sql/statements/operators/operator-log.ts';
import { RECOVERY_CODES } from '../../../operators/accounts/recovery-codes.ts';
import { type Answer, slug, startApi, type TestApi } from '../../testing/api.ts';
import {
  codeOf,
  cookieIn,
  freshCode,
  inSession,
  logIn,
  NEXT_PASSWORD,
  PASSWORD,
  type Person,
  person,
} from '../../testing/operators.ts';

const PATH = '/v1/operator/password';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

const change = (she: Person, body: object): Promise<Answer> =>
  she.call('POST', PATH, { body: { password: PASSWORD, new_password: NEXT_PASSWORD, ...body } });

describe('the own password', () => {
  it('is changed with the present one and a code, and the other sessions end', async () => {
    const she = await person(api);
    const { name } = she;
    const other = cookieIn(await logIn(api, { name, password: PASSWORD, code: she.recoveryCodes[0] })) ?? '';
    const changed = await change(she, { code: await freshCode(api, she) });
    assert.equal(changed.status, 200, changed.text);
    const sessions = changed.body.sessions as readonly { readonly current: boolean }[];
    assert.deepEqual(
      sessions.map(({ current }) => current),
      [true],
    );
    assert.equal((await she.call('GET', '/v1/operator')).status, 200);
    assert.equal((await inSession(api, other, 'GET', '/v1/operator')).status, 401);
    const late = { name, password: PASSWORD, code: await freshCode(api, she) };
    assert.equal(slug(await logIn(api, late)), '401 login-refused', 'the former one');
    assert.equal((await logIn(api, { ...late, password: NEXT_PASSWORD })).status, 200);
  });

  it('is changed with a recovery code too, which is used up', async () => {
    const she = await person(api);
    const [code] = she.recoveryCodes;
    assert.equal((await change(she, { code })).status, 200);
    const back = { password: NEXT_PASSWORD, new_password: PASSWORD };
    assert.equal(slug(await change(she, { ...back, code })), '401 login-refused');
    assert.equal((await change(she, { ...back, code: she.recoveryCodes[1] })).status, 200);
  });

  it('stays as it is if the password or the code is wrong, and the answer does not tell which', async () => {
    const she = await person(api);
    const code = await freshCode(api, she);
    const stranger = await person(api);
    const texts = [];
    for (const wrong of [
      { code, password: 'three owls by the harboUr' },
      { code: '000000' },
      { code: codeOf(she.secret, -2) },
      { code: stranger.recoveryCodes[0] },
      { code: '000000', password: 'x' },
    ]) {
      const answer = await change(she, wrong);
      assert.equal(slug(answer), '401 login-refused', JSON.stringify(wrong));
      texts.push(answer.text);
    }
    assert.equal(new Set(texts).size, 1);
    assert.equal((await change(she, { code })).status, 200, 'none of them used the code up');
    const again = { password: NEXT_PASSWORD, new_password: PASSWORD, code };
    assert.equal(slug(await change(she, again)), '401 login-refused', 'a code counts once');
  });

  it('is no trivial, leaked, own or present one; the refusal never shows it', async () => {
    const she = await person(api);
    const code = await freshCode(api, she);
    for (const weak of ['short', 'password1', 'abcabcabcabc', 'qwertyuiop', she.name, PASSWORD]) {
      const answer = await change(she, { code, new_password: weak });
      assert.equal(slug(answer), '400 invalid-request', weak);
      assert.equal((answer.body.errors as { field: string }[])[0]?.field, 'new_password');
      assert.ok(!answer.text.includes(weak), answer.text);
    }
    assert.equal((await change(she, { code })).status, 200, 'none of them used the code up');
  });

  it('is guessed ten times in sessions, together with codes, and failed logins of others lock nobody out of it', async () => {
    const other = await startApi();
    try {
      const she = await person(other);
      const wrong = { code: '000000', password: 'wrong' };
      const statuses = [];
      for (let time = 0; time < 5; time++) {
        statuses.push((await change(she, wrong)).status);
        statuses.push(
          (await she.call('POST', '/v1/operator/recovery-codes', { body: { code: '000000' } })).status,
        );
      }
      assert.deepEqual(new Set(statuses), new Set([401]));
      const late = await change(she, { code: await freshCode(other, she) });
      assert.equal(slug(late), '429 too-many-requests');
      assert.ok(Number(late.headers.get('retry-after')) > 60);
      const he = await person(other);
      for (let time = 0; time < 10; time++) await logIn(other, { ...wrong, name: he.name });
      assert.equal((await change(he, { code: await freshCode(other, he) })).status, 200);
    } finally {
      await other.close();
    }
  });

  it('is one of eight that were asked for at the same moment with one code', async () => {
    const she = await person(api);
    const code = await freshCode(api, she);
    const wanted = Array.from({ length: 8 }, (_, number) => `${NEXT_PASSWORD} ${number}`);
    const answers = await Promise.all(wanted.map(password => change(she, { code, new_password: password })));
    assert.deepEqual(answers.map(slug).filter(text => !text.startsWith('200')).length, 7);
    assert.ok(answers.every(answer => answer.status === 200 || slug(answer) === '401 login-refused'));
    const [, second] = she.recoveryCodes;
    const won = wanted[answers.findIndex(({ status }) => status === 200)];
    assert.equal((await logIn(api, { name: she.name, password: won, code: second })).status, 200);
  });

  it('is an act, whose row has neither password nor code', async () => {
    const she = await person(api, 'viewer');
    const [code = ''] = she.recoveryCodes;
    assert.equal((await change(she, { code: '000000' })).status, 401, 'what is refused is none');
    assert.equal((await change(she, { code })).status, 200);
    const acts = (await listActs(api.pool, { after: 0, limit: 10_000 })).filter(
      ({ operator, action }) => operator === she.name && action === 'changePassword',
    );
    assert.deepEqual(
      acts.map(({ target, details }) => [target, JSON.parse(details)]),
      [[`operator ${she.id}`, { ended_sessions: 0, recovery_codes_left: RECOVERY_CODES - 1 }]],
    );
  });
});
