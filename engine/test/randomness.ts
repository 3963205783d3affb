/** For tests: sources of randomness without a network. */
import { pino } from 'pino';
import { Randomness, type RandomnessOptions } from '../draw/randomness.ts';

export const TEST_DRAW_SECRET = 'a secret of draws, for tests only';
export const TEST_SALT_SECRET = 'a secret of salts, for tests only';

export function testRandomness(changes: Partial<RandomnessOptions> = {}): Randomness {
  return new Randomness({
    drawSecret: TEST_DRAW_SECRET,
    drandDelayMs: 30_000,
    relays: ['http://127.0.0.1:1'],
    nowMs: () => Date.now(),
    log: pino({ level: 'silent' }),
    ...changes,
  });
}
