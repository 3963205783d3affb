/**
 * Limits on logins of operators, in the memory of this engine: several engines each count for themselves. Failures are counted by name
 * and address, and by name over all addresses at a rate that one address alone cannot use up. So nobody can lock an operator out from
 * one machine, unless both come through the same proxy.
 *
 * Whether an account exists makes no difference: names are counted as they are asked for.
 */
import { Buckets } from '../../contract/limits/buckets.ts';

/** Far more than a team has; beyond it the least recently used ones start over. */
const KEPT = 10_000;
const MINUTE_S = 60;
/** Longer names are no account's. */
const NAME_CHARACTERS = 100;

/** Ten, and then one in two minutes: nobody mistypes more often. */
const OWN = { burst: 10, perSecond: 1 / (2 * MINUTE_S), most: KEPT };
/** Of a name from all addresses: who has the password, and many addresses, needs 160 days for an even chance to guess a code. */
const NAME = { burst: 50, perSecond: 1 / MINUTE_S, most: KEPT };
/** All logins from an address, right or wrong: each takes a core for a while. */
const ADDRESS = { burst: 60, perSecond: 1, most: KEPT };

/** An attempt may be made; `forgive` uncounts it, since it succeeded. */
export interface Permitted {
  readonly forgive: () => void;
}

/** How long to wait, in ms. */
export interface Delayed {
  readonly waitMs: number;
}

export class LoginAttempts {
  readonly #own = new Buckets(OWN);
  readonly #names = new Buckets(NAME);
  readonly #addresses = new Buckets(ADDRESS);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Counts an attempt before it is made, so that many at once are counted too. */
  take(name: string, address: string): Permitted | Delayed {
    const nowMs = this.#nowMs();
    const who = name.slice(0, NAME_CHARACTERS).toLowerCase();
    const pair = `${address} ${who}`;
    const ofAddress = this.#addresses.take(address, nowMs);
    if (ofAddress > 0) return { waitMs: ofAddress };
    const own = this.#own.take(pair, nowMs);
    if (own > 0) return { waitMs: own };
    const ofName = this.#names.take(who, nowMs);
    if (ofName > 0) {
      this.#own.giveBack(pair, nowMs);
      return { waitMs: ofName };
    }
    return {
      forgive: () => {
        this.#own.giveBack(pair, nowMs);
        this.#names.giveBack(who, nowMs);
      },
    };
  }
}
