/** A shop behind a waiting room, with plain Node, Fastify and nginx: each admits only customers with a pass. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import Fastify from 'fastify';
import { findNginx, type Nginx, startNginx } from '../../engine/stack/testing/nginx.ts';
import { openEvents } from '../../engine/test/events.ts';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';
import { type AdmissionResult, createRoomGate } from './room.mjs';

const WAITING = 'http://127.0.0.1:1/queue';

interface Shop {
  readonly base: string;
  stop(): Promise<void>;
}

let system: System;
let room = 0;
/** A room whose passes admit once. */
let strictRoom = 0;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 2 });
  room = await system.offer({ kind: 'room', per_second: 100 });
  strictRoom = await system.offer({ kind: 'room', per_second: 100, single_use: true });
});
after(() => system.close());

async function passFor(user: string, campaign: number): Promise<string> {
  await system.enter(user, campaign);
  const authorization = `Bearer ${await system.ticket(user)}`;
  const queue = `${system.gateways[0]?.url}/v1/campaigns/${campaign}/queue`;
  const { ended } = await openEvents(queue, { authorization });
  await ended;
  return await eventually(async () => {
    const { status, body } = await system.ask(user, 'POST', `/v1/campaigns/${campaign}/pass`);
    return status === 200 && String(body.pass);
  });
}

function gateFor(campaign: number, fetchOf: typeof fetch = fetch) {
  const gateway = system.gateways[0]?.url ?? '';
  return createRoomGate({ gateway, campaign, shopToken: system.shopToken, fetch: fetchOf });
}

async function visit(base: string, path: string, cookie = '') {
  const response = await fetch(base + path, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
  const [kept = ''] = (response.headers.get('set-cookie') ?? '').split(';');
  return {
    status: response.status,
    text: await response.text(),
    cookie: kept,
    to: response.headers.get('location'),
  };
}

async function listening(server: Server): Promise<Shop> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** With node:http; an Express app calls the middleware in the same way. */
function nodeShop(campaign: number): Promise<Shop> {
  const gate = gateFor(campaign).express({ waitingPage: WAITING });
  return listening(
    createServer((request: Parameters<typeof gate>[0], response) => {
      gate(request, response, error => {
        response.statusCode = error === undefined ? 200 : 503;
        response.end(request.room?.inside === true ? `Hello ${request.room.user}` : String(error));
      });
    }),
  );
}

async function fastifyShop(campaign: number): Promise<Shop> {
  const app = Fastify();
  app.addHook('onRequest', gateFor(campaign).fastify({ waitingPage: WAITING }));
  app.get('/*', async request => {
    const inside: AdmissionResult | undefined = Reflect.get(request, 'room');
    return inside?.inside === true ? `Hello ${inside.user}` : 'nobody';
  });
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  return { base, stop: () => app.close() };
}

/** The same steps for each kind of shop. */
async function holds(shopOf: (campaign: number) => Promise<Shop>, prefix: string): Promise<void> {
  const shop = await shopOf(room);
  const strict = await shopOf(strictRoom);
  try {
    const user = `${prefix}-alice`;
    const pass = await passFor(user, room);
    for (const wrong of ['/', '/?pass=made-up', `/?pass=${pass.slice(0, -4)}AAAA`]) {
      const sent = await visit(shop.base, wrong);
      assert.deepEqual([sent.status, sent.to], [302, WAITING], wrong);
    }
    const ofAnother = await visit(strict.base, `/?pass=${pass}`);
    assert.deepEqual([ofAnother.status, ofAnother.to], [302, WAITING], 'a pass to another campaign');
    const come = await visit(shop.base, `/?pass=${pass}`);
    assert.deepEqual([come.status, come.text], [200, `Hello ${user}`]);
    assert.match(come.cookie, /^fairline_visit=/);
    const next = await visit(shop.base, '/cart', come.cookie);
    assert.deepEqual([next.status, next.text, next.cookie], [200, `Hello ${user}`, '']);
    const crowded = await visit(shop.base, '/cart', `basket=${'x'.repeat(5_000)}; ${come.cookie}`);
    assert.equal(crowded.status, 200, "the shop's own cookies are kept");
    assert.equal((await visit(strict.base, '/', come.cookie)).status, 302, 'a visit to another campaign');
    assert.equal(
      (await visit(shop.base, '/', `fairline_visit=${pass}`)).status,
      302,
      'a pass is not a visit',
    );
    assert.equal((await visit(shop.base, `/?pass=${pass}`)).status, 200, 'here a pass admits again');
    assert.equal((await visit(shop.base, '/', `fairline_pass=${pass}`)).status, 200, 'a pass as a cookie');

    const single = await passFor(`${prefix}-bob`, strictRoom);
    const both = await Promise.all([
      visit(strict.base, `/?pass=${single}`),
      visit(strict.base, `/?pass=${single}`),
    ]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 302], 'only once');
    const inside = both.find(({ status }) => status === 200);
    assert.equal((await visit(strict.base, '/cart', inside?.cookie)).status, 200);
    const { rows } = await system.pool.query(
      `select state from room_people where campaign_id = $1 and user_id = $2`,
      [strictRoom, `${prefix}-bob`],
    );
    assert.equal(rows[0]?.state, 'inside');
  } finally {
    await shop.stop();
    await strict.stop();
  }
}

