/** The engine as a process: how it starts, refuses to start, and stops. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { World } from './test/gateway.ts';
import { eventually, spawnNode } from './test/support.ts';

const FILE = 'engine/main.ts';
let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

test('reports readiness in one line, serves its metrics, and shuts down cleanly', async () => {
  const engine = await world.startEngine();
  const ready: unknown = JSON.parse(await engine.ready);
  const { port, pid } = ready as { port: number; pid: number };
  deepEqual(ready, { ready: 'engine', port, pid: engine.child.pid });
  equal(pid, engine.child.pid);
  const campaign = await world.campaign({ stock: 2 });
  const gateway = await world.join();
  await gateway.enter(campaign, ['a', 'b', 'c']);
  await world.settled(campaign, 3);
  await gateway.leave();
  const numbers = await eventually(async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return text.includes(`fairline_waiting{campaign="${campaign.campaignId}"} 0`) && text;
  });
  match(numbers, /^fairline_intake_entries_total 3$/m);
  match(numbers, /^fairline_settled_total 3$/m);
  match(numbers, /^fairline_watermark_lag_seconds \d/m);
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  equal(await engine.stop('SIGTERM'), 0);
});

test('stops with its parent process', async () => {
  const engine = await world.startEngine({ FAIRLINE_PARENT: 'pipe' });
  engine.child.stdin?.end();
  equal(await engine.ended, 0, engine.output());
});

test('reports a wrong configuration in full, and starts nothing', async () => {
  const engine = spawnNode(FILE, { ...world.env, ENGINE_PORT: 'x', LEASE_MS: '1', OPERATOR_TOKEN: '' });
  equal(await engine.ended, 1);
  const { msg, faults } = JSON.parse(engine.output().trim());
  equal(msg, 'cannot start: invalid configuration');
  for (const name of ['ENGINE_PORT', 'LEASE_MS', 'OPERATOR_TOKEN'])
    ok(
      faults.some((fault: string) => fault.startsWith(`${name} is`) && fault.includes('; expected ')),
      name,
    );
});

test('logs a repeated failure once', async () => {
  const engine = await world.startEngine();
  const campaign = await world.campaign({ stock: 2 });
  const gateway = await world.join();
  await world.pool.query('alter table grants rename to grants_away');
  await gateway.enter(campaign, ['a', 'b']);
  const times = (): number => engine.output().split('a campaign could not be settled').length - 1;
  const goOn = async (isOver: () => boolean): Promise<void> => {
    await eventually(async () => {
      await gateway.renew();
      await gateway.through();
      return isOver();
    });
  };
  await goOn(() => times() > 0);
  const untilMs = performance.now() + 1_500;
  await goOn(() => performance.now() > untilMs);
  equal(times(), 1, engine.output());
  await world.pool.query('alter table grants_away rename to grants');
  await world.settled(campaign, 2);
  await gateway.leave();
  equal(await engine.stop('SIGTERM'), 0);
});

test('a port in use stops the start', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const engine = spawnNode(FILE, { ...world.env, ENGINE_PORT: String(port) });
  equal(await engine.ended, 1);
  match(engine.output(), /EADDRINUSE/);
  server.close();
});

test('a schema that does not match the statements stops the start, and is named', async () => {
  await world.pool.query(
    'alter table gateways rename column through_us to through; alter table campaigns disable trigger campaigns_guard',
  );
  const engine = spawnNode(FILE, world.env);
  equal(await engine.ended, 1);
  match(engine.output(), /through_us/);
  match(engine.output(), /trigger campaigns_guard: is .* disabled/);
  await world.pool.query(
    'alter table gateways rename column through to through_us; alter table campaigns enable trigger campaigns_guard',
  );
});
