/**
 * The story: what an operator, fans and a shop do around a drop, from the schedule to the till, on a private stack and
 * through HTTP alone. Every expectation on the way is checked and counted.
 */
import { join } from 'node:path';
import type { StoryOptions } from '../options.ts';
import { type Closers, type Site, startProcesses, startServers } from '../site.ts';
import { checkBooks } from './story-books.ts';
import { Fan, OperatorClient, Shop } from './story-cast.ts';
import { draw, drop } from './story-claims.ts';
import type { Stream } from './story-http.ts';
import type { StoryReport } from './story-report.ts';
import { visitRoom } from './story-room.ts';
import { schedule } from './story-schedule.ts';
import { type Stage, Teller } from './story-teller.ts';
import { payAtTheTill } from './story-till.ts';

export interface StoryEnvironment {
  readonly options: StoryOptions;
  /** Directory of the private stack; its data is deleted first. */
  readonly dir: string;
  /** Everything that must be undone, whatever happens, is added here as soon as it exists. */
  readonly closers: Closers;
  /** Gets each line as it happens. */
  readonly onProgress: (line: string) => void;
}

/** Runs the story. Rejects with StackError or ProcessError; every other failure is a fault of the report. */
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
  const stage = await makeStage(site, new Teller(onProgress));
  await Promise.race([tell(stage, join(dir, 'records')), site.broken]);
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

interface Streams {
  readonly open: Set<Stream>;
}

async function makeStage(site: Site, teller: Teller): Promise<Stage & Streams> {
  const owner = new OperatorClient('operator', site.operator);
  let turn = 0;
  const open = new Set<Stream>();
  return {
    teller,
    site,
    operator: await owner.invite('olga', 'owner'),
    colleague: await owner.invite('otto', 'editor'),
    shop: new Shop(site.gateways[0] ?? '', site.shopToken),
    fan: name => Fan.arrive(name, site.gateways[turn++ % site.gateways.length] ?? '', site.ticket),
    open,
    watch: (fan, campaign) => {
      const stream = fan.watch(campaign);
      open.add(stream);
      return stream;
    },
    counts: new Map(),
  };
}

async function tell(stage: Stage & Streams, directory: string): Promise<void> {
  try {
    const scheduled = await schedule(stage);
    const { fans, holders } = await drop(stage, scheduled);
    await draw(stage, scheduled, fans);
    const [first, second] = holders;
    if (first === undefined || second === undefined) throw new Error('nobody has a coupon');
    await payAtTheTill(stage, first.name, first.code, second.name);
    await visitRoom(stage, scheduled, fans);
    await checkBooks(stage, scheduled, fans, directory);
  } catch (error) {
    stage.teller.broken(error);
  } finally {
    await Promise.all([...stage.open].map(stream => stream.close()));
  }
}
