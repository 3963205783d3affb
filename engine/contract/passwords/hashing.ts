/**
 * Hashes passwords: argon2id with 19 MiB, two passes and one lane (OWASP Password Storage Cheat Sheet), by @node-rs/argon2 on
 * libuv's threads.
 *
 * Some 30 ms of a core each: a storm of logins would take the whole machine, and most answers would come after their clients gave up. So
 * a few run at once, a bounded number waits, and the rest is told at once to come back. The whole act waits, not only its hash: fans'
 * accounts hold a database connection during a sign-up.
 */
import { hash, verify } from '@node-rs/argon2';
import { siteOf } from '../limits/sites.ts';

/** @node-rs/argon2 declares its algorithms as a const enum, which erasable TypeScript cannot import; 2 is argon2id. */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export async function hashPassword(password: string): Promise<string> {
  return await hash(password, ARGON2ID);
}

/** Rejects if `stored` is not a hash. */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  return await verify(stored, password);
}

/** Too many wait for a turn, or this one has waited for too long. Nothing was done. */
export class QueueFull extends Error {}

export interface QueueTerms {
  readonly atOnce: number;
  readonly mostWaiting: number;
  readonly mostWaitMs?: number;
}

/** Gateways give an answer up after 15 s, and would then say that accounts are away. On a busy machine a full queue takes longer. */
const MOST_WAIT_MS = 10_000;

/** For whom a job is. */
export interface Claimant {
  /** At most a quarter of the slots is for one network, half for an IPv6 site (/48), and half for all unknown ones (''). */
  readonly network: string;
  /** A browser that has logged in before, or that has opened a link: a quarter of the slots is for these alone. */
  readonly isKnown?: boolean;
  /** Sign-ups get at most half of the slots: anybody can ask for as many as they like, and logins must go on. */
  readonly isSignUp?: boolean;
}

interface Waiting extends Claimant {
  readonly start: () => void;
}

/** Runs works in the order of their arrival, a few at once. */
export class HashingQueue {
  readonly #terms: QueueTerms;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(terms: QueueTerms) {
    this.#terms = terms;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves or rejects like `work`; rejects with QueueFull, without running it, if too many wait (in all, strangers, of the
   * claimant's network, or sign-ups) or its turn does not come in time.
   */
  async run<T>(work: () => Promise<T>, claimant: Claimant): Promise<T> {
    if (this.#running >= this.#terms.atOnce) {
      if (this.#isFullFor(claimant)) throw new QueueFull();
      await this.#turn(claimant);
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next.start();
    }
  }

  /** The job that lets this one start hands its slot over, so no other can take it in between. */
  #turn(claimant: Claimant): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        ...claimant,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new QueueFull());
      };
      const timer = setTimeout(giveUp, this.#terms.mostWaitMs ?? MOST_WAIT_MS);
      this.#waiting.push(waiting);
    });
  }

  #isFullFor({ network, isKnown = false, isSignUp = false }: Claimant): boolean {
    const { mostWaiting } = this.#terms;
    if (this.#waiting.length >= mostWaiting) return true;
    const site = siteOf(network);
    const isOver = (share: number, isOne: (each: Waiting) => boolean): boolean =>
      this.#waiting.filter(isOne).length >= Math.ceil(mostWaiting * share);
    if (!isKnown && isOver(3 / 4, each => each.isKnown !== true)) return true;
    if (isSignUp && isOver(1 / 2, each => each.isSignUp === true)) return true;
    if (isOver(1 / 2, each => siteOf(each.network) === site)) return true;
    return network !== '' && isOver(1 / 4, each => each.network === network);
  }
}
