/**
 * The story: what an operator, fans and a shop do around a drop, from the schedule to the till, on a private stack and
 * through HTTP alone. Everything that has to be so on the way is looked at and counted.
 */
import type { StoryOptions } from './options.ts';
import { type Closers, type Site, startProcesses, startServers } from './site.ts';
import { Desk, Fan, Shop } from './story-cast.ts';
import { draw, drop } from './story-claims.ts';
import type { StoryReport } from './story-report.ts';
import { letIn } from './story-room.ts';
import { schedule } from './story-schedule.ts';
import { type Stage, StoryBroken, Teller } from './story-teller.ts';
import { payAtTheTill } from './story-till.ts';

export interface StoryEnvironment {
  readonly options: StoryOptions;
  /** Of the private stack; its data is deleted first. */
  readonly dir: string;
  /** What is to be undone, whatever happens, is added here as soon as there is something. */
  readonly closers: Closers;
  /** Told each line, as it happens. */
  readonly onProgress: (line: string) => void;
}

/** Runs it all. Rejects with StackError or ProcessError; what else goes wrong is a fault of the report. */
export async function runStory({
  options,
  dir,
  closers,
  onProgress,
}: StoryEnvironment): Promise<StoryReport> {
  const siteOptions = { dir, gateways: options.gateways, log: options.log, onProgress };
  const servers = await startServers(siteOptions, closers);
  const site = await startProcesses(siteOptions, servers, closers);
  const beganMs = performance.now();
  const stage = makeStage(site, new Teller(onProgress));
  await Promise.race([tell(stage), site.broken]);
  const { told, faults } = stage.teller;
  return {
    log: servers.env.LOG,
    gateways: options.gateways,
    chapters: told,
    checks: told.reduce((sum, { checks }) => sum + checks, 0),
    counts: Object.fromEntries(stage.counts),
    seconds: (performance.now() - beganMs) / 1_000,
    faults,
  };
}

function makeStage(site: Site, teller: Teller): Stage {
  let turn = 0;
  return {
    teller,
    site,
    operator: new Desk('olga', site.operator),
    colleague: new Desk('otto', site.operator),
    shop: new Shop(site.gateways[0] ?? '', site.shopToken),
    fan: name => Fan.arrive(name, site.gateways[turn++ % site.gateways.length] ?? '', site.ticket),
    counts: new Map(),
  };
}

async function tell(stage: Stage): Promise<void> {
  try {
    const scheduled = await schedule(stage);
    const { fans, holders } = await drop(stage, scheduled);
    await draw(stage, scheduled, fans);
    const [first, second] = holders;
    if (first === undefined || second === undefined) throw new StoryBroken('nobody has a coupon');
    await payAtTheTill(stage, first.name, first.code, second.name);
    await letIn(stage, scheduled, fans);
  } catch (error) {
    stage.teller.broken(error);
  }
}