test('protects a shop on node:http, as Express does', () => holds(nodeShop, 'node'));
test('protects a Fastify shop', () => holds(fastifyShop, 'fastify'));

test('a departure frees capacity, and visitors stay inside while the gateway is down', async () => {
  const tight = await system.offer({ kind: 'room', per_second: 100, capacity: 1 });
  let isDown = false;
  const gate = gateFor(tight, (...asked) => (isDown ? Promise.reject(new Error('away')) : fetch(...asked)));
  const pass = await passFor('first', tight);
  const come = await gate.admit({ url: `/?pass=${pass}`, headers: {}, session: 's1' });
  assert.ok(come.inside && come.setCookie !== undefined);
  await system.enter('second', tight);
  isDown = true;
  const cookie = come.setCookie.split(';', 1)[0];
  assert.equal((await gate.admit({ url: '/', headers: { cookie } })).inside, true);
  await assert.rejects(gate.admit({ url: `/?pass=${pass}`, headers: {} }), /away/);
  isDown = false;
  assert.equal((await system.ask('second', 'POST', `/v1/campaigns/${tight}/pass`)).status, 409);
  await gate.left(come.serial);
  const second = await passFor('second', tight);
  assert.equal((await gate.admit({ url: `/?pass=${second}`, headers: {} })).inside, true);
  const afterLeaving = await gate.admit({ url: `/?pass=${pass}`, headers: {} });
  assert.deepEqual(
    [afterLeaving.inside, 'reason' in afterLeaving && afterLeaving.reason],
    [false, 'no-pass'],
  );
});

describe('a shop behind nginx alone', async () => {
  const nginx = await findNginx();
  const skip = typeof nginx === 'string' ? `!!! NGINX WAS NOT TESTED: ${nginx} !!!` : false;
  if (typeof nginx === 'string') process.stderr.write(`!!! NGINX WAS NOT TESTED: ${nginx} !!!\n`);
  test('admits users with a pass only', { skip }, async () => {
    assert.ok(typeof nginx !== 'string');
    await holds(campaign => nginxShop(nginx, campaign), 'nginx');
  });
});

/** A shop that trusts nginx' headers, behind nginx with the nginx.conf.example beside this file. */
async function nginxShop(nginx: Nginx, campaign: number): Promise<Shop> {
  const behind = await listening(
    createServer((request, response) => {
      response.end(`Hello ${decodeURIComponent(String(request.headers['x-fairline-user']))}`);
    }),
  );
  const port = await freePort();
  const example = await readFile(new URL('./nginx.conf.example', import.meta.url), 'utf8');
  const names: Readonly<Record<string, string>> = {
    LISTEN: `127.0.0.1:${port}`,
    GATEWAY: `127.0.0.1:${system.gateways[1]?.port}`,
    CAMPAIGN: String(campaign),
    SHOP_TOKEN: system.shopToken,
    SHOP: behind.base.replace('http://', ''),
    WAITING,
  };
  const server = example
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\b(LISTEN|GATEWAY|CAMPAIGN|SHOP_TOKEN|SHOP|WAITING)\b/g, name => names[name] ?? name);
  const base = `http://127.0.0.1:${port}`;
  const stop = await startNginx(
    nginx,
    server,
    async () => (await fetch(base, { redirect: 'manual' })).status === 302,
  );
  return {
    base,
    stop: async () => {
      await stop();
      await behind.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { base, stop } = await listening(server);
  await stop();
  return Number(new URL(base).port);
}
