/** Bugs in intake and the watermark. */
import type { Mutation } from '../mutation.ts';

export const WATERMARK_MUTATIONS: readonly Mutation[] = [
  {
    name: 'the watermark is the greatest promise, not the least',
    file: 'engine/watermark/watermark.ts',
    from: 'watermarkUs = Math.min(watermarkUs, gateway.throughUs)',
    to: 'watermarkUs = Math.max(watermarkUs, gateway.throughUs)',
  },
  {
    name: 'the registry is taken for read now, whenever it was read',
    file: 'engine/watermark/watermark.ts',
    from: 'let boundUs = registry.readAtUs;',
    to: 'let boundUs = Number.MAX_SAFE_INTEGER;',
  },
  {
    name: 'who is registered and was never seen does not count',
    file: 'engine/watermark/watermark.ts',
    from: 'if (!known.has(nameOf(lease)))',
    to: 'if (false)',
    seed: 168,
  },
  {
    name: 'one that has ended unranked does not hold the ranks up',
    file: 'engine/watermark/watermark.ts',
    from: ' || !gateway.backfilled',
    to: '',
    seed: 44,
  },
  {
    name: 'the position is committed before the rows',
    file: 'engine/intake/intake.ts',
    from: 'transaction(pool, client => takeIn(client, logName, batch, policy))',
    to: 'takeIn(pool, logName, batch, policy)',
  },
  {
    name: 'the stamp that came first stays, not the earliest',
    file: 'engine/intake/intake.ts',
    from: 'await keepEarliest(db, sent);',
    to: '',
  },
  {
    name: 'what a gateway signed is not kept',
    file: 'engine/intake/intake.ts',
    from: 'await insertSlices(db, signed.slices);',
    to: ';',
  },
  {
    name: 'what an ended gateway had not ranked stays unranked',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'ranked += await projectRanks(',
    to: 'if (ranked > 0) ranked += await projectRanks(',
    seed: 142,
  },
];
