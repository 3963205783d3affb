/**
 * Preloaded into a process, makes its monotonic clock stand still while the process is stopped. The clock of a suspended
 * virtual machine does so; with SIGSTOP alone the clock would continue. A gap between two readings that is longer than a busy
 * loop's counts as such a time. Timers go by that clock too: one that is due only by the real clock waits again. So the
 * process reads what was sent to it meanwhile before any of its timers, such as that of a renewal, shows that something is
 * wrong.
 */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';

const GAP_MS = 400;
const LOOK_MS = 20;
/** Timers are precise to the millisecond. */
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
