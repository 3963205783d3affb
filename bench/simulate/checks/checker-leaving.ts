/**
 * What must hold of withdrawals: a transaction does not pass over a request that the ledger had before the transaction began.
 * If that user waits for a coupon, or in a room, the user has left before being decided. Shares no code with gateway and
 * engine.
 */
import type { SeenRows } from './checker-rows.ts';
import type { Checks } from './checks.ts';

interface SeenWish {
  readonly campaignId: number;
  readonly userId: string;
  readonly honoured: boolean | null;
}

export class KnownWishes {
  /** Keyed by `campaign/user`: since when the ledger has an undecided request. */
  readonly #knownUs = new Map<string, number>();
  readonly #tooLate = new Set<string>();

  /**
   * Called after the checks of a commit: records what transactions that begin from now on know. `isClaimant`: whether the
   * user has or had an offer, or waits for one.
   */
  committed(
    wishes: readonly SeenWish[],
    isClaimant: (campaignId: number, userId: string) => boolean,
    nowUs: number,
  ): void {
    for (const { campaignId, userId, honoured } of wishes) {
      const name = `${campaignId}/${userId}`;
      if (honoured === null) {
        if (!this.#knownUs.has(name)) this.#knownUs.set(name, nowUs);
      } else if (this.#knownUs.delete(name) && !honoured && !isClaimant(campaignId, userId)) {
        this.#tooLate.add(name);
      }
    }
  }

  /**
   * Whether the request came too late: its user had lost by then. That stands, also when the stock is raised afterwards and the
   * user gets an offer after all.
   */
  cameTooLate(campaignId: number, userId: string): boolean {
    return this.#tooLate.has(`${campaignId}/${userId}`);
  }

  /** Checks a commit; its transaction began at `beganUs`. */
  check(checker: Checks, rows: SeenRows, before: SeenRows | undefined, beganUs: number): void {
    const { campaign, gone } = rows;
    const { campaignId } = campaign;
    for (const userId of justDecided(rows, before)) {
      const knownUs = this.#knownUs.get(`${campaignId}/${userId}`) ?? beganUs;
      if (knownUs < beganUs && !gone.has(userId))
        checker.breaks(
          1,
          `${userId} asked to leave campaign ${campaignId} ${beganUs - knownUs} us before it decided, and stays`,
        );
    }
  }
}

/** A raffle decides nobody before the draw, which has its own check; a cancelled campaign decides nobody. */
function justDecided(
  { campaign, entries, people }: SeenRows,
  before: SeenRows | undefined,
): readonly string[] {
  if (campaign.kind === 'room') {
    const hadSerial = new Set(
      before?.people.filter(({ serial }) => serial !== null).map(({ userId }) => userId),
    );
    return people
      .filter(({ serial, userId }) => serial !== null && !hadSerial.has(userId))
      .map(({ userId }) => userId);
  }
  if (campaign.kind !== 'coupon' || campaign.cancelledStamp !== null) return [];
  const after = before?.campaign.settledStamp ?? -1;
  return [...entries]
    .filter(([, stamp]) => stamp > after && stamp <= campaign.settledStamp)
    .map(([userId]) => userId);
}

/** At the end, a user who withdrew in time has no lapsed offer and no offer claimed later, and waits for none. */
export function checkLeavingEnd(
  checker: Checks,
  { campaign, claimants, logged }: SeenRows,
  wishes: KnownWishes,
): void {
  for (const { userId, state, endedUs } of claimants) {
    const leaveUs = logged.leaving.get(userId);
    if (leaveUs === undefined || wishes.cameTooLate(campaign.campaignId, userId)) continue;
    const endsUs: Readonly<Record<string, number | undefined>> = {
      lapsed: endedUs ?? 0,
      claimed: logged.claims.get(userId),
      waitlisted: campaign.closesAt.getTime() * 1_000,
    };
    if (leaveUs < (endsUs[state] ?? 0))
      checker.breaks(1, `${userId} left campaign ${campaign.campaignId} at ${leaveUs}, and is ${state}`);
  }
}
