/**
 * Limits on logins of operators, in the memory of this engine: several engines each count for themselves. Failures of strangers are counted
 * by account and network, and by account over all networks at a rate that one network alone cannot use up. A browser that has logged in to
 * the account before counts apart from strangers, by its device cookie (../../contract/limits/device-cookies.ts), so nobody can lock
 * somebody out of it. For a new browser of somebody whose account is under attack there is a link of an owner: its use is no login.
 *
 * Whether an account exists makes no difference: names are counted as they are asked for, in the ledger's fold.
 */
import { Buckets } from '../../contract/limits/buckets.ts';
import type { KnownDevice } from '../../contract/limits/device-cookies.ts';
import { type Delayed, ofNetwork, type Permitted, takeAll } from '../../contract/limits/taking.ts';

/** Far more than a team has; beyond it the least recently used ones start over. */
const KEPT = 10_000;
const MINUTE_S = 60;
/** Longer names are no account's. */
const NAME_CHARACTERS = 100;

/** Ten, and then one in two minutes: nobody mistypes more often. */
const OWN = { burst: 10, perSecond: 1 / (2 * MINUTE_S), most: KEPT };
/** Of a name by all strangers: who has the password, and many networks, needs 160 days for an even chance to guess a code. */
const NAME = { burst: 50, perSecond: 1 / MINUTE_S, most: KEPT };
/**
 * Of an account by all known browsers, more than one alone can use up: who has the password and a code can make as many as he likes, until
 * the password is another.
 */
const ACCOUNT_DEVICES = { burst: 50, perSecond: 1 / MINUTE_S, most: KEPT };
/** All logins from a network, right or wrong: each takes a core for a while. */
const NETWORK = { burst: 60, perSecond: 1, most: KEPT };
/** The same for a whole IPv6 site (/48), and for all clients whose network is unknown. */
const WIDE = { burst: 240, perSecond: 4, most: KEPT };
/** All logins of a known browser, right or wrong, instead of those of its network, which others may have used up. */
const DEVICE_LOGINS = { burst: 30, perSecond: 1 / 10, most: KEPT };

export class LoginAttempts {
  readonly #own = new Buckets(OWN);
  readonly #names = new Buckets(NAME);
  readonly #sessions = new Buckets(OWN);
  readonly #devices = new Buckets(OWN);
  readonly #accountDevices = new Buckets(ACCOUNT_DEVICES);
  readonly #deviceLogins = new Buckets(DEVICE_LOGINS);
  readonly #networks = new Buckets(NETWORK);
  readonly #wide = new Buckets(WIDE);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Counts what a login costs whom it comes from, before anything is done for it. `network`: its first address, '' if unknown. */
  fromNetwork(network: string): Permitted | Delayed {
    return takeAll(ofNetwork(network, this.#networks, this.#wide), this.#nowMs());
  }

  /** The same for a browser with a device cookie. Counted by itself: a thief of one browser's cookie locks no other browser out. */
  fromDevice({ id }: KnownDevice): Permitted | Delayed {
    return takeAll([{ buckets: this.#deviceLogins, key: id, isForCost: true }], this.#nowMs());
  }

  /** Counts a guess of a stranger, before it is made, so that many at once are counted too. `name`: as the ledger folds it. */
  ofStranger(name: string, network: string): Permitted | Delayed {
    const who = name.slice(0, NAME_CHARACTERS);
    const taken = [
      { buckets: this.#own, key: `${network} ${who}` },
      { buckets: this.#names, key: who },
    ];
    return takeAll(taken, this.#nowMs());
  }

  /** Counts a guess from a browser that is known to the account, with its present credentials. */
  ofDevice(operatorId: number, { id, credentialVersion }: KnownDevice): Permitted | Delayed {
    const taken = [
      { buckets: this.#devices, key: id },
      { buckets: this.#accountDevices, key: `${operatorId} ${credentialVersion}` },
    ];
    return takeAll(taken, this.#nowMs());
  }

  /** Counts a guess in a session of the account, which nobody else can make. */
  inSession(operatorId: number): Permitted | Delayed {
    return takeAll([{ buckets: this.#sessions, key: String(operatorId) }], this.#nowMs());
  }
}
