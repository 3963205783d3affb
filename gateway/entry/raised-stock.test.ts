/** A raised stock on the real stack: who was told "sold out", who comes later, and the book that shows it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';
import { nodePrimitives } from '../../engine/verify/node.ts';
import { verify } from '../../engine/verify/verify.ts';

let system: System;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2, gatewayEnv: { RECEIPTS: 'on' } });
});
after(() => system.close());

const enter = (user: string, campaign: number, gateway: number): Promise<Answer> =>
  system.ask(user, 'POST', `/v1/campaigns/${campaign}/entries`, { gateway });

function raise(campaign: number, stock: number): Promise<Answer> {
  const body = { stock, reason: 'The brand has sent more' };
  return system.operate('POST', `/v1/campaigns/${campaign}/raise`, body, { 'if-match': '*' });
}

/** Of the own entry, once it is that. */
async function becomes(user: string, campaign: number, outcome: string): Promise<Answer['body']> {
  return await eventually(async () => {
    const { body } = await system.ask(user, 'GET', `/v1/campaigns/${campaign}/entries/me`);
    return body.outcome === outcome ? body : undefined;
  });
}

/** Until both gateways refuse newcomers: resolves with how many of these were faster, and have entries. */
async function refusesAll(campaign: number, stock: number): Promise<number> {
  let [asked, entered] = [0, 0];
  for (const gateway of [0, 1]) {
    await eventually(async () => {
      const { status, body } = await enter(`newcomer-${asked++}`, campaign, gateway);
      if (status === 202) entered += 1;
      return status === 409 && body.type === 'urn:fairline:problem:sold-out' && body.stock === stock;
    });
  }
  return entered;
}

async function bytesOf(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Uint8Array | undefined> {
  const response = await fetch(url, { headers });
  return response.status === 200 ? new Uint8Array(await response.arrayBuffer()) : undefined;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test('a raised stock is granted to those who had lost, then to whoever asks again, and the book shows it', async () => {
  const campaign = await system.offer({ kind: 'coupon', stock: 2 });
  const early = ['ann', 'bob', 'cid', 'dan'];
  for (const [index, user] of early.entries())
    assert.equal((await enter(user, campaign, index % 2)).status, 202);
  assert.equal((await becomes('bob', campaign, 'granted')).serial, 2);
  for (const user of ['cid', 'dan']) await becomes(user, campaign, 'sold_out');
  const faster = await refusesAll(campaign, 2);
  assert.equal((await enter('late', campaign, 1)).status, 409);

  const stock = early.length + faster + 1;
  assert.equal((await raise(campaign, stock)).status, 200);
  assert.equal((await becomes('cid', campaign, 'granted')).serial, 3);
  assert.equal((await becomes('dan', campaign, 'granted')).serial, 4);
  // A user whose request was refused has no entry, and may ask again.
  const again = await eventually(async () => {
    const answer = await enter('late', campaign, 1);
    return answer.status === 202 ? answer : undefined;
  });
  assert.equal(again.status, 202);
  assert.equal((await becomes('late', campaign, 'granted')).serial, stock);
  await eventually(async () => {
    const { status, body } = await enter('too-late', campaign, 0);
    return status === 409 && body.stock === stock;
  });
  // The holders that a gateway keeps are those of the whole stock.
  for (const gateway of [0, 1]) {
    await eventually(async () => {
      const { status, body } = await enter('dan', campaign, gateway);
      assert.notEqual(status, 409, JSON.stringify(body));
      return body.outcome === 'granted';
    });
  }

  assert.ok((await system.operate('POST', `/v1/campaigns/${campaign}/close`)).status < 300);
  const book = await eventually(() => bytesOf(`${system.gateways[0]?.url}/v1/campaigns/${campaign}/book`));
  const { authorization } = await system.operator('Vera', 'viewer');
  const log = await bytesOf(`${system.engine.url}/v1/operator-log.ndjson`, { authorization });
  assert.ok(log);
  const report = await verify({ primitives: nodePrimitives, book: once(book), log: once(log) });
  assert.deepEqual(report.findings, []);
  assert.match(report.checked.join('\n'), /The book states 1 raise of the stock, from 2/);
  const late = await raise(campaign, 9);
  assert.equal(late.status, 409);
  assert.match(String(late.body.detail), /is settled, and its outcomes are final/);
});
