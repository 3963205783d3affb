import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asStackError } from '../errors.ts';
import type { Site } from '../servers/server.ts';
import type { Running } from './lifecycle.ts';
import { takeLock } from './lock.ts';
import { isRunning, self } from './processes.ts';
import type { KeeperMessage, KeeperRequest } from './protocol.ts';
import { bringAllDown, bringAllUp } from './supervise.ts';

/*
 * A keeper stands between a stack's servers and the process that wanted them, in a session of its own, so that
 * neither Ctrl-C nor a kill -9 of that process reaches it. Its life:
 *
 *   starting   takes the stack's lock, brings the servers up, gives the lock back, says `ready`
 *   keeping    waits; ends here already when every server it was asked for is another keeper's
 *   stopping   SIGTERM, or its standard input has ended (the owner is gone, however): stops what it keeps, ends
 *
 * Either of the two while starting aborts the start: what runs by then is stopped as well. In the background the end
 * of the input counts only while starting.
 */

// Another start may be downloading while it holds the lock; stopping does not wait for that.
const STOP_LOCK_MS = 3_000;
const WATCH_EVERY_MS = 500;

function say(message: KeeperMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function start(request: KeeperRequest, signal: AbortSignal): Promise<readonly Running[]> {
  const progress = (line: string): void => say({ type: 'progress', line });
  const site: Site = { dir: request.dir, cacheDir: request.cacheDir, env: process.env, signal, progress };
  await mkdir(request.cacheDir, { recursive: true });
  const release = await takeLock(join(request.dir, 'lock'), signal, holder =>
    progress(`process ${holder.pid} is starting or stopping this stack; waiting for it`),
  );
  try {
    const keeper = { ...self(), background: request.background };
    const { running, notes } = await bringAllUp(request, site, keeper);
    const kept = running.filter(server => server.keptBy === undefined);
    const urls = Object.fromEntries(running.map(({ kind, record }) => [kind.name, kind.url(record)]));
    say({ type: 'ready', urls, notes });
    return kept;
  } finally {
    await release();
  }
}

/** Returns when the servers must be stopped, or none of them runs any more. */
async function keep(kept: readonly Running[], signal: AbortSignal): Promise<void> {
  let alive = kept;
  while (!signal.aborted && alive.length > 0) {
    const gone = alive.filter(server => !isRunning(server.process));
    for (const { kind } of gone) {
      const line = `${kind.title} exited unexpectedly: see ${kind.name}.log; start the stack again to restart it`;
      say({ type: 'progress', line });
    }
    alive = alive.filter(server => !gone.includes(server));
    try {
      await sleep(WATCH_EVERY_MS, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function stop(dir: string, kept: readonly Running[]): Promise<void> {
  let release = async (): Promise<void> => undefined;
  try {
    release = await takeLock(join(dir, 'lock'), AbortSignal.timeout(STOP_LOCK_MS));
  } catch (error) {
    process.stderr.write(`stopping without the stack's lock: ${String(error)}\n`);
  }
  try {
    await bringAllDown(dir, kept);
  } finally {
    await release();
  }
}

async function main(request: KeeperRequest): Promise<void> {
  const unwanted = new AbortController();
  const { signal } = unwanted;
  let isHandedOver = false;
  const ownerGone = (): void => {
    if (!isHandedOver) unwanted.abort();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => unwanted.abort());
  process.stdin.on('end', ownerGone).on('error', ownerGone).resume();
  // The owner may have ended without reading. The end of the input shows that, so a failed write does not matter.
  process.stdout.on('error', () => undefined);
  try {
    const kept = await start(request, signal);
    isHandedOver = request.background;
    if (kept.length === 0) return;
    await keep(kept, signal);
    await stop(request.dir, kept);
  } catch (error) {
    if (signal.aborted) return;
    const { message, remedy } = asStackError(error, `cannot start the stack in ${request.dir}`);
    say({ type: 'failed', message, remedy });
    process.exitCode = 1;
  } finally {
    process.stdin.destroy();
  }
}

await main(JSON.parse(process.argv[2] ?? '{}'));
