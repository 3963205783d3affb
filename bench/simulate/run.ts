/** Runs a plan from beginning to end, and reports the result. */
import { type Logger, pino } from 'pino';
import { Client, type Surroundings } from './actors/client.ts';
import { watchClocks } from './actors/clock-operator.ts';
import { endByHand } from './actors/offer-operator.ts';
import { RoomOperator } from './actors/operator.ts';
import { lookAtCode, Shopper } from './actors/shopper.ts';
import { checkEnd } from './checks/checker-end.ts';
import { inject } from './faults.ts';
import { onLack } from './kernel/stand-in.ts';
import { BEGINNING_US, MS, World } from './kernel/world.ts';
import type { Plan } from './plans/plan.ts';
import { isFinished } from './scene/finish.ts';
import { Scene } from './scene/scene.ts';

/** Whatever is not settled this long after the last fault never will be. */
const PATIENCE_MS = 20_000;
/** If cycles stay long: each may decide only one claim. */
const LONG_PATIENCE_MS = 90_000;
/** Once everything is finished and every client knows, the run goes on this long: nothing may change any more. */
const STILL_MS = 150;
/** The interval at which the run checks whether it is finished. */
const LOOK_MS = 5;

export interface RunResult {
  readonly seed: number;
  /** The broken invariant; undefined if none was. */
  readonly failure: Error | undefined;
  readonly steps: number;
  readonly virtualMs: number;
  readonly accepted: number;
  /** Counts of what happened, by kind. */
  readonly faults: Record<string, number>;
}

const silent = pino({ level: 'silent' });

/** The longest time in which unclaimed offers pass along a waitlist: it may begin after the last fault. */
function offersMs({ campaigns, asks }: Plan): number {
  const people = new Set(asks.map(({ userId }) => userId)).size;
  return Math.max(0, ...campaigns.map(({ claims }) => (claims?.withinS ?? 0) * 1_000 * people));
}

/** Never rejects. `say` receives each line of the trace. */
export async function runPlan(plan: Plan, say?: (line: string) => void): Promise<RunResult> {
  const world = new World(plan.seed, say);
  const unhandled = (reason: unknown): void => world.fail(reason);
  process.on('unhandledRejection', unhandled);
  onLack(unhandled);
  const scene = new Scene(plan, world, say === undefined ? silent : loggerFor(world));
  const left = schedule(scene);
  const healedMs = Math.max(
    0,
    ...plan.faults.map(({ atMs, forMs }) => atMs + forMs),
    ...plan.campaigns.map(({ closesAtUs }) => (closesAtUs - BEGINNING_US) / MS),
  );
  let lookUs = 0;
  let stillUs: number | undefined;
  const areLong = plan.faults.some(({ kind }) => kind === 'cycles are long');
  const patienceMs = (areLong ? LONG_PATIENCE_MS : PATIENCE_MS) + offersMs(plan);
  const isLong = plan.campaigns.some(({ claims, room }) => claims !== undefined || room !== undefined);
  await world.run(BEGINNING_US + (healedMs + patienceMs) * MS, () => {
    if (isLong) scene.noteOutage();
    if (left.count > 0 || world.nowUs < lookUs) return false;
    lookUs = world.nowUs + LOOK_MS * MS;
    if (!isFinished(scene)) return false;
    stillUs ??= world.nowUs + STILL_MS * MS;
    return world.nowUs >= stillUs;
  });
  // Node reports unhandled rejections when its own queue is empty.
  await new Promise(resolve => setImmediate(resolve));
  process.off('unhandledRejection', unhandled);
  if (world.failure === undefined) {
    if (left.count > 0) world.fail(new Error(`${left.count} clients were never answered`));
    try {
      checkEnd(scene.checker, {
        ranks: campaignId => scene.ranks(campaignId),
        heldOf: campaignId => scene.heldOf(campaignId),
      });
    } catch (error) {
      world.fail(error);
    }
  }
  return {
    seed: plan.seed,
    failure: world.failure,
    steps: world.steps,
    virtualMs: Math.round((world.nowUs - BEGINNING_US) / MS),
    accepted: scene.checker.accepted.length,
    faults: scene.tally.toJSON(),
  };
}

