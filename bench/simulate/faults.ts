/**
 * Faults, and how they end. Every fault but two lasts for a while; what it has broken (a lease, a connection, a transaction)
 * stays broken. PostgreSQL's clock goes wrong for good: nothing is decided until the operator declares Redis right
 * (actors/clock-operator.ts). Long cycles last to the end of the run, and count as no outage.
 */
import { Random } from './kernel/random.ts';
import { MS } from './kernel/world.ts';
import type { Fault } from './plans/plan.ts';
import type { Scene } from './scene/scene.ts';

/** Redis writes its file to disk once a second, so it can lose this much. */
const LOST_AT_MOST_MS = 1_000;

/** Starts the fault now, and schedules its end. */
export function inject(scene: Scene, fault: Fault): void {
  const { world, log, ledger, redis } = scene;
  const { kind, forMs, target, amount } = fault;
  const afterwards = (heal: () => void): void => {
    world.after(forMs * MS, world.outside, heal);
  };
  scene.tally.count(kind);
  world.tell(() => `!!! ${kind} (target ${target}, ${amount}) for ${forMs} ms`);
  switch (kind) {
    case 'gateway crashes':
    case 'gateway stops': {
      const index = target % scene.plan.gateways;
      strike(scene, fault, () => {
        if (scene.gatewayAt(index) === undefined) return;
        if (kind === 'gateway stops') scene.stopGateway(index);
        else scene.crashGateway(index);
        afterwards(() => scene.startGateway(index));
      });
      return;
    }
    case 'gateway pauses':
      strike(scene, fault, () => scene.gatewayAt(target)?.process.pause(forMs * MS));
      return;
    case 'engine crashes': {
      const index = target % scene.plan.engines;
      const engine = scene.engineAt(index);
      if (engine === undefined) return;
      const crash = (): void => {
        scene.crashEngine(index);
        afterwards(() => scene.startEngine(index));
      };
      if (fault.failpoint === 'presence') engine.process.trap('presence', crash);
      else crash();
      return;
    }
    case 'gateway is suspended':
      strike(scene, fault, () => scene.gatewayAt(target)?.process.suspend(forMs * MS));
      return;
    case 'engine pauses':
    case 'engine is suspended': {
      const pause = (): void => scene.pauseEngine(target, forMs * MS, kind === 'engine is suspended');
      if (fault.failpoint === 'presence')
        scene.engineAt(target % scene.plan.engines)?.process.trap('presence', pause);
      else pause();
      return;
    }
    case 'partitions move':
      log.share();
      return;
    case 'Redis restarts':
    case 'Redis falls back':
    case 'Redis is emptied': {
      if (!redis.server.isUp) return;
      redis.healFailover();
      redis.server.goDown();
      const lostMs = kind === 'Redis falls back' ? target % LOST_AT_MOST_MS : 0;
      redis.state.fallBack(kind === 'Redis is emptied' ? 0 : world.nowUs - lostMs * MS);
      afterwards(() => redis.server.comeUp());
      return;
    }
    case 'two Redis take writes': {
      if (!redis.server.isUp) return;
      const random = new Random(target);
      redis.failOver(amount * MS, () => random.chance(0.5));
      afterwards(() => redis.healFailover());
      return;
    }
    case 'clock of Redis is set':
      redis.clockOffUs += amount * MS;
      afterwards(() => {
        redis.clockOffUs -= amount * MS;
      });
      return;
    case 'clock of Postgres is set':
      ledger.clockOffUs += amount * MS;
      afterwards(() => {
        ledger.clockOffUs -= amount * MS;
      });
      return;
    case 'clock of Postgres goes wrong':
      ledger.clockOffUs += amount * MS;
      return;
    case "an engine's own clock jumps":
      scene.engineAt(target)?.process.jumpAhead(amount * MS);
      return;
    case 'cycles are long':
      // Nothing is broken, so nothing has to end.
      ledger.findingUs = amount * MS;
      return;
    case 'log is gone':
      log.server.goDown();
      afterwards(() => log.server.comeUp());
      return;
    case 'records repeat':
      log.repeats = amount / 300;
      afterwards(() => {
        log.repeats = 0;
      });
      return;
    case 'Postgres restarts':
      ledger.goDown();
      afterwards(() => ledger.server.comeUp());
      return;
    case 'way is cut':
    case 'way is slow':
    case 'way is lossy':
      spoilPath(scene, fault);
      return;
    case 'answers of the log are late': {
      const path = scene.path(`gateway ${target % scene.plan.gateways} to the log`);
      path.lateUntilUs = world.nowUs + forMs * MS;
      path.lateUs = amount * MS;
      return;
    }
    case "an engine's Redis is slow": {
      const path = scene.path(`engine ${target % scene.plan.engines} to Redis`);
      path.slowUntilUs = world.nowUs + forMs * MS;
      path.slowUs = amount * MS;
      return;
    }
    case 'connections to Redis are lost':
      if (redis.server.isUp) redis.server.loseConnections();
      return;
    case 'one has another lease length': {
      const name = pick(scene.processNames, target);
      scene.restartWith(name, amount);
      afterwards(() => scene.restartWith(name, undefined));
      return;
    }
    case 'lease length is changed': {
      const names = scene.processNames;
      for (const [index] of names.entries()) {
        const name = pick(names, index + target);
        world.after((forMs * MS * index) / names.length, world.outside, () =>
          scene.restartWith(name, amount, true),
        );
      }
      return;
    }
  }
}

function pick(names: readonly string[], at: number): string {
  return names[at % names.length] ?? '';
}

/** Strikes the gateway now, or when it next reaches the failpoint. */
function strike(scene: Scene, { target, failpoint, kind }: Fault, blow: () => void): void {
  const gateway = scene.gatewayAt(target);
  if (gateway === undefined || failpoint === undefined || kind === 'gateway stops') {
    blow();
    return;
  }
  gateway.process.trap(failpoint, () => {
    scene.world.tell(() => `!!! ${kind} at its ${failpoint}`);
    blow();
  });
}

function spoilPath(scene: Scene, { kind, forMs, target, amount }: Fault): void {
  const { world } = scene;
  const names = scene.pathNames();
  const name = names[target % names.length];
  if (name === undefined) return;
  const path = scene.path(name);
  const untilUs = world.nowUs + forMs * MS;
  world.tell(() => `    the way is that of ${name}`);
  if (kind === 'way is cut') path.cutUntilUs = untilUs;
  else if (kind === 'way is slow') {
    path.slowUntilUs = untilUs;
    path.slowUs = amount * MS;
  } else {
    path.lossyUntilUs = untilUs;
    path.loss = amount / 400;
  }
}
