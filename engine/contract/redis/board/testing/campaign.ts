import type { BoardCampaign } from '../board.ts';

/** For tests: a coupon on the board that nobody has entered yet. */
export function boardCampaign(changes: Partial<BoardCampaign> = {}): BoardCampaign {
  return {
    campaignId: 1,
    revision: 1,
    kind: 'coupon',
    title: 'x',
    stock: 1,
    opensAtUs: 0,
    closesAtUs: 1,
    settledStamp: -1,
    settledCount: 0,
    granted: 0,
    gone: 0,
    soldOut: false,
    finished: false,
    ...changes,
  };
}
