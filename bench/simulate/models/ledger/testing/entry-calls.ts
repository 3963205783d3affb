/** Calls on entries, withdrawals and grants. */

import {
  CONFLICT_POLICIES,
  findRefused,
  insertEntries,
  keepEarliest,
  latestStamp,
  readEntries,
  readHeldEntries,
} from '../../../../../sql/statements/entries/entries.ts';
import { insertGrants, readGrants } from '../../../../../sql/statements/entries/grants.ts';
import { insertUserRequests } from '../../../../../sql/statements/entries/user-requests.ts';
import {
  decideWithdrawals,
  readGone,
  refuseWithdrawals,
} from '../../../../../sql/statements/entries/withdrawals.ts';
import type { Arguments } from './arguments.ts';
import type { Call } from './sides.ts';

export function entryCalls({
  random,
  number,
  campaignId,
  stamp,
  sent,
  range,
  grants,
}: Arguments): readonly Call[] {
  return [
    db => insertEntries(db, sent, random.pick(CONFLICT_POLICIES)),
    db => insertEntries(db, sent, 'all'),
    db => keepEarliest(db, sent),
    db => findRefused(db, sent),
    db => readEntries(db, range),
    db => readEntries(db, { ...range, gateway: stamp() % 1024 }),
    db => readHeldEntries(db, campaignId, sent.userIds),
    db => latestStamp(db, campaignId),
    db => insertUserRequests(db, 'withdrawals', sent),
    db => decideWithdrawals(db, { ...range, settledStamp: range.after, goneCount: 10 * number }),
    db => refuseWithdrawals(db, campaignId, range.limit),
    db => readGone(db, campaignId, 0, 5),
    db => insertGrants(db, campaignId, grants),
    db => readGrants(db, campaignId, 0, 5),
  ];
}
