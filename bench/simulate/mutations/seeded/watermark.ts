/** Bugs in intake and the watermark. */
import type { Mutation } from '../mutation.ts';

export const WATERMARK_MUTATIONS: readonly Mutation[] = [
  {
    name: 'the watermark is the greatest promise, not the least',
    file: 'engine/watermark/watermark.ts',
    from: 'watermarkUs = Math.min(watermarkUs, gateway.throughUs)',
    to: 'watermarkUs = Math.max(watermarkUs, gateway.throughUs)',
    seed: 10,
  },
  {
    name: 'an old read of the registry counts as current',
    file: 'engine/watermark/watermark.ts',
    from: 'let boundUs = registry.readAtUs;',
    to: 'let boundUs = Number.MAX_SAFE_INTEGER;',
  },
  {
    name: 'a registered gateway that has logged nothing does not bound the watermark',
    file: 'engine/watermark/watermark.ts',
    from: 'if (!known.has(nameOf(lease)))',
    to: 'if (false)',
    seed: 189,
  },
  {
    name: 'an ended gateway without a backfill does not bound the ranks',
    file: 'engine/watermark/watermark.ts',
    from: ' || !gateway.backfilled',
    to: '',
    seed: 233,
  },
  {
    name: 'the log position is committed before the rows',
    file: 'engine/intake/intake.ts',
    from: 'transaction(pool, client => takeIn(client, logName, batch, policy))',
    to: 'takeIn(pool, logName, batch, policy)',
  },
  {
    name: 'the first stamp to arrive stays, not the earliest',
    file: 'engine/intake/intake.ts',
    from: 'await keepEarliest(db, sent);',
    to: '',
  },
  {
    name: 'signed slices are not kept',
    file: 'engine/intake/intake.ts',
    from: 'await insertSlices(db, signed.slices);',
    to: ';',
  },
  {
    name: 'entries that an ended gateway had not ranked stay unranked',
    file: 'engine/watermark/lease-reaper.ts',
    from: 'ranked += await projectRanks(',
    to: 'if (ranked > 0) ranked += await projectRanks(',
    seed: 142,
  },
];
