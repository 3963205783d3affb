/**
 * Users who enter the coupons: at an even rate, each a new user, the coupons in turn. One in CLAIMERS_ONE_IN claims what is
 * offered; the others let it lapse, so that it passes to the next on the waitlist.
 */
import { TicketBook } from '../load/tickets.ts';
import { LostRun } from '../system/books.ts';
import type { Site } from '../system/fairline.ts';

export interface PeopleTerms {
  readonly base: string;
  readonly ticket: Site['ticket'];
  readonly coupons: readonly number[];
  readonly perSecond: number;
  /** How long users come at most. */
  readonly seconds: number;
}

export interface PeopleCounts {
  readonly entered: number;
  readonly claimed: number;
  /** Claims by users who had no offer at the moment. */
  readonly claimedInVain: number;
}

const USERS = { prefix: 'm', digits: 7 } as const;
const TICKET_SECONDS = 3_600;
const TICK_MS = 20;
const CLAIMERS_ONE_IN = 10;
const CLAIM_EVERY_MS = 2_000;
const CLAIM_TIMES = 5;
const ACCEPTED = 202;
/** The user has no offer, or no longer has one. */
const IN_VAIN: readonly number[] = [404, 409];

export class People {
  readonly #terms: PeopleTerms;
  readonly #tickets: TicketBook;
  readonly #users: number;
  readonly #faults = new Map<string, number>();
  #next = 0;
  #entered = 0;
  #claimed = 0;
  #inVain = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(terms: PeopleTerms) {
    this.#terms = terms;
    this.#users = Math.ceil(terms.perSecond * terms.seconds);
    const ticket = { ...terms.ticket, lifetimeSeconds: TICKET_SECONDS };
    this.#tickets = new TicketBook({ ...USERS, from: 0, to: this.#users }, ticket);
  }

  start(): void {
    const beganMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - beganMs) / 1e3) * this.#terms.perSecond);
      while (this.#next < Math.min(due, this.#users)) void this.#live(this.#next++);
    }, TICK_MS);
  }

  get counts(): PeopleCounts {
    return { entered: this.#entered, claimed: this.#claimed, claimedInVain: this.#inVain };
  }

  /** No more users come. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Throws LostRun when a request got an answer that nobody should get. */
  requireFine(): void {
    if (this.#faults.size > 0)
      throw new LostRun(`people were answered with ${JSON.stringify(Object.fromEntries(this.#faults))}`);
  }

  async #live(number: number): Promise<void> {
    const { coupons } = this.#terms;
    const path = `/v1/campaigns/${coupons[number % coupons.length]}/entries`;
    if ((await this.#post(path, number)) !== ACCEPTED) return;
    this.#entered += 1;
    // In one of CLAIMERS_ONE_IN rounds of the coupons users claim, so that each coupon has claimers.
    if (Math.floor(number / coupons.length) % CLAIMERS_ONE_IN !== 0) return;
    for (let times = 0; times < CLAIM_TIMES; times++) {
      await new Promise(resolve => setTimeout(resolve, CLAIM_EVERY_MS).unref());
      if (this.#timer === undefined) return;
      const status = await this.#post(`${path}/me/claim`, number);
      if (status === ACCEPTED) {
        this.#claimed += 1;
        return;
      }
      this.#inVain += 1;
    }
  }

  /** Returns the status; 0 when there was no answer. */
  async #post(path: string, number: number): Promise<number> {
    const ticket = Buffer.alloc(this.#tickets.ticketBytes);
    this.#tickets.copyTo(ticket, 0, number);
    try {
      const headers = { authorization: `Bearer ${ticket.toString('latin1')}` };
      const response = await fetch(`${this.#terms.base}${path}`, { method: 'POST', headers });
      const text = await response.text();
      const isFine = response.status === ACCEPTED || IN_VAIN.includes(response.status);
      if (!isFine) this.#fault(`${response.status} ${text.slice(0, 200)}`);
      return response.status;
    } catch (error) {
      if (this.#timer !== undefined) this.#fault(String(error));
      return 0;
    }
  }

  #fault(what: string): void {
    this.#faults.set(what, (this.#faults.get(what) ?? 0) + 1);
  }
}
