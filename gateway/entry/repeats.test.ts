/** Repeated entries: they cost the log nothing, and only a user who repeats too often is limited. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startProxy } from '../../engine/test/proxy.ts';
import { eventually, serversFromEnv } from '../../engine/test/support.ts';
import { type Answer, type System, startSystem } from '../../engine/test/system.ts';

let system: System;
/** The gateway with stricter limits. */
const STRICT = 1;
/** A gateway that starts later, and remembers nobody. */
const RESTARTED = 2;
before(async () => {
  system = await startSystem({ log: 'redis', gateways: 1 });
  system.gateways.push(
    await system.startGateway({
      REPEATS_PER_SECOND_PER_USER: '1',
      REPEATS_PER_SECOND_PER_PREFIX: '2',
      TRUSTED_PROXIES: '127.0.0.0/8',
    }),
  );
});
after(() => system.close());

const metric = async (gateway: number, pattern: RegExp): Promise<number> => {
  const text = await (await fetch(`${system.gateways[gateway]?.url}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
};
const logged = (gateway: number): Promise<number> => metric(gateway, /^fairline_slice_entries_sum (\d+)/m);
const refused = (): Promise<number> => metric(STRICT, /^fairline_refused_total\{reason="repeats"\} (\d+)/m);
const enter = (user: string, id: number, forwardedFor: string): Promise<Answer> =>
  system.ask(user, 'POST', `/v1/campaigns/${id}/entries`, {
    gateway: STRICT,
    headers: { 'x-forwarded-for': forwardedFor },
  });

test('answers repeats with the accepted entry, and logs nothing', async () => {
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  const first = await system.enter('alice', id);
  assert.equal(first.status, 202, first.text);
  const before = await logged(0);
  for (let time = 0; time < 30; time++) {
    const again = await system.enter('alice', id);
    assert.equal(again.status, 202, again.text);
    assert.equal(again.body.stamp, first.body.stamp);
    assert.equal(again.body.position ?? again.body.estimated_position, 1);
  }
  assert.equal(await logged(0), before);

  // A gateway that does not know the user logs the entry once, and remembers it from then on.
  const elsewhere = await logged(STRICT);
  for (let time = 0; time < 5; time++) {
    assert.equal((await system.enter('alice', id, STRICT)).body.stamp, first.body.stamp);
  }
  assert.equal(await logged(STRICT), elsewhere + 1);

  await system.ask('alice', 'DELETE', `/v1/campaigns/${id}/entries/me`);
  const withdrawals = await logged(0);
  await eventually(async () => {
    const { body } = await system.enter('alice', id);
    return body.type === 'urn:fairline:problem:already-withdrawn';
  });
  assert.equal(await logged(0), withdrawals);

  // A gateway also logs at most one entry of a user who has withdrawn.
  const restarted = await system.startGateway();
  system.gateways.push(restarted);
  for (let time = 0; time < 5; time++) {
    const { body } = await system.enter('alice', id, RESTARTED);
    assert.equal(body.type, 'urn:fairline:problem:already-withdrawn');
  }
  assert.equal(await logged(RESTARTED), 1);
});

test('answers excessive repeats with 429 and Retry-After, counts them, keeps the entry, and affects nobody else', async () => {
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  const first = await system.enter('bob', id, STRICT);
  const before = await refused();
  const answers = await Promise.all(Array.from({ length: 60 }, () => system.enter('bob', id, STRICT)));
  const tooMany = answers.filter(({ status }) => status === 429);
  assert.ok(tooMany.length > 0, 'sixty at once exceed ten seconds at one a second');
  assert.equal(tooMany.length + answers.filter(({ status }) => status === 202).length, 60);
  for (const { headers, body } of tooMany) {
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.equal(body.type, 'urn:fairline:problem:too-many-requests');
  }
  assert.equal((await refused()) - before, tooMany.length);
  const me = await system.ask('bob', 'GET', `/v1/campaigns/${id}/entries/me`);
  assert.equal(me.body.stamp, first.body.stamp);
  const others = await Promise.all(
    Array.from({ length: 60 }, (_, index) => system.enter(`other${index}`, id, STRICT)),
  );
  assert.deepEqual(new Set(others.map(({ status }) => status)), new Set([202]), 'from the same address');
});

test('limits repeats per address too, but never first entries', async () => {
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  const users = Array.from({ length: 60 }, (_, index) => `n${index}`);
  const at = (index: number): string => `2001:db8:1:2::${index.toString(16)}`;
  const statuses = async (ask: (user: string, index: number) => Promise<Answer>): Promise<number[]> =>
    (await Promise.all(users.map(ask))).map(({ status }) => status);
  assert.deepEqual(new Set(await statuses((user, index) => enter(user, id, at(index)))), new Set([202]));
  const again = await statuses((user, index) => enter(user, id, at(index)));
  assert.ok(again.includes(429), 'sixty people, one repeat each, where twenty are allowed');
  assert.ok(again.includes(202));
  assert.equal((await enter('n1', id, '203.0.113.1')).status, 202, 'from elsewhere');
  assert.equal((await enter('n2', id, '2001:db8:1:3::1')).status, 202, 'from the next network');
  assert.equal((await enter('n3', id, 'unknown')).status, 202, 'from an unknown address');
});

/** What Redis executes from now on: a line for each command, also of other suites. */
async function monitorRedis(): Promise<{ lines(): readonly string[]; close(): void }> {
  const { hostname, port, password } = new URL(serversFromEnv().redisUrl);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', chunk => {
    text += chunk;
  });
  socket.write(`AUTH ${decodeURIComponent(password)}\r\nMONITOR\r\n`);
  await eventually(() => text.startsWith('+OK\r\n+OK\r\n'));
  return { lines: () => text.split('\r\n'), close: () => socket.destroy() };
}

test('asks Redis nothing about a user who enters for the first time: a slice is appended and ranked', async t => {
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  const slices = (): Promise<number> => metric(0, /^fairline_slices_total (\d+)/m);
  const before = await slices();
  const monitor = await monitorRedis();
  t.after(() => monitor.close());
  const users = Array.from({ length: 200 }, (_, index) => `fresh-user-${index}`);
  const answers = await Promise.all(users.map(user => system.enter(user, id)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  const appended = (await slices()) - before;
  await system.redis.echo(`over ${system.namespace}`);
  await eventually(() => monitor.lines().some(line => line.includes(`over ${system.namespace}`)));
  // A script also shows what it calls.
  const commands = monitor.lines().filter(line => line.includes('fresh-user-') && !line.includes(' lua] '));
  assert.equal(commands.length, 2 * appended, `of ${users.length} users in ${appended} slices`);
});

test('refuses repeats without asking Redis', async t => {
  const redis = new URL(serversFromEnv().redisUrl);
  const proxy = await startProxy({ host: redis.hostname, port: Number(redis.port) });
  t.after(() => proxy.close());
  redis.port = String(proxy.port);
  const gateway = system.gateways.length;
  // A look-up that waits for Redis waits until the release.
  const env = { REDIS_URL: redis.href, REDIS_TIMEOUT_MS: '60000', REPEATS_PER_SECOND_PER_USER: '1' };
  system.gateways.push(await system.startGateway(env));
  const id = await system.offer({ kind: 'raffle', winners: 1 });
  await eventually(async () => (await system.enter('carol', id, gateway)).status === 202);
  /** The statuses of many repeats that were answered while nothing reached Redis. */
  const whileHeld = async (): Promise<readonly number[]> => {
    const answered: number[] = [];
    proxy.hold();
    const asked = Array.from({ length: 40 }, async () => {
      answered.push((await system.enter('carol', id, gateway)).status);
    });
    try {
      // Ten at most have a token left, and wait for Redis.
      await eventually(() => answered.length >= 20);
      return [...answered];
    } finally {
      proxy.release();
      await Promise.all(asked);
    }
  };
  // On a slow machine the lease may have ended meanwhile: then 503, and again.
  await eventually(async () => (await whileHeld()).filter(status => status === 429).length >= 20);
});