/** Schedules everything in the plan; returns how many clients have not ended. */
function schedule(scene: Scene): { count: number } {
  const { plan, world, checker, tally } = scene;
  const { shoppings, looks, changes } = plan.shop;
  const left = { count: plan.asks.length + shoppings.length + looks.length + changes.length };
  const done = (): void => {
    left.count -= 1;
  };
  const engine = (): void => {
    const first = scene.engineAt(0);
    if (first !== undefined)
      world.after(0, first.process, () => void first.create(plan.campaigns, plan.shop.coupons));
  };
  world.after(MS, world.outside, engine);
  const around = {
    world,
    checker,
    tally,
    path: scene.path('people to gateways'),
    gateways: plan.gateways,
    gatewayAt: (index: number) => scene.gatewayAt(index),
    engines: plan.engines,
    engineAt: (index: number) => scene.engineAt(index),
  };
  const operator = new RoomOperator(around);
  if (plan.faults.some(({ kind }) => kind === 'clock of Postgres goes wrong')) {
    const rightAheadMs = (): number | undefined => {
      const { redis, ledger } = scene;
      return redis.clockOffUs === 0 && ledger.clockOffUs !== 0 ? -ledger.clockOffUs / MS : undefined;
    };
    watchClocks({ ...around, rightAheadMs });
  }
  for (const ask of plan.asks) {
    world.after(ask.atMs * MS, world.outside, () => {
      if (ask.terms !== undefined) {
        operator.set({ campaignId: ask.campaignId, terms: ask.terms, done });
        return;
      }
      if (ask.serial !== undefined) {
        const { campaignId, serial, gateway, asksOnce = false } = ask;
        endByHand(around, { campaignId, serial, engine: gateway, asksOnce });
        done();
        return;
      }
      if (ask.what !== 'close' && ask.what !== 'change') {
        new Client(around, ask, done).start();
        return;
      }
      const operated = scene.engineAt(0);
      if (operated !== undefined) {
        const { campaignId, operation } = ask;
        world.after(0, operated.process, () => {
          void (operation === undefined
            ? operated.close(campaignId)
            : operated.change(campaignId, operation));
        });
      }
      done();
    });
  }
  scheduleShop(scene, around, done);
  for (const fault of plan.faults) world.after(fault.atMs * MS, world.outside, () => inject(scene, fault));
  return left;
}

/** Schedules the actions of shops, of users with coupons, and of the operator. */
function scheduleShop(scene: Scene, around: Surroundings, done: () => void): void {
  const { world, plan, checker } = scene;
  const { shoppings, looks, changes } = plan.shop;
  for (const [index, shopping] of shoppings.entries()) {
    const terms = { name: `basket-${index + 1}`, codeOf: scene.codeOf, done };
    world.after(shopping.atMs * MS, world.outside, () => new Shopper(around, shopping, terms).start());
  }
  for (const look of looks) {
    world.after(look.atMs * MS, world.outside, () => lookAtCode(around, look, scene.codeOf(look), done));
  }
  for (const { atMs, code, terms } of changes) {
    world.after(atMs * MS, world.outside, () => {
      const [operated, couponId] = [scene.engineAt(0), scene.couponIdOf(code)];
      if (operated !== undefined && couponId !== undefined) {
        checker.shop.coupons.requested(code, terms);
        world.after(0, operated.process, () => void operated.changeTerms(couponId, terms));
      }
      done();
    });
  }
}

/** Writes the processes' log lines into the trace, each with the name of its process. */
function loggerFor(world: World): Logger {
  const write = (line: string): void => {
    const { level: _level, time: _time, pid: _pid, hostname: _hostname, msg, ...rest } = JSON.parse(line);
    world.tell(() => `${world.current.name}: ${msg} ${JSON.stringify(rest)}`);
  };
  return pino({ level: 'debug' }, { write });
}
