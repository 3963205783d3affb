/**
 * Preloaded into a process, makes its monotonic clock stand still while the process does: as that of a virtual machine
 * does while it is suspended, and as it does not through SIGSTOP. A gap between two looks that is longer than a busy
 * loop's is taken for such a time. Timers go by that clock as well: one that the real clock finds due, and this one not,
 * waits once more. So what was sent to the process meanwhile is read before any timer of its own, such as that of a renewal,
 * tells it that something is wrong.
 */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';

const GAP_MS = 400;
const LOOK_MS = 20;
/** Timers are due to the millisecond. */
const ROUNDING_MS = 1;

const now = performance.now.bind(performance);
const bigint = process.hrtime.bigint.bind(process.hrtime);
const { setTimeout: setTimer } = globalThis;
const sleep = timersPromises.setTimeout;
let lastMs = now();
let frozenMs = 0;

function look() {
  const realMs = now();
  if (realMs - lastMs > GAP_MS) frozenMs += realMs - lastMs;
  lastMs = realMs;
  return realMs - frozenMs;
}

setInterval(look, LOOK_MS).unref();
performance.now = look;
process.hrtime.bigint = () => {
  look();
  return bigint() - BigInt(Math.round(frozenMs * 1e6));
};
globalThis.setTimeout = (run, ms = 0, ...args) => {
  const dueMs = look() + ms;
  const timer = setTimer(() => {
    if (dueMs - look() > ROUNDING_MS) timer.refresh();
    else run(...args);
  }, ms);
  return timer;
};
timersPromises.setTimeout = async (ms, value, options) => {
  const dueMs = look() + ms;
  do await sleep(ms, value, options);
  while (dueMs - look() > ROUNDING_MS);
  return value;
};
syncBuiltinESMExports();
