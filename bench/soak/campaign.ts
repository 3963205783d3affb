/** One campaign from beginning to end, with everything that people do in it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { signTicket } from '../../engine/contract/keys/ticket.ts';
import { runLoad } from '../load/generator.ts';
import { parseJob } from '../load/job.ts';
import { userId } from '../load/tickets.ts';
import { type Fairline, untilKnown, untilSettled } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import { redeemCode, TERMS } from './redeeming.ts';

export interface CampaignTerms {
  readonly number: number;
  readonly entries: number;
  /** How long the campaign is open. */
  readonly openMs: number;
}

/** As many connections as a slice carries entries at most: with few, few would share the wait for an append to disk. */
const CONNECTIONS = 250;
/**
 * Of the users who entered: how many hold a stream, how many look up their entry and redeem the code that they find there, and how
 * many leave.
 */
const WATCH = 20;
const LOOK = 30;
const LEAVE = 20;
/** One of RAFFLE_EVERY campaigns is a raffle. */
const RAFFLE_EVERY = 4;

/**
 * Returns how many were accepted: all, unless the campaign closed before. Rejects when a watcher is not told an outcome.
 */
export async function runCampaign(fairline: Fairline, terms: CampaignTerms): Promise<number> {
  const { number, entries, openMs } = terms;
  const closesAtMs = Date.now() + openMs;
  const common = { title: `Soak ${number}`, closes_at: inMs(openMs) };
  const { id } = await fairline.operator.create(
    number % RAFFLE_EVERY === 0
      ? { kind: 'raffle', winners: Math.ceil(entries / 100), ...common }
      : // Stock for everybody: otherwise late users would be refused and have no entry.
        { kind: 'coupon', stock: entries, terms: TERMS, ...common },
  );
  await untilKnown(fairline, id);
  const accepted = await enterAll(fairline, id, terms);
  const people = new People(fairline, id, usersOf(terms));
  const [untold] = await Promise.all([people.watchAll(), people.lookAndLeave()]);
  await sleep(Math.max(0, closesAtMs - Date.now()));
  await untilSettled(fairline, id);
  if (untold > 0) throw new Error(`campaign ${id}: ${untold} streams ended without an outcome`);
  return accepted;
}

function usersOf({ number }: CampaignTerms) {
  return { prefix: `c${number}-`, digits: 7 };
}

async function enterAll({ site, gateways }: Fairline, id: number, terms: CampaignTerms): Promise<number> {
  const job = parseJob({
    bases: gateways.map(({ base }) => base),
    path: `/v1/campaigns/${id}/entries`,
    connections: CONNECTIONS,
    users: { from: 0, to: terms.entries, ...usersOf(terms) },
    ticket: site.ticket,
    retry: true,
  });
  const { result } = await runLoad(job);
  return result.byStatus['202'] ?? 0;
}

/** Some of the users who have entered. */
class People {
  readonly #fairline: Fairline;
  readonly #path: string;
  readonly #users: { readonly prefix: string; readonly digits: number };

  constructor(fairline: Fairline, id: number, users: { readonly prefix: string; readonly digits: number }) {
    this.#fairline = fairline;
    this.#path = `/v1/campaigns/${id}`;
    this.#users = users;
  }

  /** Returns how many streams were opened and ended without an outcome. */
  async watchAll(): Promise<number> {
    const untold = await Promise.all(
      Array.from({ length: WATCH }, async (_, index) => {
        const response = await this.#ask('GET', '/queue', index);
        const text = await response.text();
        // A user who came too late has no entry to watch.
        return response.ok && !text.includes('event: outcome');
      }),
    );
    return untold.filter(isUntold => isUntold).length;
  }

  async lookAndLeave(): Promise<void> {
    for (let index = WATCH; index < WATCH + LOOK; index++) await this.#lookAndRedeem(index);
    // By now most of them have their coupon, and the answer says so.
    for (let index = WATCH + LOOK; index < WATCH + LOOK + LEAVE; index++)
      await this.#done('DELETE', '/entries/me', index);
  }

  async #lookAndRedeem(index: number): Promise<void> {
    const { gateways, site } = this.#fairline;
    const code: unknown = Reflect.get(
      Object(await (await this.#ask('GET', '/entries/me', index)).json()),
      'code',
    );
    const base = gateways[index % gateways.length]?.base;
    // A raffle has no codes, and some entries are not decided yet.
    if (typeof code !== 'string' || base === undefined) return;
    await redeemCode({ base, token: site.shopToken }, userId(this.#users, index), code);
  }

  async #done(method: string, path: string, index: number): Promise<void> {
    await (await this.#ask(method, path, index)).arrayBuffer();
  }

  async #ask(method: string, path: string, index: number): Promise<Response> {
    const { gateways, site } = this.#fairline;
    const user = userId(this.#users, index);
    const ticket = await signTicket(user, { ...site.ticket, lifetimeSeconds: 3_600 });
    const base = gateways[index % gateways.length]?.base;
    return await fetch(`${base}${this.#path}${path}`, {
      method,
      headers: { authorization: `Bearer ${ticket}` },
    });
  }
}
