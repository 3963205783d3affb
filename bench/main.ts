/**
 * `npm run bench -- <name> [options]`: measures on a private stack of its own, prints tables, and with `--json` a JSON
 * object as the last line. Without a name it lists the benches.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from '../engine/stack/stack.ts';
import { accounts } from './accounts/main.ts';
import type { Bench, Options } from './bench.ts';
import { book } from './book/main.ts';
import { burst } from './burst/main.ts';
import { couponReads } from './coupons/reads.ts';
import { redemptions } from './coupons/redemptions.ts';
import { draw } from './draw/main.ts';
import { ends } from './ends/main.ts';
import { fairness } from './fairness/main.ts';
import { first } from './first/main.ts';
import { ingest } from './ingest/main.ts';
import { many } from './many/main.ts';
import { conclude } from './report/conclude.ts';
import { helpOf, readOptions, UsageError } from './report/options.ts';
import { restart } from './restart/main.ts';
import { room } from './room/main.ts';
import { soak } from './soak/main.ts';
import { support } from './support/main.ts';
import { LostRun } from './system/books.ts';
import { Closing } from './system/closing.ts';
import { startServers } from './system/servers.ts';
import { verify } from './verify/main.ts';
import { watchers } from './watchers/main.ts';

const STACK_DIR = join(import.meta.dirname, '..', '.stack', 'bench');
const EXIT_USAGE = 2;
/** A stop that takes longer has hung; children end with this process, and the servers with their keeper. */
const STOP_LIMIT_MS = 30_000;

const benches = {
  accounts,
  book,
  burst,
  'coupon-reads': couponReads,
  draw,
  ends,
  fairness,
  first,
  ingest,
  many,
  redemptions,
  restart,
  room,
  soak,
  support,
  verify,
  watchers,
};
type Name = keyof typeof benches;

function isName(name: string): name is Name {
  return Object.hasOwn(benches, name);
}

function usage(): string {
  const lines = Object.entries(benches).map(
    ([name, { summary, options }]) => `${name}: ${summary}\n${helpOf(options)}`,
  );
  return `npm run bench -- <name> [options]\n\n${lines.join('\n\n')}\n`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run<O extends Options>(name: Name, bench: Bench<O>, args: readonly string[]): Promise<void> {
  const options = readOptions(bench.options, args);
  const closing = new Closing();
  const interrupted = endOnSignals(closing);
  const beganMs = performance.now();
  try {
    const servers = await closing.own(startServers({ dir: STACK_DIR, kafka: bench.kafka, say }));
    for (const note of servers.notes) say(note);
    const result = await bench.run({ servers, options, closing, say });
    const machine = {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cores: cpus().length,
    };
    const seconds = Math.round((performance.now() - beganMs) / 1e3);
    const { json, ...chosen } = options;
    const print = (text: string): boolean => process.stdout.write(text);
    const about = { bench: name, options: chosen, ...machine, seconds };
    process.exitCode = conclude(result, json ? about : undefined, { print, say });
  } catch (error) {
    // After an interruption, failures come from the stopped servers.
    if (!interrupted.aborted) throw error;
  } finally {
    await closing.close();
  }
}

/** On Ctrl-C or SIGTERM, stops everything and then ends this process as the signal would have. Returns whether one came. */
function endOnSignals(closing: Closing): AbortSignal {
  const interrupted = new AbortController();
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      interrupted.abort();
      say(`${signal}: stopping`);
      const stopped = closing.close().catch((error: unknown) => say(String(error)));
      void Promise.race([stopped, sleep(STOP_LIMIT_MS)]).finally(() => process.exit(code));
    });
  }
  return interrupted.signal;
}

async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined) {
    process.stdout.write(usage());
    return;
  }
  if (!isName(name)) {
    const names = Object.keys(benches).join(', ');
    throw new UsageError(`there is no bench ${JSON.stringify(name.slice(0, 60))}; expected ${names}`);
  }
  switch (name) {
    case 'accounts':
      return await run(name, accounts, args);
    case 'book':
      return await run(name, book, args);
    case 'burst':
      return await run(name, burst, args);
    case 'coupon-reads':
      return await run(name, couponReads, args);
    case 'draw':
      return await run(name, draw, args);
    case 'ends':
      return await run(name, ends, args);
    case 'fairness':
      return await run(name, fairness, args);
    case 'first':
      return await run(name, first, args);
    case 'ingest':
      return await run(name, ingest, args);
    case 'many':
      return await run(name, many, args);
    case 'redemptions':
      return await run(name, redemptions, args);
    case 'restart':
      return await run(name, restart, args);
    case 'room':
      return await run(name, room, args);
    case 'soak':
      return await run(name, soak, args);
    case 'support':
      return await run(name, support, args);
    case 'verify':
      return await run(name, verify, args);
    case 'watchers':
      return await run(name, watchers, args);
    default:
      // A bench without a case would do nothing, and end as if all were well.
      name satisfies never;
  }
}

main().catch((error: unknown) => {
  const isPlain = error instanceof UsageError || error instanceof LostRun || error instanceof StackError;
  say(isPlain ? error.message : String(error instanceof Error ? error.stack : error));
  if (error instanceof StackError) say(error.remedy);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : 1;
});
