/**
 * GET /v1/campaigns/{id}/queue: the position as a stream of server-sent events.
 *
 * The cost per watcher is constant: one look-up in Redis on arrival, one when the rank is final, one for the outcome. In
 * between everything is computed in memory from the board, which is the same for all watchers.
 *
 * Watchers are spread over slots, and a timer visits one slot after another, so each is visited a few times a second and
 * writes are spread evenly. A visit that has used up its time on the event loop continues in the next turn. So does
 * notifying or closing many watchers: only a limited number per turn.
 */
import type { Offered } from '../../engine/contract/campaign/claimant.ts';
import { lastStampAt } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { monotonicUs } from '../clock/clock.ts';
import { isCancelled, outcomeOf } from '../entry/entry-view.ts';
import type { OfferEvent, OutcomeEvent, PausedEvent, WaitlistedEvent } from '../http/contract/events.ts';
import type { Metrics } from '../metrics.ts';
import type { AheadCounts } from '../shared/ahead-counts.ts';
import type { Board, BoardListener } from '../shared/board.ts';
import type { ClaimMoves } from '../shared/claim-moves.ts';
import type { EntryStanding, Lookups } from '../shared/lookups.ts';
import type { Presence } from '../shared/presence.ts';
import { type ClaimantParts, claimantMembers, offerMembers } from './claimant-view.ts';
import type { Etas } from './eta.ts';
import { Turns } from './turns.ts';
import type { Watcher } from './watcher.ts';

/** Shown with an offer whose deadline cannot be right. */
const NO_DEADLINE = 'none';

export interface WatchersParts {
  readonly board: Pick<Board, 'campaign' | 'epoch' | 'listen' | 'rankedUs' | 'readAtUs'>;
  readonly lookups: Pick<Lookups, 'find'>;
  readonly aheadCounts: Pick<AheadCounts, 'ahead' | 'left' | 'returned'>;
  readonly claimants: ClaimantParts & { readonly moves: Pick<ClaimMoves, 'listen'> };
  readonly presence: Pick<Presence, 'opened' | 'closed'>;
  readonly etas: Pick<Etas, 'of'>;
  readonly metrics: Pick<Metrics, 'scanTime' | 'refuse' | 'toldATurn'>;
  readonly eventsPerSecond: number;
  readonly commentMs: number;
}

const SLOTS = 20;
/** With the rest of a turn, well below the 10 ms by which entries may be delayed; an event costs about 5 us. */
const SCAN_MS = 2;
/**
 * A last event or a close takes some 25 us of this loop: ten thousand at once blocked it for a quarter of a second. Twice
 * this number may run between two polls of the sockets: what the poll brings comes before the turn, the backlog in it.
 */
export const TOLD_A_TURN = 100;
/** The number of visits between two checks of the clock. */
const VISITS_A_LOOK = 16;
/** Without news from the engine's side for this long, watchers are sent `stalled`. */
const STALLED_MS = 2_000;

export class Watchers implements BoardListener {
  readonly #parts: WatchersParts;
  readonly #slots: Set<Watcher>[] = Array.from({ length: SLOTS }, () => new Set<Watcher>());
  readonly #provisional = new Set<Watcher>();
  /** Watchers that a move may concern, by campaign and user. */
  readonly #claimants = new Map<string, Set<Watcher>>();
  readonly #timer: NodeJS.Timeout;
  readonly #turns: Turns;
  readonly #due: Iterator<Watcher>[] = [];
  #slot = 0;
  #nextSlot = 0;
  #count = 0;
  #scanScheduled = false;
  #closed = false;

