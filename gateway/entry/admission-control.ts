/**
 * Admission control: whether to accept a request at an instant, and the answer if not. The gateway decides by itself, from
 * the shared clock and its copy of the board (admission.ts), so an opening needs no message to arrive, and a sold-out coupon
 * (sold-out.ts) costs no log and no Redis.
 */
import { isoOfUs } from '../../engine/contract/api/instants.ts';
import type { ProblemSlug } from '../../engine/contract/api/problem.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import type { EntryView } from '../http/contract/entries.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import type { Metrics } from '../metrics.ts';
import { type Refusal, refusalAt } from './admission.ts';
import type { SoldOutCampaigns, Winner } from './sold-out.ts';

/** After a close there is nothing to wait for; a client that retries is told to wait an hour. */
const CLOSED_RETRY_SECONDS = 3_600;
/** The operator may resume a paused campaign at any moment. */
const PAUSED_RETRY_SECONDS = 5;

export interface AdmissionParts {
  readonly soldOut: Pick<SoldOutCampaigns, 'has' | 'holders' | 'isOver'>;
  readonly metrics: Pick<Metrics, 'refuse'>;
}

type Answers = Pick<Reply, 'json' | 'problem'>;

export class AdmissionControl {
  readonly #soldOut: AdmissionParts['soldOut'];
  readonly #metrics: AdmissionParts['metrics'];

  constructor({ soldOut, metrics }: AdmissionParts) {
    this.#soldOut = soldOut;
    this.#metrics = metrics;
  }

  /** Whether an entry at `instantUs` is accepted for any user. Sends no answer. */
  admitsEveryone(campaign: BoardCampaign, instantUs: number): boolean {
    return this.#refusalOf(campaign, instantUs) === undefined;
  }

  /** The one decision about entries, used by both `admitsEveryone` and `refuseEntry`. */
  #refusalOf(campaign: BoardCampaign, instantUs: number): Refusal | 'sold_out' | undefined {
    return this.#soldOut.has(campaign.campaignId) ? 'sold_out' : refusalAt(campaign, instantUs);
  }

  /** Whether it is too late to enter while the user's own entry is not known here. Sends no answer. */
  isBehindClose(
    { campaignId, closesAtUs, cancelledStamp, soldOut }: BoardCampaign,
    userId: string,
    instantUs: number,
  ): boolean {
    if (instantUs < closesAtUs) return false;
    // Everybody but earlier winners is told of the cancellation, and the winners are forgotten by then.
    if (cancelledStamp !== undefined && !(soldOut && this.#soldOut.isOver(campaignId))) return false;
    const holders = this.#soldOut.holders(campaignId);
    return holders === undefined || holders.claimants.has(userId);
  }

  /** Answers the user if their entry at `instantUs` is not accepted. */
  refuseEntry(
    reply: Answers,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
  ): Answered | undefined {
    const refusal = this.#refusalOf(campaign, instantUs);
    if (refusal === 'sold_out') return this.#refuseSoldOut(reply, campaign, userId, instantUs);
    return refusal && this.#refuse(reply, campaign, instantUs, refusal);
  }

  /** Answers a user who has entered if the campaign accepts nothing from such users at `instantUs`. */
  refuseEntrant(reply: Answers, campaign: BoardCampaign, instantUs: number): Answered | undefined {
    const refusal = refusalAt(campaign, instantUs);
    if (refusal === undefined || refusal === 'paused') return undefined;
    return this.#refuse(reply, campaign, instantUs, refusal);
  }

  #refuse(reply: Answers, campaign: BoardCampaign, instantUs: number, refusal: Refusal): Answered {
    this.#metrics.refuse(refusal);
    const { slug, detail, members, seconds } = problemOf(campaign, instantUs, refusal);
    return reply.problem(slug, detail, {
      ...(members === undefined ? {} : { members }),
      headers: retryAfter(seconds),
    });
  }

  /** Answers everybody but claimants, who take the path of a repeated entry: their state changes, so it is looked up. */
  #refuseSoldOut(
    reply: Answers,
    campaign: BoardCampaign,
    userId: string,
    instantUs: number,
  ): Answered | undefined {
    const holders = this.#soldOut.holders(campaign.campaignId);
    if (holders?.claimants.has(userId) === true) return this.refuseEntrant(reply, campaign, instantUs);
    return this.#answerSoldOut(reply, campaign, holders?.winners.get(userId));
  }

  #answerSoldOut(reply: Answers, campaign: BoardCampaign, winner: Winner | undefined): Answered {
    if (winner === undefined) {
      this.#metrics.refuse('sold_out');
      const { stock, claims } = campaign;
      const waits =
        claims === undefined || claims.waitlist === 0
          ? ''
          : `, and the waitlist of ${claims.waitlist} is full`;
      return reply.problem('sold-out', `All ${stock} coupons are granted${waits}.`, {
        members: { stock: campaign.stock },
        headers: retryAfter(CLOSED_RETRY_SECONDS),
      });
    }
    const view: EntryView = {
      campaign: campaign.campaignId,
      stamp: winner.stamp,
      position: null,
      ahead: 0,
      provisional: false,
      outcome: 'granted',
      serial: winner.serial,
      code: winner.code,
    };
    reply.json(200, JSON.stringify(view));
    return ANSWERED;
  }
}

interface RefusalProblem {
  readonly slug: ProblemSlug;
  readonly detail: string;
  readonly members?: Readonly<Record<string, unknown>>;
  /** When a retry may help. */
  readonly seconds: number;
}

function problemOf(
  { campaignId, opensAtUs, closesAtUs, notice }: BoardCampaign,
  instantUs: number,
  refusal: Refusal,
): RefusalProblem {
  const members = { opens_at: isoOfUs(opensAtUs), closes_at: isoOfUs(closesAtUs) };
  const told = notice === undefined ? {} : { members: { notice } };
  switch (refusal) {
    case 'cancelled':
      return {
        slug: 'cancelled',
        detail: `Campaign ${campaignId} was cancelled.`,
        ...told,
        seconds: CLOSED_RETRY_SECONDS,
      };
    case 'not_open':
      return {
        slug: 'not-open-yet',
        detail: `The campaign opens at ${members.opens_at}.`,
        members,
        seconds: Math.max(1, Math.ceil((opensAtUs - instantUs) / 1_000_000)),
      };
    case 'closed':
      return {
        slug: 'closed',
        detail: `The campaign closed at ${members.closes_at}. Earlier entries stay.`,
        members,
        seconds: CLOSED_RETRY_SECONDS,
      };
    case 'changing':
      return {
        slug: 'unavailable',
        detail: 'The campaign is being changed right now. Retrying is safe.',
        seconds: 1,
      };
    case 'paused':
      return {
        slug: 'paused',
        detail: `Campaign ${campaignId} is paused. Earlier entries stay.`,
        ...told,
        seconds: PAUSED_RETRY_SECONDS,
      };
  }
}

function retryAfter(seconds: number): { readonly 'retry-after': string } {
  return { 'retry-after': String(seconds) };
}
