import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from '../errors.ts';
import { choosePorts } from '../servers/ports.ts';
import type { Launch, ServerKind, Site } from '../servers/server.ts';
import { endProcess, findWorkingIn, identify, isRunning, type ProcessId } from './processes.ts';
import { type Keeper, readRecord, type ServerRecord, writeRecord } from './records.ts';

// A server that replays a long log after a crash is slow, not broken; one that has given up has exited.
const READY_LIMIT_MS = 180_000;
const ASK_EVERY_MS = 50;
// PostgreSQL's checkpoint and Kafka's flush of a busy log take seconds. SIGKILL costs nothing but time at the next start.
const STOP_GRACE_MS = 20_000;
const ATTEMPTS = 6;

export interface Running {
  readonly kind: ServerKind;
  readonly record: ServerRecord;
  readonly process: ProcessId;
  /** Set if the server was running already and another living keeper will stop it. */
  readonly keptBy?: Keeper;
}

/** Starts one server of this stack, or takes over a running one. The caller holds the stack's lock. */
export async function bringUp(kind: ServerKind, site: Site, keeper: Keeper): Promise<Running> {
  const known = readRecord(site.dir, kind.name);
  if (known?.process !== undefined && isRunning(known.process)) {
    const taken = await takeOver(kind, site, known, known.process, keeper);
    if (taken !== undefined) return taken;
  }
  const launchOn = await kind.prepare(site);
  await endStrays(kind, site.dir);
  const password = known?.password ?? randomBytes(24).toString('base64url');
  let wanted = known?.ports ?? [];
  for (let attempt = 1; ; attempt += 1) {
    const record: ServerRecord = {
      ports: await choosePorts(kind.portCount, wanted),
      password,
      version: known?.version ?? '',
      keeper,
    };
    // The password must be kept before there is data that only opens with it.
    writeRecord(site.dir, kind.name, record);
    const outcome = await launchOnce(kind, site, record, await launchOn(record));
    if ('process' in outcome) return outcome;
    site.signal.throwIfAborted();
    if (attempt === ATTEMPTS || !isTransient(outcome.output)) throw failed(kind, site, outcome.output);
    wanted = /address already in use|failed to bind/i.test(outcome.output) ? [] : record.ports;
    await sleep(300 * attempt, undefined, { signal: site.signal });
  }
}

/**
 * Ends servers of this directory that no record names, which a keeper leaves if it is killed between launching and recording:
 * a second Redis on the same files would ruin them.
 */
export async function endStrays(kind: ServerKind, dir: string): Promise<void> {
  const home = join(dir, kind.name);
  if (!existsSync(home)) return;
  const strays = findWorkingIn(home, kind.program);
  await Promise.all(strays.map(stray => endProcess(stray, kind.stopSignal, STOP_GRACE_MS)));
}

// A port taken between our check and the server's, or backends of a killed PostgreSQL that have not ended yet.
function isTransient(output: string): boolean {
  return /address already in use|failed to bind|shared memory block .* is still in use/i.test(output);
}

/** Uses a server that runs already; undefined when it does not answer and was stopped. */
async function takeOver(
  kind: ServerKind,
  site: Site,
  known: ServerRecord,
  process: ProcessId,
  keeper: Keeper,
): Promise<Running | undefined> {
  const version = await untilReady(kind, site, known, process);
  const isKept = known.keeper !== undefined && isRunning(known.keeper);
  if (version === undefined) {
    if (isKept) site.signal.throwIfAborted();
    await endProcess(process, kind.stopSignal, STOP_GRACE_MS);
    return undefined;
  }
  if (isKept) {
    return { kind, record: known, process, keptBy: known.keeper };
  }
  const record = { ...known, version, keeper };
  writeRecord(site.dir, kind.name, record);
  return { kind, record, process };
}

/** Launches once. Returns the server's output if it ended before it served. */
async function launchOnce(
  kind: ServerKind,
  site: Site,
  record: ServerRecord,
  launch: Launch,
): Promise<Running | { readonly output: string }> {
  const logFile = join(site.dir, `${kind.name}.log`);
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.old`);
  const output = openSync(logFile, 'a', 0o600);
  const { command, args, ...how } = launch;
  try {
    const child = spawn(command, args, { ...how, stdio: ['ignore', output, output] });
    await once(child, 'spawn');
    // Before it has child processes, which inherit the niceness.
    if (child.pid !== undefined && kind.niceness !== undefined) setPriority(child.pid, kind.niceness);
    const id = child.pid === undefined ? undefined : identify(child.pid);
    child.unref();
    if (id !== undefined) {
      const started = { ...record, process: id };
      writeRecord(site.dir, kind.name, started);
      const version = await untilReady(kind, site, started, id);
      if (version !== undefined) {
        const serving = { ...started, version };
        writeRecord(site.dir, kind.name, serving);
        return { kind, record: serving, process: id };
      }
      await endProcess(id, kind.stopSignal, STOP_GRACE_MS);
    }
    return { output: readFileSync(logFile, 'utf8') };
  } finally {
    closeSync(output);
  }
}

/** The server's version once it answers; undefined if it has ended, or nobody waits any more. */
async function untilReady(
  kind: ServerKind,
  site: Site,
  record: ServerRecord,
  process: ProcessId,
): Promise<string | undefined> {
  const until = performance.now() + READY_LIMIT_MS;
  while (isRunning(process) && !site.signal.aborted) {
    try {
      return await kind.ask(record);
    } catch (error) {
      const isFinal = error instanceof StackError;
      if (isFinal || performance.now() > until) {
        await endProcess(process, kind.stopSignal, STOP_GRACE_MS);
        throw isFinal ? error : silent(kind, site, error);
      }
      await sleep(ASK_EVERY_MS); // not ready yet
    }
  }
  return undefined;
}

function silent(kind: ServerKind, site: Site, error: unknown): StackError {
  return new StackError(
    `${kind.title} runs but did not serve within ${READY_LIMIT_MS / 1_000} s: ${String(error)}`,
    `read ${join(site.dir, `${kind.name}.log`)}`,
  );
}

function failed(kind: ServerKind, site: Site, output: string): StackError {
  const lines = output.trim().split('\n');
  const telling = lines
    .filter(line => /fatal|panic|error|can't|cannot|failed|no space|bad file/i.test(line))
    .slice(-3);
  const shown = (telling.length > 0 ? telling : lines.slice(-3)).join('\n  ').slice(0, 1_000);
  const remedy = /no space left/i.test(output)
    ? 'the disk is full: free some space'
    : `read ${join(site.dir, `${kind.name}.log`)}; if its data is corrupt: npm run stack -- wipe`;
  return new StackError(`${kind.title} did not start:\n  ${shown}`, remedy);
}

/** Stops a server and forgets its process, unless another one runs in its place by now. */
export async function bringDown(dir: string, kind: ServerKind, process: ProcessId): Promise<void> {
  await endProcess(process, kind.stopSignal, STOP_GRACE_MS);
  if (!existsSync(dir)) return;
  const record = readRecord(dir, kind.name);
  if (record?.process?.pid !== process.pid || record.process.startedAt !== process.startedAt) return;
  writeRecord(dir, kind.name, { ports: record.ports, password: record.password, version: record.version });
}
