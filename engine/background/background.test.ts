/** The background process of an engine: which process gives way, and that neither outlives the other. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { after, before, test } from 'node:test';
import { World } from '../test/gateway.ts';
import { eventually, type SpawnedNode, spawnNode, unlessLinux } from '../test/support.ts';

let world: World;
before(async () => {
  world = await World.make('redis');
});
after(() => world.close());

const skip = unlessLinux('what /proc shows of a process');

async function backgroundOf(engine: SpawnedNode): Promise<number> {
  await engine.ready;
  const { pid } = engine.child;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  equal(children.trim().split(' ').length, 1, children);
  return Number(children);
}

async function nicenessOf(pid: number): Promise<readonly number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  return [...new Set(threads.map(thread => getPriority(Number(thread))))];
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('intake and books give way; leases, fences, the reopening of the registry and deadlines do not', {
  skip,
}, async () => {
  const engine = await world.startEngine();
  const background = await backgroundOf(engine);
  const own = getPriority();
  deepEqual(await nicenessOf(engine.child.pid ?? 0), [own]);
  deepEqual(await nicenessOf(background), [Math.max(own, 10)]);
  equal(await engine.stop('SIGTERM'), 0, engine.output());
  ok(!isRunning(background));
});

test('an engine that is killed leaves no background process, which would ingest on', { skip }, async () => {
  const engine = await world.startEngine();
  const background = await backgroundOf(engine);
  await engine.stop('SIGKILL');
  await eventually(async () => !isRunning(background));
});

test('an engine whose background process is gone ends and says so, for a supervisor to start it again', {
  skip,
}, async () => {
  const engine = await world.startEngine();
  process.kill(await backgroundOf(engine), 'SIGKILL');
  equal(await engine.ended, 1);
  match(engine.output(), /the background process has ended with SIGKILL/);
  const [campaign, next] = [await world.campaign({ stock: 2 }), await world.startEngine()];
  const gateway = await world.join();
  await gateway.enter(campaign, ['a', 'b', 'c']);
  await world.settled(campaign, 3);
  await gateway.leave();
  equal(await next.stop('SIGTERM'), 0, next.output());
});

test('signals of a terminal, which reach both processes, end both in order', { skip }, async () => {
  const engine = await world.startEngine();
  const background = await backgroundOf(engine);
  process.kill(background, 'SIGINT');
  equal(await engine.stop('SIGINT'), 0, engine.output());
  ok(!isRunning(background));
});

test('the program of the background process alone names the one to run', async () => {
  const alone = spawnNode('engine/background/main.ts', world.env);
  equal(await alone.ended, 1);
  match(alone.output(), /run engine\/main\.ts/);
});
