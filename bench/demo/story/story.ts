/**
 * The story: what an operator, fans and a shop do around a drop, from the schedule to the till, on a private stack and
 * through HTTP alone; at the end somebody changes the operator log by SQL. Every expectation on the way is checked and counted.
 */
import { join } from 'node:path';
import type { StoryOptions } from '../options.ts';
import { type Closers, type Site, startProcesses, startServers } from '../site.ts';
import { checkBooks } from './story-books.ts';
import { Shop } from './story-cast.ts';
import { draw, drop } from './story-claims.ts';
import { signUpFans } from './story-fans.ts';
import type { Stream } from './story-http.ts';
import { makeOwner } from './story-owner.ts';
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
  const teller = new Teller(onProgress);
  const counts = new Map<string, number>();
  await Promise.race([tell(site, { teller, counts }, join(dir, 'records')), site.broken]);
  const { told, faults } = teller;
  return {
    log: servers.env.LOG,
    gateways: options.gateways,
    chapters: told,
    checks: told.reduce((sum, { checks }) => sum + checks, 0),
    counts: Object.fromEntries(counts),
    seconds: (performance.now() - beganMs) / 1_000,
    faults,
  };
}

/** Those who tell, and what stays after the story. */
type Told = Pick<Stage, 'teller' | 'counts'>;

async function makeStage(site: Site, told: Told, open: Set<Stream>): Promise<Stage> {
  const { owner, editor } = await makeOwner(told.teller, site.operator);
  return {
    ...told,
    site,
    operator: owner,
    colleague: editor,
    shop: new Shop(site.gateways[0] ?? '', site.shopToken),
    fans: await signUpFans(told.teller, site),
    watch: (fan, campaign) => {
      const stream = fan.watch(campaign);
      open.add(stream);
      return stream;
    },
  };
}

async function tell(site: Site, told: Told, directory: string): Promise<void> {
  const open = new Set<Stream>();
  try {
    const stage = await makeStage(site, told, open);
    const scheduled = await schedule(stage);
    const holders = await drop(stage, scheduled);
    await draw(stage, scheduled);
    const [first, second] = holders;
    if (first === undefined || second === undefined) throw new Error('nobody has a coupon');
    await payAtTheTill(stage, first, second.fan);
    await visitRoom(stage, scheduled);
    await checkBooks(stage, scheduled, directory);
  } catch (error) {
    told.teller.broken(error);
  } finally {
    await Promise.all([...open].map(stream => stream.close()));
  }
}
