/** Acts that meet on one account, or fail half-way: on a real PostgreSQL, with locks that another connection holds, and triggers that raise. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import type { Connection } from '../../sql/database.ts';
import { Links } from './library/links.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';
import type { BrowserAnswer } from './testing/browser.ts';

const OTHER = 'five herons in the reeds';
const ACCOUNTS_SECRET = 'a secret of accounts, of 32 characters or more';

interface Fan {
  readonly fanId: string;
  readonly address: string;
  readonly credentialVersion: string;
}

describe('acts beside each other', () => {
  let accounts: Accounts;
  const links = new Links({ secret: ACCOUNTS_SECRET, lifeS: 3_600 });
  before(async () => {
    accounts = await startAccounts({ ACCOUNTS_SECRET });
  });
  after(() => accounts.close());

  const fanOf = async (address: string): Promise<Fan> => {
    const { rows } = await accounts.pool.query<Fan>(
      'select id as "fanId", email as address, credential_version as "credentialVersion" from fans where email = $1',
      [address],
    );
    return rows[0] ?? assert.fail(`nobody has ${address}`);
  };
  const post = (path: string, body?: object): Promise<BrowserAnswer> =>
    accounts.browser().post(`/v1/accounts${path}`, body);
  const logIn = async (address: string, password: string): Promise<number> =>
    (await post('/login', { address, password })).status;
  const resetLink = async (address: string): Promise<string> => links.forReset(await fanOf(address));
  const changeLink = async (address: string, to: string): Promise<string> => {
    const { fanId, credentialVersion } = await fanOf(address);
    return links.forChange({ fanId, from: address, to, credentialVersion });
  };

  const waitingStatements = async (): Promise<number> => {
    const { rows } = await accounts.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length;
  };

  /** Runs `work` while another connection holds what `lock` takes, and lets go once so many statements wait. */
  const whileLocked = async <T>(
    lock: (holder: Connection) => Promise<unknown>,
    work: (waiting: (statements: number) => Promise<unknown>) => Promise<T>,
  ): Promise<T> => {
    const holder = await accounts.pool.connect();
    try {
      await holder.query('begin');
      await lock(holder);
      const result = work(statements =>
        eventually(async () => (await waitingStatements()) >= statements).then(() =>
          holder.query('rollback'),
        ),
      );
      return await result;
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  };
  const lockFan =
    (address: string) =>
    (holder: Connection): Promise<unknown> =>
      holder.query('select 1 from fans where email = $1 for update', [address]);

  /** Runs `work` while such changes of rows are refused, as by a server that is shutting down. */
  const whileRefused = async <T>(change: string, on: string, work: () => Promise<T>): Promise<T> => {
    await accounts.pool.query(
      `create function refuse() returns trigger language plpgsql as $$
         begin raise exception 'refused by the test' using errcode = '57P01'; end $$;
       create trigger refuse before ${change} on ${on} for each row execute function refuse()`,
    );
    try {
      return await work();
    } finally {
      await accounts.pool.query(`drop trigger refuse on ${on}; drop function refuse()`);
    }
  };

  test('a reset that fails half-way has done nothing, and its link works again; then all of before is void', async () => {
    const address = newAddress();
    const thief = await accounts.loggedIn(address);
    const change = await changeLink(address, newAddress());
    const token = await resetLink(address);
    const reset = (): Promise<BrowserAnswer> => post('/password', { token, password: OTHER });
    await whileRefused('update of credential_version', 'fans', async () => {
      assert.equal((await reset()).status, 503);
    });
    await whileRefused('delete', 'fan_sessions', async () => {
      assert.equal((await reset()).status, 503);
    });
    assert.equal(await logIn(address, PASSWORD), 200, 'nothing has changed');
    assert.equal((await reset()).status, 204);
    assert.equal((await post('/verification', { token: change })).status, 410);
    assert.equal((await thief.get('/v1/accounts/me')).status, 401);
    assert.deepEqual([await logIn(address, PASSWORD), await logIn(address, OTHER)], [401, 200]);
  });

  test('of a reset and a change of address at once one is made, whichever comes first', async () => {
    for (const first of ['reset', 'change']) {
      const address = await accounts.fan(newAddress());
      const next = newAddress();
      const ask = {
        reset: post.bind(undefined, '/password', { token: await resetLink(address), password: OTHER }),
        change: post.bind(undefined, '/verification', { token: await changeLink(address, next) }),
      };
      const [reset, change] = await whileLocked(lockFan(address), async waiting => {
        // The reset hashes before it waits, and so comes second on its own.
        const asked = first === 'reset' ? [ask.reset()] : [ask.change()];
        await eventually(async () => (await waitingStatements()) === 1);
        asked.push(first === 'reset' ? ask.change() : ask.reset());
        await waiting(2);
        const answers = await Promise.all(asked);
        return first === 'reset' ? answers : answers.reverse();
      });
      const statuses = [reset?.status, change?.status];
      assert.deepEqual(statuses, first === 'reset' ? [204, 410] : [410, 204]);
      const owner = first === 'reset' ? [address, OTHER] : [next, PASSWORD];
      assert.equal(await logIn(owner[0] ?? '', owner[1] ?? ''), 200);
    }
  });

  test('a logout everywhere and a change of address, which meet on a session, do not deadlock', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const token = await changeLink(address, newAddress());
    const lockSession = (holder: Connection): Promise<unknown> =>
      holder.query(
        'select 1 from fan_sessions where fan_id = (select id from fans where email = $1) for update',
        [address],
      );
    const statuses = await whileLocked(lockSession, async waiting => {
      const asked = [browser.post('/v1/accounts/logout-everywhere')];
      await eventually(async () => (await waitingStatements()) === 1);
      asked.push(post('/verification', { token }));
      await waiting(2);
      return (await Promise.all(asked)).map(({ status }) => status);
    });
    assert.deepEqual(statuses, [204, 410]);
    assert.equal((await browser.get('/v1/accounts/me')).status, 401);
  });

  test('of two sign-ups at once with two passwords neither password gets in, whichever link is opened', async () => {
    const address = newAddress();
    // A third one that is rolled back: so both have found that the address is free, and one loses the race.
    const insert = (holder: Connection): Promise<unknown> =>
      holder.query(
        `insert into fans (id, name, email, email_verified, locale, created_at, updated_at)
         values (repeat('x', 32), '', $1, false, 'en', now(), now())`,
        [address],
      );
    const answers = await whileLocked(insert, async waiting => {
      const asked = [PASSWORD, OTHER].map(password => post('', { address, password }));
      await waiting(2);
      return await Promise.all(asked);
    });
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [202, { address }],
        [202, { address }],
      ],
    );
    const token = await accounts.link(address, /Confirm/);
    assert.equal((await post('/verification', { token })).status, 204);
    assert.deepEqual([await logIn(address, PASSWORD), await logIn(address, OTHER)], [401, 401]);
    const reset = await accounts.link(address, /new password/);
    assert.equal((await post('/password', { token: reset, password: OTHER })).status, 204);
    assert.equal(await logIn(address, OTHER), 200);
  });

  test('a second sign-up that cannot remove the first password is not accepted', async () => {
    const address = newAddress();
    await post('', { address, password: PASSWORD });
    await whileRefused('update of password', 'fan_credentials', async () => {
      assert.equal((await post('', { address, password: OTHER })).status, 503);
    });
    assert.equal((await post('', { address, password: OTHER })).status, 202, 'once it can');
    await post('/verification', { token: await accounts.link(address, /Confirm/) });
    assert.deepEqual([await logIn(address, PASSWORD), await logIn(address, OTHER)], [401, 401]);
  });

  test('a sign-up that is repeated with the same password keeps it', async () => {
    const address = newAddress();
    for (let asked = 0; asked < 2; asked++)
      assert.equal((await post('', { address, password: PASSWORD })).status, 202);
    await accounts.mails(address, 2);
    await post('/verification', { token: await accounts.link(address, /Confirm/) });
    assert.equal(await logIn(address, PASSWORD), 200);
  });

  test('a sign-up beside a reset of the same address does not remove the password that the reset has set', async () => {
    const address = newAddress();
    await post('', { address, password: PASSWORD });
    const token = await resetLink(address);
    const statuses = await whileLocked(lockFan(address), async waiting => {
      const asked = [post('/password', { token, password: OTHER })];
      await eventually(async () => (await waitingStatements()) === 1);
      asked.push(post('', { address, password: 'seven otters under ice' }));
      await waiting(2);
      return (await Promise.all(asked)).map(({ status }) => status);
    });
    assert.deepEqual(statuses, [204, 202]);
    assert.equal(await logIn(address, OTHER), 200);
  });

  test('a deletion that fails has done nothing', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const remove = (): Promise<BrowserAnswer> =>
      browser.post('/v1/accounts/deletion', { password: PASSWORD });
    await whileRefused('delete', 'fans', async () => {
      assert.equal((await remove()).status, 503);
    });
    assert.equal((await browser.get('/v1/accounts/me')).status, 200, 'still logged in');
    assert.equal((await remove()).status, 204);
    const { rows } = await accounts.pool.query('select 1 from fans where email = $1', [address]);
    assert.equal(rows.length, 0);
  });

  test('a deletion beside a reset: one of them is made', async () => {
    const address = newAddress();
    const browser = await accounts.loggedIn(address);
    const token = await resetLink(address);
    const statuses = await whileLocked(lockFan(address), async waiting => {
      const asked = [browser.post('/v1/accounts/deletion', { password: PASSWORD })];
      await eventually(async () => (await waitingStatements()) === 1);
      asked.push(post('/password', { token, password: OTHER }));
      await waiting(2);
      return (await Promise.all(asked)).map(({ status }) => status);
    });
    assert.deepEqual(statuses, [204, 410]);
  });
});
