/** The shared clock of a real gateway behind a slow Redis: the reported error, and when the gateway accepts no entries. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type NetworkProxy, startProxyTo } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem, toAnswer } from '../../engine/test/system.ts';

describe('a gateway whose Redis is slow', () => {
  let system: System;
  let proxy: NetworkProxy;
  let id: number;
  let slowRedis: string;
  before(async () => {
    system = await startSystem({ log: 'redis', gateways: 0 });
    ({ proxy, url: slowRedis } = await startProxyTo(serversFromEnv().redisUrl));
    id = await system.offer({ kind: 'raffle', winners: 1 });
  });
  after(async () => {
    await system.close();
    await proxy.close();
  });

  const ready = async (url: string): Promise<Answer> => toAnswer(await fetch(`${url}/readyz`));
  const metric = async (url: string, name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const line = text.split('\n').find(each => each.startsWith(`${name} `));
    assert.ok(line !== undefined, `there is no metric ${name}`);
    return Number(line.slice(name.length + 1));
  };

  test('warns beyond CLOCK_WARN_MS and keeps accepting entries', async () => {
    proxy.delay(10);
    const gateway = await system.startGateway({ REDIS_URL: slowRedis });
    system.gateways[0] = gateway;
    const answer = await ready(gateway.url);
    assert.equal(answer.status, 200, answer.text);
    const { warnings, clock_error_bound_ms: boundMs } = answer.body;
    assert.ok(Number(boundMs) >= 10 && Number(boundMs) < 50, answer.text);
    assert.ok(typeof warnings === 'object' && warnings !== null && 'clock' in warnings, answer.text);
    assert.match(String(warnings.clock), /^off by up to [\d.]+ ms; CLOCK_WARN_MS is 5$/);
    assert.equal(await metric(gateway.url, 'fairline_clock_level'), 1);
    assert.ok((await metric(gateway.url, 'fairline_clock_error_bound_seconds')) >= 0.01);
    const entered = await system.enter('alice', id);
    assert.equal(entered.status, 202, entered.text);

    proxy.delay(0);
    await eventually(async () => (await ready(gateway.url)).body.warnings === undefined);
    assert.equal(await metric(gateway.url, 'fairline_clock_level'), 0);
    await gateway.process.stop();
  });

  test('accepts no entries beyond CLOCK_STOP_MS until the error is small again', async () => {
    proxy.delay(60);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const starting = system.startGateway({ REDIS_URL: slowRedis, GATEWAY_PORT: String(port) });
    const unfit = await eventually(async () => {
      const answer = await ready(url).catch(() => undefined);
      const checks = answer?.body.checks;
      const isJoined = typeof checks === 'object' && checks !== null && Reflect.get(checks, 'lease') === 'ok';
      return isJoined && answer;
    });
    assert.equal(unfit.status, 503);
    assert.match(unfit.text, /"clock":"off by up to [\d.]+ ms; CLOCK_STOP_MS is 50"/);
    assert.equal(await metric(url, 'fairline_clock_level'), 2);

    const authorization = `Bearer ${await system.ticket('bob')}`;
    const enter = async (): Promise<Answer> =>
      toAnswer(
        await fetch(`${url}/v1/campaigns/${id}/entries`, { method: 'POST', headers: { authorization } }),
      );
    const refused = await enter();
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.body.type, 'urn:fairline:problem:unavailable');
    assert.match(
      String(refused.body.detail),
      /clock is not accurate enough .* CLOCK_STOP_MS is 50\. Retrying is safe/,
    );
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal(await metric(url, 'fairline_refused_total{reason="clock"}'), 1);
    const { rows } = await system.pool.query('select from entries where user_id = $1', ['bob']);
    assert.equal(rows.length, 0);

    proxy.delay(0);
    await starting;
    const accepted = await enter();
    assert.equal(accepted.status, 202, accepted.text);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
