/** Finds the people whom a customer's question is about, by exactly one of the things that a customer may have at hand. */
import type { Queryable } from '../../sql/database.ts';
import {
  findCouponOfCode,
  findHolderOfCode,
  findHolders,
  findUserByAddress,
  type Holder,
  isKnownUser,
  readAccountKinds,
} from '../../sql/statements/people/find-people.ts';
import { findReceiptOwner, type ReceiptState } from './receipts.ts';
import type { Wanted } from './wanted.ts';

/** A serial passes on to a waitlist of any length; who had it long ago is found by their own id. */
const MOST_FOUND = 50;

export interface FoundPerson {
  readonly userId: string;
  readonly account: 'built_in' | 'shop' | 'none';
  /** The grant by which they were found. */
  readonly grant: Pick<Holder, 'campaignId' | 'serial' | 'holds'> | null;
}

export interface Found {
  readonly people: readonly FoundPerson[];
  /** Others had the serial before these. */
  readonly more: boolean;
  /** The coupon whose code it is, if anybody may use it: then it is nobody's. */
  readonly couponId: number | null;
  readonly receipt: ReceiptState | null;
  /** The file with what was searched for. */
  readonly archive: string | null;
}

type Candidate = { readonly userId: string } | Holder;
interface Candidates extends Partial<Omit<Found, 'people'>> {
  readonly candidates: readonly Candidate[];
}

/** Finds nobody or one person; by a serial also those who had it before. */
export async function findPeople(db: Queryable, wanted: Wanted): Promise<Found> {
  const {
    candidates,
    more = false,
    couponId = null,
    receipt = null,
    archive = null,
  } = await find(db, wanted);
  const kinds = await readAccountKinds(
    db,
    candidates.map(({ userId }) => userId),
  );
  const people = candidates.map(
    (each): FoundPerson => ({
      userId: each.userId,
      account: kinds.get(each.userId) ?? 'none',
      grant:
        'serial' in each ? { campaignId: each.campaignId, serial: each.serial, holds: each.holds } : null,
    }),
  );
  return { people, more, couponId, receipt, archive };
}

async function find(db: Queryable, wanted: Wanted): Promise<Candidates> {
  switch (wanted.by) {
    case 'user': {
      const { userId } = wanted;
      return { candidates: (await isKnownUser(db, userId)) ? [{ userId }] : [] };
    }
    case 'address':
      return { candidates: usersOf(await findUserByAddress(db, wanted.address)) };
    case 'code':
      return await findByCode(db, wanted.code);
    case 'serial': {
      const found = await findHolders(db, wanted.campaignId, wanted.serial, MOST_FOUND + 1);
      return { candidates: found.slice(0, MOST_FOUND), more: found.length > MOST_FOUND };
    }
    case 'receipt': {
      const owner = await findReceiptOwner(db, wanted.receipt);
      return {
        candidates: owner.state === 'proven' ? [{ userId: owner.userId }] : [],
        receipt: owner.state,
        archive: owner.state === 'archived' ? (owner.file ?? null) : null,
      };
    }
  }
}

function usersOf(userId: string | undefined): readonly Candidate[] {
  return userId === undefined ? [] : [{ userId }];
}

async function findByCode(db: Queryable, code: string): Promise<Candidates> {
  const holder = await findHolderOfCode(db, code);
  if (holder !== undefined) return { candidates: [holder] };
  return { candidates: [], couponId: (await findCouponOfCode(db, code)) ?? null };
}
