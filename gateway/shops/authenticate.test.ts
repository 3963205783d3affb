import uws from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LedgerUnavailable } from '../cold/ledger.ts';
import { listen } from '../http/listen.ts';
import { ANSWERED, Reply } from '../http/reply.ts';
import { authenticateShop } from './authenticate.ts';
import { EnvironmentToken } from './environment-token.ts';
import { NamedTokens } from './named-tokens.ts';

const TOKEN = 'the-token-of-a-shop';

test('accepts only the exact token', () => {
  const token = new EnvironmentToken(TOKEN);
  assert.equal(token.matches(TOKEN), true);
  const wrong = [
    '',
    TOKEN.slice(1),
    TOKEN.slice(0, -1),
    `${TOKEN}x`,
    `${TOKEN}\0`,
    `${TOKEN}${'x'.repeat(600)}`,
  ];
  for (const given of wrong) assert.equal(token.matches(given), false, given);
  assert.equal(token.matches(TOKEN), true, 'earlier comparisons leave no trace');
  assert.equal(new EnvironmentToken('').matches(''), false);
  assert.equal(new EnvironmentToken('x'.repeat(512)).matches('x'.repeat(512)), true);
  const printable = fc
    .string({ minLength: 16, maxLength: 64 })
    .map(text => text.replace(/[^\x21-\x7e]/g, '!'));
  fc.assert(
    fc.property(printable, printable, (right, given) => {
      assert.equal(new EnvironmentToken(right).matches(given), right === given);
    }),
  );
});

/** The answer of a gateway with that token to such a header: status, problem, challenge; 204 accepts the shop. */
async function answerTo(
  token: string,
  authorization: string | undefined,
): Promise<{ status: number; problem: unknown; challenge: string | null; refused: string[] }> {
  const refused: string[] = [];
  const parts = {
    environmentToken: new EnvironmentToken(token),
    namedTokens: new NamedTokens({
      find: () => Promise.reject(new LedgerUnavailable('this gateway has none')),
      noteUses: () => Promise.resolve(),
    }),
    metrics: { refuse: (reason: string) => refused.push(reason) },
  };
  const app = uws.App().get('/', async (res, req) => {
    const reply = new Reply(res);
    const caller = await authenticateShop(parts, reply, req.getHeader('authorization'));
    if (caller !== ANSWERED) reply.empty(204);
  });
  const port = await listen(app, { host: '127.0.0.1', port: 0, prefix: 'GATEWAY' });
  try {
    const headers = { connection: 'close', ...(authorization === undefined ? {} : { authorization }) };
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers });
    const text = await response.text();
    const problem: unknown = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, problem, challenge: response.headers.get('www-authenticate'), refused };
  } finally {
    app.close();
  }
}

test('authorizes a shop by its token only', async () => {
  for (const scheme of ['Bearer', 'bearer']) {
    assert.equal((await answerTo(TOKEN, `${scheme} ${TOKEN}`)).status, 204);
  }
  const others = [
    undefined,
    '',
    TOKEN,
    `Basic ${TOKEN}`,
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} ${TOKEN}`,
  ];
  for (const authorization of others) {
    const { status, problem, challenge, refused } = await answerTo(TOKEN, authorization);
    assert.equal(status, 401, authorization);
    assert.match(challenge ?? '', /^Bearer realm="fairline shops"/);
    assert.match(JSON.stringify(problem), /"field":"authorization"/);
    assert.doesNotMatch(JSON.stringify(problem), new RegExp(TOKEN), 'a token is never printed');
    assert.deepEqual(refused, ['shop']);
  }
});

test('without a configured token, says what to set', async () => {
  for (const authorization of [undefined, 'Bearer', 'Bearer sixteen-letters!']) {
    const { status, problem } = await answerTo('', authorization);
    assert.equal(status, 503);
    assert.match(JSON.stringify(problem), /urn:fairline:problem:not-configured.*SHOP_TOKEN/);
  }
});

test('a named token that the ledger cannot confirm is neither accepted nor refused for good', async () => {
  for (const token of ['', TOKEN]) {
    const { status, problem, challenge } = await answerTo(token, `Bearer fairline_shop_${'A'.repeat(43)}`);
    assert.deepEqual([status, challenge], [503, null]);
    assert.match(JSON.stringify(problem), /urn:fairline:problem:unavailable/);
  }
});
