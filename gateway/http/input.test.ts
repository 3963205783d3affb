import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem, toAnswer } from '../../engine/test/system.ts';

/** Sends bytes as they are; resolves to everything received until the server closed, or for `ms`. */
async function raw(port: number, bytes: string, ms = 1_500): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', chunk => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(bytes);
  await Promise.race([new Promise(resolve => socket.once('close', resolve)), sleep(ms)]);
  socket.destroy();
  return text;
}

describe('invalid input', () => {
  let system: System;
  let id: number;
  before(async () => {
    system = await startSystem({ log: 'redis', gatewayEnv: { BODY_TIMEOUT_MS: '400' } });
    id = await system.offer({ kind: 'raffle', winners: 1 });
  });
  after(() => system.close());

  const post = (headers: Record<string, string>, body?: string): Promise<Answer> =>
    system.ask('alice', 'POST', `/v1/campaigns/${id}/entries`, {
      headers,
      ...(body === undefined ? {} : { body }),
    });
  const json = { 'content-type': 'application/json' };

  test('answers every invalid request with a problem that names the field, the value and the remedy', async () => {
    const path = `/v1/campaigns/${id}/entries`;
    const cases: [Promise<Answer>, number, string, string][] = [
      [post(json, '{"a":'), 400, 'invalid-request', 'body'],
      [post(json, '[]'), 400, 'invalid-request', 'body'],
      [post(json, 'null'), 400, 'invalid-request', 'body'],
      [post(json, '{"stamp":1}'), 400, 'invalid-request', 'stamp'],
      [post({ 'content-type': 'text/plain' }, '{}'), 415, 'unsupported-media-type', 'content-type'],
      [post(json, `{"x":"${'y'.repeat(1_100)}"}`), 413, 'payload-too-large', 'body'],
      [system.ask('alice', 'POST', '/v1/campaigns/0/entries'), 400, 'invalid-request', 'id'],
      [system.ask('alice', 'POST', '/v1/campaigns/x/entries'), 400, 'invalid-request', 'id'],
      [system.ask('alice', 'POST', '/v1/campaigns/99999999999/entries'), 400, 'invalid-request', 'id'],
      [system.ask('alice', 'GET', '/v1/campaigns/-1'), 400, 'invalid-request', 'id'],
      [system.ask('alice', 'POST', '/v1/campaigns/123456789/entries'), 404, 'unknown-campaign', 'id'],
      [system.ask('alice', 'GET', '/v1/campaigns/123456789/queue'), 404, 'unknown-campaign', 'id'],
      [system.ask('alice', 'GET', '/v1/campaigns?limit=0'), 400, 'invalid-request', 'limit'],
      [system.ask('alice', 'GET', '/v1/campaigns?after=one'), 400, 'invalid-request', 'after'],
      [system.ask('alice', 'GET', '/nowhere'), 404, 'not-found', 'path'],
      [system.ask('alice', 'PUT', path), 405, 'method-not-allowed', 'method'],
      [system.ask('x'.repeat(129), 'POST', path), 401, 'unauthenticated', 'ticket.sub'],
      [system.ask('a\nb', 'POST', path), 401, 'unauthenticated', 'ticket.sub'],
      [post({ authorization: 'Bearer nonsense' }), 401, 'unauthenticated', 'ticket'],
      [post({ authorization: 'Basic abc' }), 401, 'unauthenticated', 'authorization'],
    ];
    for (const [asked, status, slug, field] of cases) {
      const answer = await asked;
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.body.type, `urn:fairline:problem:${slug}`, answer.text);
      const errors = answer.body.errors;
      assert.ok(Array.isArray(errors) && errors[0].field === field, answer.text);
      assert.ok(errors[0].expected.length > 0, answer.text);
      assert.ok((errors[0].value ?? '').length <= 60, 'the value is truncated');
    }
  });

  test('401 says how to authenticate, 405 lists what is allowed', async () => {
    const url = system.gateways[0]?.url;
    const anonymous = await toAnswer(await fetch(`${url}/v1/campaigns/${id}/entries`, { method: 'POST' }));
    assert.equal(anonymous.headers.get('www-authenticate'), 'Bearer realm="fairline"');
    const wrong = await system.ask('alice', 'PATCH', `/v1/campaigns/${id}/entries/me`);
    assert.equal(wrong.headers.get('allow'), 'GET, DELETE');
  });

  test('rejects forged and expired tickets', async () => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forge = (header: object, claims: object, secret = system.secret): string => {
      const input = `${encode(header)}.${encode(claims)}`;
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    };
    const claims = { sub: 'alice', aud: 'fairline', exp: Math.floor(Date.now() / 1000) + 60 };
    const cases: [string, string][] = [
      [forge({ alg: 'none' }, claims), 'ticket.alg'],
      [forge({ alg: 'RS256' }, claims), 'ticket.alg'],
      [forge({ alg: 'HS256' }, claims, 'somebody else’s secret'), 'ticket.signature'],
      [forge({ alg: 'HS256' }, { ...claims, exp: 1 }), 'ticket.exp'],
      [forge({ alg: 'HS256' }, { ...claims, aud: 'elsewhere' }), 'ticket.aud'],
    ];
    for (const [ticket, field] of cases) {
      const answer = await post({ authorization: `Bearer ${ticket}` });
      assert.equal(answer.status, 401);
      assert.ok(Array.isArray(answer.body.errors) && answer.body.errors[0].field === field, answer.text);
    }
  });

  test('accepts a ticket in a cookie, and in the query only where an EventSource needs it', async () => {
    const ticket = await system.ticket('cookie-user');
    const url = system.gateways[0]?.url;
    const cookie = await fetch(`${url}/v1/campaigns/${id}/entries`, {
      method: 'POST',
      headers: { cookie: `other=1; fairline_ticket=${ticket}` },
    });
    assert.equal(cookie.status, 202);
    assert.equal((await fetch(`${url}/v1/campaigns/${id}/entries/me?ticket=${ticket}`)).status, 200);
    assert.equal(
      (await fetch(`${url}/v1/campaigns/${id}/entries?ticket=${ticket}`, { method: 'POST' })).status,
      401,
    );
  });

  test('reads a body of exactly 1,024 bytes, and refuses one byte more', async () => {
    const padded = (size: number): string => `{${' '.repeat(size - 2)}}`;
    assert.equal((await post(json, padded(1_024))).status, 202);
    assert.equal((await post(json, padded(1_025))).status, 413);
    const chunked = `POST /v1/campaigns/${id}/entries HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await system.ticket('c')}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
    const port = system.gateways[0]?.port ?? 0;
    assert.match(await raw(port, `${chunked}2\r\n{}\r\n0\r\n\r\n`), /^HTTP\/1.1 202/);
    assert.match(await raw(port, `${chunked}402\r\n${padded(1_026)}\r\n0\r\n\r\n`), /^HTTP\/1.1 413/);
  });

  test('refuses headers of more than 4,096 bytes and continues', async () => {
    const port = system.gateways[0]?.port ?? 0;
    const head = (size: number): string =>
      `GET /livez HTTP/1.1\r\nhost: x\r\nx-filler: ${'f'.repeat(size)}\r\n\r\n`;
    // `host: x` and `x-filler: ...`, each with its line end, come to exactly 4,096 bytes, and to one more.
    const filler = 4_096 - 'host: x\r\n'.length - 'x-filler: \r\n'.length;
    assert.match(await raw(port, head(filler), 500), /^HTTP\/1.1 200/);
    assert.match(await raw(port, head(filler + 1)), /^HTTP\/1.1 431 .*headers-too-large/s);
    assert.doesNotMatch(await raw(port, head(600_000)), /^HTTP\/1.1 200/);
    assert.equal((await fetch(`${system.gateways[0]?.url}/livez`)).status, 200);
  });

  test('answers a body that never arrives, and stamps a late body when it is complete', async () => {
    const port = system.gateways[0]?.port ?? 0;
    const head = async (user: string): Promise<string> =>
      `POST /v1/campaigns/${id}/entries HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await system.ticket(user)}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n`;
    assert.match(await raw(port, await head('never')), /^HTTP\/1.1 408 .*request-timeout/s);

    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.write(`${await head('late')}{`);
    await sleep(150);
    const quick = await system.enter('quick', id);
    socket.write('}');
    await eventually(() => text.includes('provisional'));
    socket.destroy();
    const late = Number(/"stamp":(\d+)/.exec(text)?.[1]);
    assert.ok(late > Number(quick.body.stamp), 'withholding the body gains nothing');
  });

  test('garbage on the wire does not affect other connections', async () => {
    const port = system.gateways[0]?.port ?? 0;
    await Promise.all([
      raw(port, '\x00\x01\x02\r\n\r\n', 300),
      raw(port, 'GET / HTTP/9.9\r\n\r\n', 300),
      raw(port, `POST /v1/campaigns/${id}/entries HTTP/1.1\r\ncontent-length: -5\r\n\r\n`, 300),
      raw(port, 'GET /livez HTTP/1.1\r\n', 300),
    ]);
    assert.equal((await system.enter('after', id)).status, 202);
  });

  test('counts refusals', async () => {
    const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
    for (const reason of [
      'ticket',
      'body',
      'invalid',
      'unknown_campaign',
      'method',
      'body_timeout',
      'headers',
    ]) {
      assert.match(text, new RegExp(`fairline_refused_total\\{reason="${reason}"\\} [1-9]`), reason);
    }
  });

  test('never answers unknown-campaign while the board is being built', async () => {
    await system.engine.process.stop();
    await system.redis.hdel(system.keys.boardState, 'epoch');
    const unknown = await system.ask('alice', 'POST', '/v1/campaigns/123456789/entries');
    assert.equal(unknown.status, 503, unknown.text);
    assert.equal(unknown.headers.get('retry-after'), '1');
    const known = await system.ask('alice', 'GET', `/v1/campaigns/${id}`);
    assert.equal(known.status, 200, known.text);
  });
});
