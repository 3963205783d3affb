/** That the times of answers do not tell which addresses have an account. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAlike } from '../../engine/contract/passwords/testing/times.ts';
import { type Accounts, newAddress, PASSWORD, startAccounts } from './testing/accounts.ts';

const OTHER = 'five herons in the reeds';

let accounts: Accounts;
before(async () => {
  accounts = await startAccounts();
});
after(() => accounts.close());

test('a refused login takes as long for an address without an account, unverified, or without a password', async () => {
  const verified = await accounts.fan(newAddress());
  const [unverified, withoutPassword] = [newAddress(), newAddress()];
  const signUp = async (address: string, password: string): Promise<void> => {
    const answer = await accounts.browser().post('/v1/accounts', { address, password });
    assert.equal(answer.status, 202, answer.text);
  };
  await signUp(unverified, PASSWORD);
  await signUp(withoutPassword, PASSWORD);
  // With another password than the first: neither is kept.
  await signUp(withoutPassword, OTHER);
  const logIn = async (round: number, address: string, password: string): Promise<void> => {
    // Each from another network, since attempts are limited.
    const browser = accounts.browser(`203.0.${round}.1`);
    const answer = await browser.post('/v1/accounts/login', { address, password });
    assert.equal(answer.status, 401, answer.text);
  };
  await assertAlike({
    'a wrong password': round => logIn(round, verified, OTHER),
    'no account': round => logIn(round, newAddress(), OTHER),
    'an account that is not verified': round => logIn(round, unverified, PASSWORD),
    'an account without a password': round => logIn(round, withoutPassword, PASSWORD),
  });
});

test('a wish for an e-mail takes as long for an address without an account', async () => {
  const compare = async (path: string): Promise<void> => {
    const address = await accounts.fan(newAddress());
    const ask = async (round: number, to: string): Promise<void> => {
      const answer = await accounts.browser(`203.0.${round}.2`).post(path, { address: to });
      assert.equal(answer.status, 202, answer.text);
    };
    // Five e-mails to an address in a short time are the most.
    await assertAlike(
      {
        [`${path}, an account`]: round => ask(round, address),
        [`${path}, no account`]: round => ask(round, newAddress()),
      },
      2,
    );
  };
  await Promise.all(['/v1/accounts/password-mail', '/v1/accounts/verification-mail'].map(compare));
});
