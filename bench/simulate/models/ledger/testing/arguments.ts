/** The arguments of the calls of ledger.test.ts. */
import type { Random } from '../../../kernel/random.ts';
import { CAMPAIGNS, OPENS_MS, ROOM, USERS } from './sides.ts';

/**
 * Draws arguments over few campaigns, users, stamps and gateways, so that calls meet. Keep the order of the draws: it decides
 * what a seed stands for.
 */
export function drawArguments(random: Random, number: number) {
  const campaignId = random.between(1, CAMPAIGNS);
  const stamp = (): number => random.between(0, 1_100) * 1_000;
  const user = (): string => random.pick(USERS);
  const rows = Array.from({ length: random.between(1, 3) }, () => ({ userId: user(), stamp: stamp() }));
  const sent = {
    campaignIds: rows.map(() => random.between(1, ROOM + 1)),
    userIds: rows.map(({ userId }) => userId),
    stamps: rows.map(row => row.stamp),
  };
  const range = {
    campaignId,
    after: stamp() - 400_000,
    through: stamp() + 200_000,
    limit: random.between(1, 5),
  };
  const incarnation = random.between(1, 4);
  const gateway = random.between(0, 1);
  const progress = {
    gateway,
    incarnation,
    logName: 'log',
    partition: 0,
    state: random.pick(['live', 'live', 'ended'] as const),
    throughUs: random.between(1, 9),
    rankedUs: random.between(1, 9),
    sliceNumber: random.between(0, 9),
    backfilled: false,
  };
  const position = { logName: random.pick(['x', 'y']), partition: random.between(0, 1) };
  const us = OPENS_MS * 1000 + random.between(-100, 1_300);
  const time = new Date(OPENS_MS + random.between(-1, 2));
  const [availableFrom, availableTo] = [random.between(-1, 2), random.between(0, 3)];
  const availableMs = random.between(0, 2);
  const settled = {
    settledStamp: stamp(),
    settledCount: random.between(0, 6),
    grantedCount: random.between(0, 4),
    goneCount: random.between(0, 3),
  };
  const grants = [{ serial: random.between(1, 4), userId: user(), code: `code ${number}` }];
  const writer = { gateway: random.between(0, 2), token: `t${random.between(0, 1_000_000)}` };
  const deadLetter = {
    ...position,
    position: String(random.between(0, 3)),
    item: random.pick([undefined, 0, 1]),
  };
  const bytes = (length: number): Buffer => Buffer.alloc(length, number);
  const slice = {
    gateway,
    incarnation,
    sliceNumber: random.between(1, 3),
    firstUs: random.between(1, 5),
    lastUs: random.between(5, 9),
    signedHead: bytes(192),
    items: bytes(number % 7),
  };
  return {
    random,
    number,
    campaignId,
    stamp,
    user,
    sent,
    range,
    incarnation,
    gateway,
    progress,
    position,
    us,
    time,
    availableFrom,
    availableTo,
    availableMs,
    settled,
    grants,
    writer,
    deadLetter,
    bytes,
    slice,
  };
}

export type Arguments = ReturnType<typeof drawArguments>;
