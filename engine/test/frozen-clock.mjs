/**
 * Preloaded into a process, makes its monotonic clock stand still while the process does: as that of a virtual machine
 * does while it is suspended, and as it does not through SIGSTOP. A gap between two looks that is longer than a busy
 * loop's is taken for such a time.
 */
const GAP_MS = 400;
const LOOK_MS = 20;

const now = performance.now.bind(performance);
const bigint = process.hrtime.bigint.bind(process.hrtime);
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
