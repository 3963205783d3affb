/**
 * Loaded into every test process. The runner ends a test file that does not end by itself with SIGTERM, counts it as
 * failed and no longer listens to it; what kept it is written into the file that OPEN_HANDLES_FILE names, and shown by
 * the run.
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

const file = process.env.OPEN_HANDLES_FILE;
if (file !== undefined) {
  process.once('SIGTERM', () => {
    // The pipes of stdout and stderr are always there.
    const open = process.getActiveResourcesInfo().filter(resource => resource !== 'PipeWrap');
    const name = relative('', process.argv[1] ?? '');
    appendFileSync(file, `${name} did not end by itself; still open: ${open.join(', ') || 'nothing'}\n`);
    process.exit(1);
  });
}
