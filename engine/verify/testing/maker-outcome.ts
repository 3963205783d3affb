/** Who gets what in a made book: grants, offers and their moves, the pool and its terms, the draw. */
import { base64url, sha256, treeRoot, u32 } from './basics.ts';
import type { EntryObject, MoveObject, Plan } from './made.ts';
import { type DrawnEntry, drawOf, type Reveal } from './maker-draw.ts';
import { CLOSES_AT_US } from './maker-world.ts';

export function decideCoupon(honoured: readonly DrawnEntry[], stock: number, waitlist: number): undefined {
  honoured.forEach(({ object }, index) => {
    if (index < stock) {
      object.outcome = 'granted';
      object.serial = index + 1;
    } else if (index < stock + waitlist) {
      object.outcome = 'waitlisted';
      object.alternate = index - stock + 1;
    }
  });
}

/** How long an offer can be claimed. */
export const WITHIN_S = 600;

/** Every second of the granted users claims, and the others let it lapse or decline; the first waiting user leaves. */
export function movesOf(entries: readonly EntryObject[], early: string | undefined): MoveObject[] {
  const within = WITHIN_S * 1_000_000;
  const offeredUs = CLOSES_AT_US;
  const ends = (offered_us: number) => ({ offered_us, deadline_us: offered_us + within });
  const moves: MoveObject[] = [];
  const [first, ...waiting] = entries.filter(({ outcome }) => outcome === 'waitlisted');
  if (first !== undefined) moves.push({ at_us: offeredUs + 1, move: 'left', stamp: first.stamp });
  const free: number[] = [];
  for (const { stamp, serial = 0, outcome } of entries) {
    if (outcome !== 'granted') continue;
    const move = serial % 2 === 1 ? 'claimed' : serial % 4 === 0 ? 'declined' : 'lapsed';
    const at_us = move === 'lapsed' ? offeredUs + within : offeredUs + serial;
    moves.push({ at_us, move, serial, stamp, ...ends(offeredUs) });
    if (move !== 'claimed') free.push(serial);
  }
  const againUs = offeredUs + within + 1;
  const offered = free.flatMap((serial, index) =>
    waiting[index] ? [{ serial, stamp: waiting[index].stamp }] : [],
  );
  for (const each of offered) moves.push({ at_us: againUs, move: 'offered', ...each });
  for (const each of offered) moves.push({ at_us: againUs + 5, move: 'claimed', ...each, ...ends(againUs) });
  const lapsed = moves.find(({ move }) => move === 'lapsed');
  if (early !== undefined && lapsed !== undefined) {
    const deadline_us = offeredUs + within / 2;
    Object.assign(lapsed, { at_us: deadline_us, deadline_us, early });
  }
  return moves;
}

/** Tickets, groups and exclusions. */
export function settleTerms(plan: Plan, honoured: readonly DrawnEntry[]): void {
  honoured.forEach(({ object }, index) => {
    object.outcome = 'not_drawn';
    if (plan.isMixed === false) return;
    if (index % 4 === 1) object.tickets = 2 + (index % 5);
    if (index % 3 === 0) object.group = base64url(sha256('group', u32(index % 2)));
    if (index % 9 === 8) {
      object.outcome = 'excluded';
      object.reason = 'staff of the shop, “known” before';
    }
  });
}

/** The root over the pool; a raffle's leaves contain the terms beside the hash of the entry. */
export function poolRootOf(kind: Plan['kind'], honoured: readonly DrawnEntry[]): Buffer {
  if (kind === 'coupon') return treeRoot(honoured.map(({ item: { leaf } }) => leaf));
  const some = (hash: Buffer | undefined): Buffer =>
    hash === undefined ? Buffer.of(0) : Buffer.concat([Buffer.of(1), hash]);
  return treeRoot(
    honoured.map(({ item: { leaf }, object: { tickets = 1, group, reason } }) => {
      const groupHash = group === undefined ? undefined : Buffer.from(group, 'base64url');
      const reasonHash = reason === undefined ? undefined : sha256(reason);
      return sha256(Buffer.of(0), leaf, u32(tickets).subarray(2), some(groupHash), some(reasonHash));
    }),
  );
}

export function decideRaffle(
  plan: Plan,
  honoured: readonly DrawnEntry[],
  reveal: Reveal,
  rulesHash: Buffer,
  poolRoot: Buffer,
) {
  return drawOf(
    honoured,
    reveal,
    rulesHash,
    poolRoot,
    plan.tiers ?? [1, 2],
    plan.alternates ?? 2,
    plan.groupLimit ?? null,
  );
}
