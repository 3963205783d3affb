/**
 * Loaded before a measured process: at SIGUSR2 it collects all garbage, so that the measurement shows what the process
 * keeps, whenever its last collection was.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

process.on('SIGUSR2', () => {
  if (typeof collect !== 'function') return;
  // The second collection frees what the first one has queued for finalization.
  collect();
  setImmediate(() => collect());
});
