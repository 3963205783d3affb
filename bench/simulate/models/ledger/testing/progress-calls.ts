/** Calls on gateways, partitions, clocks, watermarks and slices. */

import { findSlices, insertSlices } from '../../../../../sql/statements/books/slices.ts';
import {
  readBlockedUsers,
  readBlockList,
  readUntoldRevision,
} from '../../../../../sql/statements/operators/blocks.ts';
import { moveAvailability, readAvailability } from '../../../../../sql/statements/progress/availability.ts';
import { insertDeadLetters } from '../../../../../sql/statements/progress/dead-letters.ts';
import {
  endWithoutLog,
  hasIncarnationAbove,
  markAllBackfilled,
  markBackfilled,
  readBounds,
  readGateways,
  readIncarnations,
  readLatestPromise,
  readProgress,
  saveProgress,
} from '../../../../../sql/statements/progress/gateways.ts';
import {
  moveOn,
  nextPosition,
  readPositions,
} from '../../../../../sql/statements/progress/log-partitions.ts';
import {
  insertLogWriters,
  markLogWritersRetired,
  readOpenLogWriters,
} from '../../../../../sql/statements/progress/log-writers.ts';
import {
  beginEpoch,
  nextEpoch,
  raiseWatermark,
  readEpoch,
  readWatermark,
} from '../../../../../sql/statements/progress/watermarks.ts';
import type { Arguments } from './arguments.ts';
import { type Call, OPENS_MS } from './sides.ts';

/** Calls on gateways, partitions, clocks and watermarks. */
export function progressCalls({
  random,
  incarnation,
  gateway,
  progress,
  position,
  us,
  availableFrom,
  availableTo,
  availableMs,
  writer,
  deadLetter,
}: Arguments): readonly Call[] {
  const fromMs = availableFrom < 0 ? 0 : OPENS_MS + availableFrom;
  return [
    db => readIncarnations(db, [incarnation]),
    db => readProgress(db, { ...position, incarnations: [incarnation] }),
    db => readGateways(db, [incarnation]),
    db => readBounds(db, [incarnation]),
    db => saveProgress(db, [progress]),
    db => saveProgress(db, [progress]),
    db => markBackfilled(db, gateway, incarnation),
    db => markAllBackfilled(db, incarnation + random.pick([0, 1])),
    db => endWithoutLog(db, gateway, incarnation),
    db => hasIncarnationAbove(db, incarnation),
    db => readLatestPromise(db),
    db => nextPosition(db, position.logName, position.partition),
    db => moveOn(db, { ...position, from: random.pick(['', '1', '2']), next: random.pick(['1', '2']) }),
    db => readPositions(db, position.logName),
    db => insertDeadLetters(db, [{ ...deadLetter, reason: 'why', record: Buffer.alloc(1) }]),
    db => readAvailability(db),
    db =>
      moveAvailability(
        db,
        { availableMs: 0, throughMs: fromMs, watermarkMs: fromMs },
        { availableMs, throughMs: OPENS_MS + availableTo, watermarkMs: OPENS_MS + availableTo },
      ),
    db => raiseWatermark(db, us, random.between(0, 2)),
    db => readWatermark(db),
    db => beginEpoch(db, random.between(0, 2)),
    db => readEpoch(db),
    db => readBlockList(db),
    db => readUntoldRevision(db),
    db => readBlockedUsers(db, ['ann', 'bob']),
    db => insertLogWriters(db, { logName: position.logName, epoch: random.between(0, 2), writers: [writer] }),
    db =>
      readOpenLogWriters(db, {
        logName: position.logName,
        epoch: random.between(0, 2),
        ...random.pick([{}, { gateway: writer.gateway }]),
      }),
    db => markLogWritersRetired(db, position.logName, [writer.token]),
    db => nextEpoch(db),
  ];
}

/** Calls on slices that gateways signed. */
export function sliceCalls({ random, gateway, slice }: Arguments): readonly Call[] {
  return [
    db => insertSlices(db, [slice]),
    db => insertSlices(db, [slice]),
    db => findSlices(db, gateway, random.between(1, 9)),
  ];
}
