/** A real browser for tests. */
import type { Browser } from 'playwright-core';

/** Enough for a busy machine: a browser that takes longer will not start at all. */
const LAUNCH_LIMIT_MS = 60_000;

/** Chromium, or why it does not start. */
export async function launchChromium(): Promise<Browser | string> {
  try {
    const [packed, { chromium }] = await Promise.all([
      import('@sparticuz/chromium'),
      import('playwright-core'),
    ]);
    const executablePath = await packed.default.executablePath();
    // As root, Chromium has no sandbox. The default arguments of its package are made for another environment, and make it
    // hang here.
    const args = ['--no-sandbox', '--no-zygote', '--disable-gpu'];
    return await chromium.launch({ executablePath, args, headless: true, timeout: LAUNCH_LIMIT_MS });
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
