import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { openPool } from '../../../sql/database.ts';
import { startProxy } from '../../test/proxy.ts';
import { testDatabase } from '../../test/support.ts';
import { startApi, type TestApi, TOKEN } from '../testing/api.ts';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.close());

/** Sends raw bytes, and returns everything that the server answers until it closes the connection. */
async function send(bytes: string): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', text => {
    answer += text;
  });
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

function problemOf(answer: string): Record<string, unknown> {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  assert.match(head, /content-type: application\/problem\+json/i);
  return JSON.parse(body);
}

describe('the operator token', () => {
  it('is required on every path below /v1/', async () => {
    for (const path of ['/v1/campaigns', '/v1/nothing', '/v1/']) {
      const answer = await api.call('GET', path, { token: undefined });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="fairline operators"');
      assert.equal(answer.body.type, 'urn:fairline:problem:unauthenticated');
    }
  });

  it('is refused when wrong, and never printed', async () => {
    for (const authorization of [
      'Bearer another',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN} ${TOKEN}`,
      TOKEN,
      'Bearer',
    ]) {
      const answer = await api.call('GET', '/v1/campaigns', { token: undefined, headers: { authorization } });
      assert.equal(answer.status, 401, authorization);
      assert.ok(!answer.text.includes(TOKEN.slice(1)));
    }
    const wrong = await api.call('GET', '/v1/campaigns', { token: 'another' });
    assert.match(wrong.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  });

  it('accepts its scheme in any case', async () => {
    const headers = { authorization: `bearer ${TOKEN}` };
    assert.equal((await api.call('GET', '/v1/campaigns', { token: undefined, headers })).status, 200);
  });
});

describe('unroutable requests', () => {
  it('get 404 for an unknown path', async () => {
    for (const path of ['/', '/v2', '/v1/campaigns/1/entries/me', '/livez/x']) {
      const answer = await api.call('GET', path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.body.type, 'urn:fairline:problem:not-found');
    }
  });

  it('get 405 with Allow for a wrong method', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/v1/campaigns', 'POST, GET, HEAD'],
      ['PUT', '/v1/campaigns/1', 'GET, HEAD, PATCH'],
      ['GET', '/v1/campaigns/1/close', 'POST'],
      ['PATCH', '/v1/campaigns/1/entries.csv?outcome=won', 'GET, HEAD'],
      ['POST', '/livez', 'GET, HEAD'],
      ['OPTIONS', '/openapi.json', 'GET, HEAD'],
    ] as const) {
      const answer = await api.call(method, path);
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers.get('allow'), allow);
      assert.equal(answer.body.type, 'urn:fairline:problem:method-not-allowed');
    }
  });

  it('get 400 for an undecodable path', async () => {
    const answer = problemOf(
      await send(
        `GET /v1/campaigns/%E0%A4 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\nconnection: close\r\n\r\n`,
      ),
    );
    assert.equal(answer.type, 'urn:fairline:problem:invalid-request');
  });
});

describe('malformed requests', () => {
  it('get 400', async () => {
    const answer = await send('BREW /coffee\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.equal(problemOf(answer).type, 'urn:fairline:problem:invalid-request');
  });

  it('get 431 for oversized headers', async () => {
    const answer = await send(`GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(9_000)}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.equal(problemOf(answer).type, 'urn:fairline:problem:headers-too-large');
  });

  it('get 408 when they arrive incomplete', async () => {
    const answer = await send(
      `POST /v1/campaigns HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n` +
        'content-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.equal(problemOf(answer).type, 'urn:fairline:problem:request-timeout');
  });
});

describe('every response', () => {
  it('forbids caching and content sniffing', async () => {
    for (const path of ['/livez', '/v1/campaigns', '/nothing']) {
      const { headers } = await api.call('GET', path);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
  });

  it('is counted', async () => {
    await api.call('GET', '/v1/campaigns/999999');
    const { text } = await api.call('GET', '/metrics');
    assert.match(
      text,
      /fairline_api_answers_total\{method="GET",route="\/v1\/campaigns\/:id",status="404"\} \d+/,
    );
    assert.match(text, /fairline_api_answers_total\{method="OPTIONS",route="none",status="405"\} 1/);
  });

  it('has no body for HEAD', async () => {
    const answer = await api.call('HEAD', '/readyz');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  });
});

it('answers 503 when PostgreSQL has vanished without a word', async () => {
  const database = await testDatabase();
  const url = new URL(database.url);
  const proxy = await startProxy({ host: url.hostname, port: Number(url.port || 5432) });
  url.host = `127.0.0.1:${proxy.port}`;
  const pool = openPool(url.href, {
    ...{ max: 1, applicationName: 'test', onError: () => undefined },
    answerTimeoutMs: 300,
  });
  const cutOff = await startApi({ pool });
  try {
    assert.equal((await cutOff.call('GET', '/v1/campaigns')).status, 200);
    proxy.forsake();
    const answer = await cutOff.call('GET', '/v1/campaigns');
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.has('retry-after'));
    assert.equal((await cutOff.call('GET', '/v1/campaigns')).status, 200, 'by another connection');
  } finally {
    await cutOff.close();
    await pool.end();
    await proxy.close();
    await database.drop();
  }
});
