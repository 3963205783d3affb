import { statfs } from 'node:fs/promises';
import { asStackError, StackError } from '../errors.ts';
import type { KafkaNeed } from '../plan.ts';
import { kafka } from '../servers/kafka.ts';
import { checkLoopback } from '../servers/ports.ts';
import { postgres } from '../servers/postgres.ts';
import { redis } from '../servers/redis.ts';
import type { ServerKind, Site } from '../servers/server.ts';
import { bringDown, bringUp, type Running } from './lifecycle.ts';
import { type Keeper, readLastLog, type ServerName, writeLastLog } from './records.ts';

export const KINDS: Readonly<Record<ServerName, ServerKind>> = { postgres, redis, kafka };

// A new PostgreSQL takes 60 MB and Kafka's jars 44 MB; a burst's logs come on top. With less, servers die half-way.
const LEAST_FREE_BYTES = 300 * 1024 * 1024;

export interface Wanted {
  readonly servers: readonly ServerName[];
  readonly kafka: KafkaNeed;
  readonly log: string;
}

export interface Supervised {
  readonly running: readonly Running[];
  readonly notes: readonly string[];
}

/**
 * Starts all wanted servers at once. If a required one fails, the servers that this call has started are stopped again and
 * the failure is raised. The caller holds the stack's lock.
 */
export async function bringAllUp(wanted: Wanted, site: Site, keeper: Keeper): Promise<Supervised> {
  await Promise.all([checkRoom(site.dir), checkLoopback()]);
  const outcomes = await Promise.all(
    wanted.servers.map(async name => {
      try {
        return await bringUp(KINDS[name], site, keeper);
      } catch (error) {
        return { name, fault: asStackError(error, `cannot start ${KINDS[name].title}`) };
      }
    }),
  );
  const running: Running[] = [];
  const notes: string[] = [];
  const faults: StackError[] = [];
  for (const outcome of outcomes) {
    if ('kind' in outcome) {
      running.push(outcome);
      if (outcome.keptBy !== undefined && !outcome.keptBy.background) {
        notes.push(
          `${outcome.kind.title} already runs for another start of this stack and stops with that one`,
        );
      }
    } else if (outcome.name === 'kafka' && wanted.kafka === 'if-possible') {
      notes.push(`${outcome.fault.message.replace(/\s*\n\s*/g, ' ')}: the log is Redis Streams`);
    } else {
      faults.push(outcome.fault);
    }
  }
  if (faults.length > 0 || site.signal.aborted) {
    await bringAllDown(site.dir, running);
    site.signal.throwIfAborted();
    throw allOf(faults);
  }
  const log = wanted.log === 'redis' || !running.some(server => server.kind === kafka) ? 'redis' : 'kafka';
  return { running, notes: [...notes, ...logChange(site.dir, log)] };
}

/** Stops the servers that this keeper started or took over, and leaves those of other keepers. */
export async function bringAllDown(dir: string, running: readonly Running[]): Promise<void> {
  const ours = running.filter(server => server.keptBy === undefined);
  await Promise.all(ours.map(server => bringDown(dir, server.kind, server.process)));
}

function allOf(faults: readonly StackError[]): StackError {
  const [first, ...others] = faults;
  if (first === undefined)
    return new StackError('could not start any server', 'see the logs in the stack directory');
  if (others.length === 0) return first;
  const remedies = new Set(faults.map(fault => fault.remedy));
  return new StackError(faults.map(fault => fault.message).join('\n'), [...remedies].join('\n'), {
    cause: first,
  });
}

// Records in the other log are not lost, but they are not settled while this one is used.
function logChange(dir: string, log: string): string[] {
  const last = readLastLog(dir);
  writeLastLog(dir, log);
  if (last === undefined || last === log) return [];
  return [`the last start here used LOG=${last}: its records that were not ingested stay there`];
}

async function checkRoom(dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= LEAST_FREE_BYTES) return;
  throw new StackError(
    `the disk of ${dir} has ${Math.floor(freeBytes / 2 ** 20)} MB free; the stack needs ${LEAST_FREE_BYTES / 2 ** 20} MB`,
    'free some space, or move the project to a larger disk',
  );
}
