/** Calls on operators' statements about clocks. */
import {
  endTrust,
  insertTrust,
  readClock,
  replaceTrust,
} from '../../../../../sql/statements/progress/clock.ts';
import type { Random } from '../../../kernel/random.ts';
import type { Call } from './sides.ts';

export function drawTrust(random: Random, number: number): Call {
  const ended = random.pick([null, null, 'agreed'] as const);
  const trust = {
    saidBy: 'x',
    reason: random.pick([null, 'why']),
    aheadOf: random.pick(['postgres', 'engine'] as const),
    ...{ aheadMs: -number, postgresMs: number, engineMs: number + 1, acceptedMs: number + 2, ended },
  };
  return random.pick<Call>([
    db => insertTrust(db, trust),
    db => replaceTrust(db),
    db => endTrust(db, random.between(1, 9), random.pick(['agreed', 'moved'] as const)),
    // The times of a statement and of its end come from different clocks.
    async db => {
      const { trust: last } = await readClock(db);
      return last && { ...last, saidAt: undefined, endedAt: last.endedAt === null };
    },
  ]);
}
