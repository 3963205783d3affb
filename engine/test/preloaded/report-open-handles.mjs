/**
 * Preloaded into every test process. If a test file does not end by itself, the runner ends it with SIGTERM, counts it as
 * failed and no longer reads its output. So this writes the handles that kept it open to the file named by OPEN_HANDLES_FILE,
 * which the run shows at its end.
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

const file = process.env.OPEN_HANDLES_FILE;
if (file !== undefined) {
  process.once('SIGTERM', () => {
    // The pipes of stdout and stderr are always open.
    const open = process.getActiveResourcesInfo().filter(resource => resource !== 'PipeWrap');
    const name = relative('', process.argv[1] ?? '');
    appendFileSync(file, `${name} did not end by itself; still open: ${open.join(', ') || 'nothing'}\n`);
    process.exit(1);
  });
}
