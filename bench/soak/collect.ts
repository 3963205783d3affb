/**
 * Loaded before a process that is measured: at SIGUSR2 it lets go of all that it can, so that what is measured is what it keeps
 * and not when it was tidied up last.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

process.on('SIGUSR2', () => {
  if (typeof collect !== 'function') return;
  // What waits to be finalised by the first is freed by the second.
  collect();
  setImmediate(() => collect());
});
