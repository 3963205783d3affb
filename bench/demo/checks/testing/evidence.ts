/** For tests: a correct campaign, written by hand, and functions to state what a client saw. */
import type { WatchedUser } from '../../../watch/record.ts';
import type { Ask, CampaignEvidence, Watched } from '../evidence.ts';

export function ask(
  user: string,
  sentUs: number,
  answeredUs: number,
  stamp: number,
  more: Partial<Ask> = {},
): Ask {
  return { user, sentUs, answeredUs, status: 202, stamp, soldOut: false, unsure: false, ...more };
}

export function watched(
  user: string,
  shown: readonly (readonly [position: number, ahead: number])[],
  outcome: Partial<WatchedUser['outcomes'][number]> | undefined,
  more: Partial<WatchedUser> = {},
): Watched {
  const outcomeShown = { atUs: 900, outcome: 'sold_out', position: 1, serial: null, code: null, ...outcome };
  return {
    who: {
      campaign: 1,
      user,
      posts: [],
      outcomes: outcome === undefined ? [] : [outcomeShown],
      streams: 1,
      reloads: 0,
      heartbeats: 0,
      end: 'told',
      why: '',
      ...more,
    },
    shown: shown.map(([position, ahead], index) => ({ watcher: 0, atUs: 100 + index, position, ahead })),
  };
}

const entries = [
  { user: 'a', stamp: 10 },
  { user: 'b', stamp: 20 },
  { user: 'c', stamp: 30 },
];

/** Three users, two coupons; a asked twice, at different times, and c was too late. */
export const rightCoupon: CampaignEvidence = {
  campaign: 1,
  kind: 'coupon',
  stock: 2,
  asks: [
    ask('a', 0, 5, 10),
    ask('b', 2, 6, 20),
    ask('c', 7, 9, 30),
    ask('a', 20, 25, 10),
    ask('d', 30, 31, 0, { status: 409, stamp: undefined, soldOut: true }),
  ],
  watched: [
    watched('b', [[2, 1]], { outcome: 'granted', position: 2, serial: 2, code: 'two' }),
    watched(
      'c',
      [
        [3, 2],
        [3, 1],
      ],
      { outcome: 'sold_out', position: 3 },
    ),
  ],
  logged: [...entries, { user: 'a', stamp: 40 }],
  ranks: entries,
  entries,
  grants: [
    { user: 'a', serial: 1, code: 'one' },
    { user: 'b', serial: 2, code: 'two' },
  ],
  settledStamp: 30,
};

/** The same users in a raffle with one winner. */
export const rightRaffle: CampaignEvidence = {
  ...rightCoupon,
  kind: 'raffle',
  stock: 1,
  asks: rightCoupon.asks.filter(({ user }) => user !== 'd'),
  watched: [watched('c', [[3, 2]], { outcome: 'won', position: 3, serial: 1, code: 'one' })],
  grants: [{ user: 'c', serial: 1, code: 'one' }],
};
