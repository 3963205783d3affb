/**
 * Remembers the claims and withdrawals that this gateway has logged and the engine may not have decided yet. A repeat is answered
 * alike and not logged again: of one user's claims, or withdrawals, the engine counts the first.
 *
 * Unlike Entrants it must be exact: somebody mistaken for another would lose a claim. So it keeps whole user ids, and is bounded.
 * The oldest is forgotten first; its repeat is logged once more, which changes nothing.
 */
import { forgettingOldest } from '../../engine/contract/limits/oldest.ts';

/** Some 2 KB each, with a receipt: at most 16 MB. Fewer: repeats while no engine decides are logged once more each. */
const MOST_REQUESTS = 8_192;

export type OwnRequestKind = 'claim' | 'withdrawal';

/** A request that the log has accepted. */
export interface LoggedRequest {
  /** When it was stamped, microseconds since the epoch. */
  readonly instantUs: number;
  /** Of a claim, as JSON. */
  readonly receipt: string | undefined;
}

interface HeldRequest {
  /** What was asked for; see `begin`. */
  readonly about: string;
  /** Undefined until the log has accepted one. */
  logged: LoggedRequest | undefined;
}

/** A request that waits for the log. Call one of the two. */
export interface PendingRequest {
  accepted(receipt: string | undefined): void;
  refused(): void;
}

export class OwnRequests {
  readonly #held = new Map<string, HeldRequest>();
  readonly #most: number;
  readonly #forgetOldest = forgettingOldest(this.#held);

  /** `most`: how many are remembered at most. 0: none. */
  constructor(most: number) {
    this.#most = Math.min(most, MOST_REQUESTS);
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether the user has asked for that here, and it is not known to be decided. */
  has(kind: OwnRequestKind, campaignId: number, userId: string): boolean {
    return this.#held.has(keyOf(kind, campaignId, userId));
  }

  /** The request that stands; undefined if there is none about this, or the log has not accepted it yet. `about`: see `begin`. */
  standing(
    kind: OwnRequestKind,
    campaignId: number,
    userId: string,
    about: string,
  ): LoggedRequest | undefined {
    const held = this.#held.get(keyOf(kind, campaignId, userId));
    return held?.about === about ? held.logged : undefined;
  }

  /**
   * Call this before the request is gathered. `about`: the offer, or the outcome that a withdrawal is to change. One about
   * something else is logged: the engine may have ignored a withdrawal that came after the outcome, and an outcome can still become
   * another one.
   */
  begin(
    kind: OwnRequestKind,
    campaignId: number,
    userId: string,
    about: string,
    instantUs: number,
  ): PendingRequest {
    const key = keyOf(kind, campaignId, userId);
    const known = this.#held.get(key);
    const held = known?.about === about ? known : { about, logged: undefined };
    this.#held.set(key, held);
    if (this.#held.size > this.#most) this.#forgetOldest();
    return {
      accepted: receipt => {
        held.logged ??= { instantUs, receipt };
      },
      refused: () => {
        if (held.logged === undefined && this.#held.get(key) === held) this.#held.delete(key);
      },
    };
  }

  /** The request is decided: Redis has what it came to. */
  decided(kind: OwnRequestKind, campaignId: number, userId: string): void {
    this.#held.delete(keyOf(kind, campaignId, userId));
  }
}

function keyOf(kind: OwnRequestKind, campaignId: number, userId: string): string {
  return `${kind} ${campaignId} ${userId}`;
}
