/**
 * Opening a stream: who may watch, how many, and where a reconnecting client resumes.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { monotonicUs } from '../clock/clock.ts';
import type { ShelvedCampaigns } from '../cold/shelved.ts';
import type { GatewayConfig } from '../config.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import {
  type ArchiveParts,
  authenticate,
  type CampaignLookupParts,
  campaignOf,
  type Head,
  readCampaignId,
  readTicket,
  refuseArchived,
  type TicketParts,
} from '../http/requests.ts';
import type { EntryStanding, Lookups } from '../shared/lookups.ts';
import { Watcher } from './watcher.ts';
import type { Watchers } from './watchers.ts';

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Otherwise a proxy would hold events back until its buffer is full.
  'x-accel-buffering': 'no',
};

export interface StreamParts extends TicketParts, CampaignLookupParts, ArchiveParts {
  readonly shelved: Pick<ShelvedCampaigns, 'find' | 'archiveOf'>;
  readonly lookups: Pick<Lookups, 'find'>;
  readonly watchers: Pick<Watchers, 'add' | 'count' | 'remove'>;
  readonly config: Pick<
    GatewayConfig,
    | 'MAX_WATCHERS'
    | 'MAX_WATCHERS_PER_USER'
    | 'MAX_WATCHER_BUFFER_BYTES'
    | 'WATCHER_COMMENT_MS'
    | 'WATCHER_RETRY_MS'
  >;
}

interface LastEvent {
  readonly campaignId: number;
  readonly over: boolean;
  readonly ahead: number;
  /** The position in the waitlist; infinite if none was shown. */
  readonly waitlistPosition: number;
}

/**
 * The id of the last event a client has seen: `campaign:stamp:ahead`, `campaign:stamp:w<waitlist position>` while waitlisted,
 * `campaign:stamp:o` of an offer, or `campaign:stamp:over`.
 */
export function parseLastEventId(text: string): LastEvent | undefined {
  const match = /^(\d{1,10}):(\d{1,16}):(over|o|w\d{1,10}|\d{1,10})$/.exec(text);
  if (match === null) return undefined;
  const [, campaign, , last = ''] = match;
  const isAhead = /^\d/.test(last);
  return {
    campaignId: Number(campaign),
    over: last === 'over',
    ahead: isAhead ? Number(last) : 0,
    waitlistPosition: last.startsWith('w') ? Number(last.slice(1)) : Number.POSITIVE_INFINITY,
  };
}

export class Streams {
  readonly #parts: StreamParts;
  readonly #perUser = new Map<string, number>();

  constructor(parts: StreamParts) {
    this.#parts = parts;
  }

  async open(reply: Reply, req: HttpRequest, head: Readonly<Head>): Promise<void> {
    const parts = this.#parts;
    const ticket = readTicket(head, req.getQuery('ticket'));
    const idText = req.getParameter(0);
    const lastEvent = parseLastEventId(head.lastEventId || (req.getQuery('last_event_id') ?? ''));
    const userId = authenticate(parts, reply, ticket);
    if (userId === ANSWERED) return;
    const id = readCampaignId(parts, reply, idText);
    if (id === ANSWERED) return;
    const last = lastEvent?.campaignId === id ? lastEvent : undefined;
    if (last?.over === true) {
      // The client has seen the outcome; 204 makes an EventSource stop reconnecting.
      reply.empty(204);
      return;
    }
    if (this.#refuseBeyondLimits(reply, userId) === ANSWERED) return;
    let watcher: Watcher | undefined;
    const release = this.#claim(userId, () => watcher !== undefined && parts.watchers.remove(watcher));
    reply.whenAborted(release);
    const found = await this.#mayWatch(reply, id, userId);
    const retryMs = Math.round(parts.config.WATCHER_RETRY_MS * (1 + Math.random()));
    const stream = found === ANSWERED ? undefined : reply.stream(STREAM_HEADERS, `retry: ${retryMs}\n\n`);
    if (found === ANSWERED || stream === undefined) {
      release();
      return;
    }
    const { WATCHER_COMMENT_MS: commentMs, MAX_WATCHER_BUFFER_BYTES: bufferAtMost } = parts.config;
    watcher = new Watcher(
      stream,
      {
        userId,
        campaignId: id,
        shownAhead: last?.ahead ?? Number.POSITIVE_INFINITY,
        shownWaitlistPosition: last?.waitlistPosition ?? Number.POSITIVE_INFINITY,
      },
      {
        commentDueUs: monotonicUs() + commentMs * 1000 * (0.5 + Math.random() / 2),
        bufferAtMost,
        ended: release,
      },
    );
    parts.watchers.add(watcher, found === 'unknown' ? undefined : found);
  }

  /** Counts a stream of the user; the returned function uncounts it, once, and calls `gone`. */
  #claim(userId: string, gone: () => void): () => void {
    this.#perUser.set(userId, (this.#perUser.get(userId) ?? 0) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = (this.#perUser.get(userId) ?? 1) - 1;
      if (left === 0) this.#perUser.delete(userId);
      else this.#perUser.set(userId, left);
      gone();
    };
  }

  /** Answers if this gateway, or the user, has reached the limit of streams. */
  #refuseBeyondLimits(reply: Reply, userId: string): Answered | undefined {
    const { config, metrics, watchers } = this.#parts;
    const { MAX_WATCHERS: most, MAX_WATCHERS_PER_USER: mostPerUser } = config;
    const own = this.#perUser.get(userId) ?? 0;
    const full = watchers.count >= most;
    if (!full && own < mostPerUser) return undefined;
    metrics.refuse('watchers');
    const detail = full
      ? `This gateway has ${most} open streams, which is its limit.`
      : `You have ${own} open streams here, which is the limit per user.`;
    return reply.problem('too-many-watchers', detail, { headers: { 'retry-after': '5' } });
  }

  /** The standing to show, or 'unknown' while Redis cannot tell; answers if there is none. */
  async #mayWatch(reply: Reply, id: number, userId: string): Promise<EntryStanding | 'unknown' | Answered> {
    const parts = this.#parts;
    const campaign = await campaignOf(parts, reply, id);
    if (campaign === ANSWERED) return campaign;
    try {
      const standing = await parts.lookups.find(campaign, userId);
      if (standing !== undefined) return standing;
      if ((await refuseArchived(parts, reply, campaign)) === ANSWERED) return ANSWERED;
    } catch {
      // The stream opens anyway, reports that it is stalled, and continues when Redis is back.
      return 'unknown';
    }
    return reply.problem(
      'no-entry',
      `You have no entry in campaign ${id}; enter with POST /v1/campaigns/${id}/entries.`,
    );
  }
}