  constructor(parts: WatchersParts) {
    this.#parts = parts;
    this.#turns = new Turns(TOLD_A_TURN, told => parts.metrics.toldATurn.observe(told));
    parts.board.listen(this);
    parts.claimants.moves.listen((campaignId, userId) => this.#moved(campaignId, userId));
    this.#timer = setInterval(() => this.#visitSlot(), 1_000 / parts.eventsPerSecond / SLOTS);
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a watcher with the standing just looked up; without one, the next visit looks it up. */
  add(watcher: Watcher, standing: EntryStanding | undefined): void {
    if (this.#closed) {
      watcher.drop();
      return;
    }
    watcher.slot = this.#slot;
    this.#slots[this.#slot]?.add(watcher);
    this.#slot = (this.#slot + 1) % SLOTS;
    this.#count += 1;
    this.#parts.presence.opened(watcher.campaignId, watcher.userId);
    this.#applyStanding(watcher, standing);
  }

  /** Removes a watcher whose stream was ended by us or by the client. */
  remove(watcher: Watcher): void {
    watcher.state = 'over';
    if (this.#slots[watcher.slot]?.delete(watcher) === true) {
      this.#count -= 1;
      this.#parts.presence.closed(watcher.campaignId, watcher.userId);
    }
    this.#provisional.delete(watcher);
    const key = claimantKey(watcher.campaignId, watcher.userId);
    const same = this.#claimants.get(key);
    same?.delete(watcher);
    if (same?.size === 0) this.#claimants.delete(key);
  }

  /** Looks up again all watchers of this user. */
  #moved(campaignId: number, userId: string): void {
    const watchers = this.#claimants.get(claimantKey(campaignId, userId));
    if (watchers === undefined) return;
    for (const watcher of watchers) watcher.hasMoved = true;
    this.#visit(watchers.values());
  }

  /** Ranks have become final: looks up all provisional ranks again, at once. */
  changed(): void {
    if (this.#provisional.size > 0) this.#visit(this.#provisional.values());
  }

  /** Closes every stream, also those opened meanwhile, so that clients reconnect to another gateway. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const slot of this.#slots) {
      for (const watcher of [...slot]) {
        await this.#turns.take();
        if (!isOver(watcher)) watcher.drop();
      }
    }
  }

  #visitSlot(): void {
    const slot = this.#slots[this.#nextSlot];
    this.#nextSlot = (this.#nextSlot + 1) % SLOTS;
    if (slot !== undefined && slot.size > 0) this.#visit(slot.values());
  }

  #visit(watchers: Iterator<Watcher>): void {
    this.#due.push(watchers);
    if (this.#scanScheduled) return;
    this.#scanScheduled = true;
    setImmediate(() => this.#scan());
  }

  /** Visits what is due until its time is used up; the rest continues after the entries that came meanwhile. */
  #scan(): void {
    this.#scanScheduled = false;
    const startedMs = performance.now();
    const nowUs = startedMs * 1000;
    let visits = 0;
    let watchers = this.#due[0];
    while (watchers !== undefined) {
      const next = watchers.next();
      if (next.done === true) {
        this.#due.shift();
        watchers = this.#due[0];
        continue;
      }
      this.#look(next.value, nowUs);
      visits += 1;
      if (visits % VISITS_A_LOOK === 0 && performance.now() - startedMs > SCAN_MS) {
        this.#scanScheduled = true;
        setImmediate(() => this.#scan());
        break;
      }
    }
    this.#parts.metrics.scanTime.observe((performance.now() - startedMs) / 1000);
  }

  #look(watcher: Watcher, nowUs: number): void {
    const { board } = this.#parts;
    const campaign = board.campaign(watcher.campaignId);
    if (campaign === undefined) {
      // The campaign no longer exists, as after a restore of the ledger: a reconnecting client is told so.
      if (board.epoch !== '') watcher.drop();
      return;
    }
    this.#showPause(watcher, campaign);
    if (watcher.state === 'provisional') {
      if (watcher.stamp <= lastStampAt(board.rankedUs, campaign.opensAtUs)) void this.#ask(watcher);
    } else if (watcher.state === 'placed') {
      const { aheadCounts } = this.#parts;
      const decided =
        (watcher.stamp <= campaign.settledStamp && !aheadCounts.returned(watcher.campaignId, watcher.rank)) ||
        isCancelled(campaign, watcher.stamp) ||
        (campaign.kind === 'room' && campaign.finished) ||
        aheadCounts.left(watcher.campaignId, watcher.rank);
      if (decided) void this.#decide(watcher);
      else this.#showPosition(watcher, nowUs);
    } else if (watcher.state === 'waitlisted' || watcher.state === 'offered') {
      this.#lookAtClaimant(watcher, campaign, nowUs);
    }
    if (nowUs >= watcher.commentDueUs) {
      watcher.commentDueUs = nowUs + this.#parts.commentMs * 1000;
      this.#write(watcher, ':\n\n');
    }
  }

  /** Tells that the campaign was paused, and why, or resumed. */
  #showPause(watcher: Watcher, { paused, notice }: BoardCampaign): void {
    const isPaused = paused === true;
    if (isPaused === watcher.shownPaused) return;
    const data: PausedEvent = isPaused && notice !== undefined ? { notice } : {};
    const event = isPaused ? 'paused' : 'resumed';
    if (this.#write(watcher, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
      watcher.shownPaused = isPaused;
  }

  #lookAtClaimant(watcher: Watcher, campaign: BoardCampaign, nowUs: number): void {
    if (this.#tellStalled(watcher, nowUs)) return;
    const wasStalled = watcher.stalled;
    watcher.stalled = false;
    const { state, offer } = watcher;
    if (watcher.hasMoved || (state === 'waitlisted' && campaign.finished)) void this.#decide(watcher);
    else if (state === 'waitlisted') this.#showWaitlistPosition(watcher, wasStalled);
    else if (offer !== undefined && (wasStalled || watcher.shownOutageUs !== campaign.claims?.outageUs)) {
      if (wasStalled) watcher.shownClaimBy = '';
      this.#showOffer(watcher, campaign, offer);
    }
  }

  /** Whether nothing moves because of an outage on our side; reports it the first time. */
  #tellStalled(watcher: Watcher, nowUs: number): boolean {
    if (nowUs - this.#parts.board.readAtUs <= STALLED_MS * 1000) return false;
    if (!watcher.stalled && this.#write(watcher, 'event: stalled\ndata: {}\n\n')) watcher.stalled = true;
    return true;
  }

  /** Shows the position if it has moved; with `always` in any case, for a client that has reconnected. */
  #showPosition(watcher: Watcher, nowUs: number, always = false): void {
    if (this.#tellStalled(watcher, nowUs)) return;
    const ahead = Math.min(
      watcher.shownAhead,
      this.#parts.aheadCounts.ahead(watcher.campaignId, watcher.rank),
    );
    if (ahead === watcher.shownAhead && !watcher.stalled && !always) return;
    const data = `{"position":${watcher.rank + 1},"ahead":${ahead}${this.#etaOf(watcher, ahead)}}`;
    const id = `${watcher.campaignId}:${watcher.stamp}:${ahead}`;
    if (this.#write(watcher, `id: ${id}\nevent: position\ndata: ${data}\n\n`)) {
      watcher.shownAhead = ahead;
      watcher.stalled = false;
    }
  }

  /** Of a room: the estimated wait, as a member of the event. */
  #etaOf({ campaignId }: Watcher, ahead: number): string {
    const campaign = this.#parts.board.campaign(campaignId);
    if (campaign?.room === undefined) return '';
    return `,"eta":${JSON.stringify(this.#parts.etas.of(campaign, ahead))}`;
  }

  /** Looks up the watcher's standing and shows it if it is final. */
  async #ask(watcher: Watcher): Promise<void> {
    watcher.state = 'pending';
    const standing = await this.#find(watcher);
    if (!isOver(watcher)) this.#applyStanding(watcher, standing);
  }

