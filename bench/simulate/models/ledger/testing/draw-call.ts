/** Draws the calls of ledger.test.ts. */
import { readWatermark } from '../../../../../sql/statements/progress/watermarks.ts';
import type { Random } from '../../../kernel/random.ts';
import { drawArguments } from './arguments.ts';
import { closeCalls, drawingCalls, settlingCalls } from './campaign-calls.ts';
import { changeCalls } from './change-calls.ts';
import { claimCalls } from './claim-calls.ts';
import { couponCalls } from './coupon-calls.ts';
import { entryCalls } from './entry-calls.ts';
import { progressCalls, sliceCalls } from './progress-calls.ts';
import { roomCalls } from './room-calls.ts';
import type { Call } from './sides.ts';

/** Draws a call. Keep the order of the lists: like the order of the draws, it decides what a seed stands for. */
export function drawCall(random: Random, number: number): Call {
  const drawn = drawArguments(random, number);
  const { campaignId, user } = drawn;
  const calls: readonly Call[] = [
    ...entryCalls(drawn),
    ...progressCalls(drawn),
    ...settlingCalls(drawn),
    ...drawingCalls(drawn),
    ...sliceCalls(drawn),
    ...claimCalls(random, number, drawn),
    ...roomCalls(random, number, drawn),
    ...couponCalls(random, number, user),
    ...changeCalls(random, campaignId, number),
    ...closeCalls(drawn),
  ];
  return calls[random.between(0, calls.length - 1)] ?? readWatermark;
}
