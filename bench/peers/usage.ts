import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** USER_HZ, the unit of times in /proc: 100 on every architecture that node is built for. */
const US_PER_TICK = 10_000;

/** What a process has used: user and system time since its start, in microseconds (in steps of 10 ms), and memory. */
export interface ProcessUsage {
  readonly cpuUs: number;
  readonly rssBytes: number;
}

/**
 * Usage of a living process with all its threads, children not included, for any process that this one may inspect: from
 * /proc on Linux, from `ps` elsewhere. Rejects when there is no such process.
 */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  if (process.platform !== 'linux') return usageFromPs(pid);
  const [fields, status] = await Promise.all([statFields(pid), readFile(`/proc/${pid}/status`, 'utf8')]);
  const rssKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { cpuUs: (fields.userTicks + fields.systemTicks) * US_PER_TICK, rssBytes: rssKb * 1_024 };
}

/**
 * CPU time in microseconds of a process and all its descendants, including ended ones once their parent has reaped them:
 * for servers that run a process per connection, as PostgreSQL does, and for engines, whose background is a process. Linux only;
 * elsewhere as `processUsage`, without children. Rejects when there is no such process.
 */
export async function treeCpuUs(pid: number): Promise<number> {
  if (process.platform !== 'linux') return (await usageFromPs(pid)).cpuUs;
  return (await familyAndCpu(pid)).cpuUs;
}

/** `processUsage` of a process and all its descendants together; the CPU time as `treeCpuUs`. */
export async function familyUsage(pid: number): Promise<ProcessUsage> {
  if (process.platform !== 'linux') return usageFromPs(pid);
  const { family, cpuUs } = await familyAndCpu(pid);
  let rssBytes = 0;
  for (const member of family) {
    rssBytes += (await processUsage(member).catch(ifGone))?.rssBytes ?? 0;
  }
  return { cpuUs, rssBytes };
}

/** From one look at all processes. Rejects when there is no such process. */
async function familyAndCpu(
  pid: number,
): Promise<{ readonly family: readonly number[]; readonly cpuUs: number }> {
  const all = await allProcesses();
  if (!all.has(pid)) throw Object.assign(new Error(`there is no process ${pid}`), { code: 'ESRCH' });
  const family = familyIn(all, pid);
  const ticks = family.reduce((sum, member) => sum + (all.get(member)?.ticks ?? 0), 0);
  return { family, cpuUs: ticks * US_PER_TICK };
}

/** A process and all its descendants. Linux only; elsewhere the process alone. */
export async function familyOf(pid: number): Promise<readonly number[]> {
  return process.platform === 'linux' ? familyIn(await allProcesses(), pid) : [pid];
}

interface Relative {
  readonly parent: number;
  /** CPU time with that of its ended children. */
  readonly ticks: number;
}

async function allProcesses(): Promise<ReadonlyMap<number, Relative>> {
  const all = new Map<number, Relative>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = await statFields(Number(entry)).catch(ifGone);
    if (fields === undefined) continue;
    const ticks = fields.userTicks + fields.systemTicks + fields.endedChildrenTicks;
    all.set(Number(entry), { parent: fields.parent, ticks });
  }
  return all;
}

function familyIn(all: ReadonlyMap<number, Relative>, pid: number): readonly number[] {
  const family = [pid];
  for (const member of family) {
    for (const [child, { parent }] of all) if (parent === member) family.push(child);
  }
  return family;
}

/**
 * Begins to measure processes by name, each with its descendants; the returned function gives the CPU time in microseconds that
 * each has used since. A process that has ended meanwhile is left out.
 */
export async function measureCpu(
  pids: Readonly<Record<string, number>>,
): Promise<() => Promise<Record<string, number>>> {
  const read = async (): Promise<Map<string, number>> => {
    const used = new Map<string, number>();
    for (const [name, pid] of Object.entries(pids)) {
      const cpuUs = await treeCpuUs(pid).catch(ifGone);
      if (cpuUs !== undefined) used.set(name, cpuUs);
    }
    return used;
  };
  const before = await read();
  return async () => {
    const after = await read();
    return Object.fromEntries(Array.from(after, ([name, cpuUs]) => [name, cpuUs - (before.get(name) ?? 0)]));
  };
}

/**
 * The process that listens on a TCP port of this machine, undefined when there is none or it is not visible: finds a Redis
 * or Kafka that is known by its address only. From /proc on Linux, from `lsof` elsewhere.
 */
export async function pidListeningOn(port: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return pidFromLsof(port);
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(ifGone);
    for (const line of text?.split('\n') ?? []) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const isListening = state === '0A' && local !== undefined;
      if (isListening && Number.parseInt(local.slice(-4), 16) === port) sockets.add(`socket:[${inode}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of (await readdir(`/proc/${pid}/fd`).catch(ifGone)) ?? []) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(ifGone);
      if (target !== undefined && sockets.has(target)) return Number(pid);
    }
  }
  return undefined;
}

interface StatFields {
  readonly parent: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly endedChildrenTicks: number;
}

/** proc(5), /proc/pid/stat: the name in field 2 may hold spaces and parentheses, so counting starts behind it. */
async function statFields(pid: number): Promise<StatFields> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    parent: field(4),
    userTicks: field(14),
    systemTicks: field(15),
    endedChildrenTicks: field(16) + field(17),
  };
}

async function usageFromPs(pid: number): Promise<ProcessUsage> {
  const stdout = await outputOf('ps', ['-o', 'time=', '-o', 'rss=', '-p', String(pid)]);
  if (stdout === '') throw Object.assign(new Error(`there is no process ${pid}`), { code: 'ESRCH' });
  const [time = '', rssKb = ''] = stdout.split(/\s+/);
  return { cpuUs: Math.round(psSeconds(time) * 1e6), rssBytes: Number(rssKb) * 1_024 };
}

/** `[[days-]hours:]minutes:seconds[.hundredths]` */
function psSeconds(time: string): number {
  const [clock = '', days = '0'] = time.split('-').reverse();
  return clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400;
}

async function pidFromLsof(port: number): Promise<number | undefined> {
  const [pid = ''] = (await outputOf('lsof', ['-t', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN'])).split('\n');
  return pid === '' ? undefined : Number(pid);
}

/** `ps` and `lsof` exit with 1 when there is nothing to show. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(command, args)).stdout.trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 1) return '';
    throw error;
  }
}

/** A process, or what belongs to it, may end or become invisible between two reads; then it is not counted. */
function ifGone(error: NodeJS.ErrnoException): undefined {
  if (
    error.code === 'ENOENT' ||
    error.code === 'ESRCH' ||
    error.code === 'EACCES' ||
    error.code === 'EPERM'
  ) {
    return undefined;
  }
  throw error;
}