  #applyStanding(watcher: Watcher, standing: EntryStanding | undefined): void {
    if (standing === undefined || !standing.final) {
      if (standing !== undefined) watcher.stamp = standing.stamp;
      watcher.state = 'provisional';
      this.#provisional.add(watcher);
      return;
    }
    this.#provisional.delete(watcher);
    this.#placed(watcher, standing);
  }

  #placed(watcher: Watcher, standing: EntryStanding): void {
    watcher.state = 'placed';
    watcher.stamp = standing.stamp;
    watcher.rank = standing.rank;
    if (!this.#tellOutcome(watcher, standing)) this.#showPosition(watcher, monotonicUs(), true);
  }

  async #decide(watcher: Watcher): Promise<void> {
    const { state } = watcher;
    watcher.state = 'deciding';
    // A move that comes during the look-up sets it again.
    watcher.hasMoved = false;
    const standing = await this.#find(watcher);
    if (isOver(watcher)) return;
    if (standing === undefined) {
      watcher.state = state;
      watcher.hasMoved = true;
    } else if (!this.#tellOutcome(watcher, standing)) watcher.state = 'placed';
  }

  /**
   * Redis does not answer: the watcher keeps what was shown, and the next visit looks it up again. Answers for many
   * watchers come together, so their consequences are spread over turns.
   */
  async #find(watcher: Watcher): Promise<EntryStanding | undefined> {
    const campaign = this.#parts.board.campaign(watcher.campaignId);
    if (campaign === undefined) return undefined;
    const standing = await this.#parts.lookups.find(campaign, watcher.userId).catch(() => undefined);
    await this.#turns.take();
    return standing;
  }

  /** Sends the outcome, if there is one, and ends the stream; for a claimant who may still move, sends the current state. */
  #tellOutcome(watcher: Watcher, standing: EntryStanding): boolean {
    const { campaign, claimant } = standing;
    const outcome = outcomeOf(standing);
    if (outcome === 'waiting') return false;
    if (outcome === 'waitlisted' || outcome === 'offered') {
      this.#follow(watcher);
      if (claimant?.state === 'waitlisted') this.#wait(watcher, claimant.waitlistPosition);
      else if (claimant?.state === 'offered') this.#showOffer(watcher, campaign, claimant);
      return true;
    }
    const members =
      claimant === undefined ? standing.grant : claimantMembers(this.#parts.claimants, campaign, claimant);
    const { notice } = campaign;
    const why = outcome === 'cancelled' && notice !== undefined ? { notice } : {};
    const event: OutcomeEvent = { position: standing.rank + 1, outcome, ...members, ...why };
    const id = `${watcher.campaignId}:${watcher.stamp}:over`;
    watcher.end(`id: ${id}\nevent: outcome\ndata: ${JSON.stringify(event)}\n\n`);
    return true;
  }

  /** Subscribes the watcher to moves of its user. */
  #follow(watcher: Watcher): void {
    const key = claimantKey(watcher.campaignId, watcher.userId);
    const same = this.#claimants.get(key) ?? new Set<Watcher>();
    if (same.has(watcher)) return;
    this.#claimants.set(key, same.add(watcher));
    // A move that came after the look-up and before this has notified nobody.
    watcher.hasMoved = true;
  }

  #wait(watcher: Watcher, waitlistPosition: number): void {
    const isNew = watcher.waitlistPosition !== waitlistPosition;
    watcher.state = 'waitlisted';
    watcher.waitlistPosition = waitlistPosition;
    this.#showWaitlistPosition(watcher, isNew);
  }

  /** Shows the waitlist position if it has moved; with `always` in any case, for a client that has reconnected. */
  #showWaitlistPosition(watcher: Watcher, always = false): void {
    const { campaignId, stamp, rank, waitlistPosition, shownWaitlistPosition } = watcher;
    const now = Math.min(
      shownWaitlistPosition,
      this.#parts.claimants.moves.waiting(campaignId, waitlistPosition),
    );
    if (now === shownWaitlistPosition && !always) return;
    const data: WaitlistedEvent = { position: rank + 1, waitlist_position: now };
    const id = `${campaignId}:${stamp}:w${now}`;
    if (this.#write(watcher, `id: ${id}\nevent: waitlisted\ndata: ${JSON.stringify(data)}\n\n`)) {
      watcher.shownWaitlistPosition = now;
    }
  }

  #showOffer(watcher: Watcher, campaign: BoardCampaign, offered: Offered): void {
    watcher.state = 'offered';
    watcher.offer = offered;
    const members = offerMembers(this.#parts.claimants.deadlines, campaign, offered);
    const outageUs = campaign.claims?.outageUs ?? 0;
    const claimBy = members.claim_by ?? NO_DEADLINE;
    if (claimBy === watcher.shownClaimBy) {
      watcher.shownOutageUs = outageUs;
      return;
    }
    const data: OfferEvent = { position: watcher.rank + 1, ...members };
    const id = `${watcher.campaignId}:${watcher.stamp}:o`;
    const isWritten = this.#write(watcher, `id: ${id}\nevent: offer\ndata: ${JSON.stringify(data)}\n\n`);
    if (isWritten) watcher.shownClaimBy = claimBy;
    // The next visit shows what was not written.
    watcher.shownOutageUs = isWritten ? outageUs : -1;
  }

  /** True if written; a watcher that is too slow is dropped. */
  #write(watcher: Watcher, text: string): boolean {
    const result = watcher.write(text);
    if (result === 'too slow') {
      this.#parts.metrics.refuse('watcher_buffer');
      watcher.drop();
    }
    return result === 'written';
  }
}

function claimantKey(campaignId: number, userId: string): string {
  return `${campaignId}:${userId}`;
}

/** Reads the state again after an await, where the compiler still assumes the earlier one. */
function isOver(watcher: Watcher): boolean {
  return watcher.state === 'over';
}
