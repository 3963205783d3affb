/**
 * GET /v1/campaigns/{id}/queue: the position as a stream of server-sent events.
 *
 * The constant cost per watcher: Redis is asked once on arrival, once when the rank has become final, once for the
 * outcome. In between everything comes from the board, which is the same for all, by arithmetic in memory.
 *
 * Watchers are spread over slots, and a timer visits one slot after another, so each is visited a few times a second
 * and the writes are spread evenly. A visit that has held the event loop for its time goes on in the next turn, and so does
 * telling many of what was found, or closing all: so many of them a turn.
 */
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import type { Offered } from '../engine/contract/claimant.ts';
import { lastStampAt } from '../engine/contract/stamp.ts';
import type { Board, BoardListener } from './board.ts';
import { type ClaimantParts, claimantMembers, offerMembers } from './claimant-view.ts';
import { monotonicUs } from './clock.ts';
import type { OfferEvent, OutcomeEvent, WaitlistedEvent } from './contract.ts';
import { isCancelled, outcomeOf } from './entry-view.ts';
import type { Etas } from './eta.ts';
import type { Lookups, Place } from './lookups.ts';
import type { Metrics } from './metrics.ts';
import type { Places } from './places.ts';
import type { Presence } from './presence.ts';
import { Turns } from './turns.ts';
import type { Watcher } from './watcher.ts';

/** What an offer is shown with whose deadline cannot be right. */
const NO_DEADLINE = 'none';

export interface WatchersParts {
  readonly board: Board;
  readonly lookups: Lookups;
  readonly places: Places;
  readonly claimants: ClaimantParts;
  readonly presence: Presence;
  readonly etas: Etas;
  readonly metrics: Metrics;
  readonly eventsPerSecond: number;
  readonly commentMs: number;
}

const SLOTS = 20;
/** With what else a turn does, well below the 10 ms that entries may be held up; an event costs about 5 us. */
const PASS_MS = 2;
/**
 * A last event, or a close, is some 25 us of this loop: all of ten thousand at once held it for a quarter of a second. Twice as
 * many may be done between two looks at the sockets, as what a look brings comes before the turn, and what waits in it.
 */
export const TOLD_A_TURN = 100;
/** How many are visited between two looks at the clock. */
const VISITS_A_LOOK = 16;
/** Without news from the engine's side for this long, watchers are told so. */
const STALLED_MS = 2_000;

export class Watchers implements BoardListener {
  readonly #parts: WatchersParts;
  readonly #slots: Set<Watcher>[] = Array.from({ length: SLOTS }, () => new Set<Watcher>());
  readonly #provisional = new Set<Watcher>();
  /** Those of whom a move may tell, by campaign and user. */
  readonly #claimants = new Map<string, Set<Watcher>>();
  readonly #timer: NodeJS.Timeout;
  readonly #turns: Turns;
  readonly #due: Iterator<Watcher>[] = [];
  #slot = 0;
  #nextSlot = 0;
  #count = 0;
  #passScheduled = false;
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

  /** Takes a watcher whose place has just been looked up; without one it is looked up at the next visit. */
  add(watcher: Watcher, place: Place | undefined): void {
    if (this.#closed) {
      watcher.drop();
      return;
    }
    watcher.slot = this.#slot;
    this.#slots[this.#slot]?.add(watcher);
    this.#slot = (this.#slot + 1) % SLOTS;
    this.#count += 1;
    this.#parts.presence.opened(watcher.campaignId, watcher.userId);
    this.#asked(watcher, place);
  }

  /** Lets go of a watcher whose stream has ended, by us or by the client. */
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

  /** Whoever watches for this user is looked up again. */
  #moved(campaignId: number, userId: string): void {
    const watchers = this.#claimants.get(claimantKey(campaignId, userId));
    if (watchers === undefined) return;
    for (const watcher of watchers) watcher.hasMoved = true;
    this.#visit(watchers.values());
  }

  /** Ranks have become final: whose place was provisional is asked for again, at once. */
  changed(): void {
    if (this.#provisional.size > 0) this.#visit(this.#provisional.values());
  }

  /** Closes every stream, also those that are opened meanwhile, so that clients go to another gateway. */
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
    if (this.#passScheduled) return;
    this.#passScheduled = true;
    setImmediate(() => this.#pass());
  }

  /** Visits what is due until its time is over; the rest goes on after the entries that came meanwhile. */
  #pass(): void {
    this.#passScheduled = false;
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
      if (visits % VISITS_A_LOOK === 0 && performance.now() - startedMs > PASS_MS) {
        this.#passScheduled = true;
        setImmediate(() => this.#pass());
        break;
      }
    }
    this.#parts.metrics.loopPass.observe((performance.now() - startedMs) / 1000);
  }

  #look(watcher: Watcher, nowUs: number): void {
    const { board } = this.#parts;
    const campaign = board.campaign(watcher.campaignId);
    if (campaign === undefined) {
      // It is no more, as after a ledger was restored: who comes again is told so.
      if (board.epoch !== '') watcher.drop();
      return;
    }
    if (watcher.state === 'provisional') {
      if (watcher.stamp <= lastStampAt(board.rankedUs, campaign.opensAtUs)) void this.#ask(watcher);
    } else if (watcher.state === 'placed') {
      const { places } = this.#parts;
      const decided =
        (watcher.stamp <= campaign.settledStamp && !places.returned(watcher.campaignId, watcher.rank)) ||
        isCancelled(campaign, watcher.stamp) ||
        (campaign.kind === 'room' && campaign.finished) ||
        places.left(watcher.campaignId, watcher.rank);
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

  #lookAtClaimant(watcher: Watcher, campaign: BoardCampaign, nowUs: number): void {
    if (this.#tellStalled(watcher, nowUs)) return;
    const wasStalled = watcher.stalled;
    watcher.stalled = false;
    const { state, offer } = watcher;
    if (watcher.hasMoved || (state === 'waitlisted' && campaign.finished)) void this.#decide(watcher);
    else if (state === 'waitlisted') this.#showPlace(watcher, wasStalled);
    else if (offer !== undefined && (wasStalled || watcher.shownUnheardUs !== campaign.claims?.unheardUs)) {
      if (wasStalled) watcher.shownClaimBy = '';
      this.#showOffer(watcher, campaign, offer);
    }
  }

  /** Whether nothing moves, because of an outage of ours; the first time it is said. */
  #tellStalled(watcher: Watcher, nowUs: number): boolean {
    if (nowUs - this.#parts.board.readAtUs <= STALLED_MS * 1000) return false;
    if (!watcher.stalled && this.#write(watcher, 'event: stalled\ndata: {}\n\n')) watcher.stalled = true;
    return true;
  }

  /** Shows the position if it has moved, or in any case (`always`): to one who has come back to the same place. */
  #showPosition(watcher: Watcher, nowUs: number, always = false): void {
    if (this.#tellStalled(watcher, nowUs)) return;
    const ahead = Math.min(watcher.shownAhead, this.#parts.places.ahead(watcher.campaignId, watcher.rank));
    if (ahead === watcher.shownAhead && !watcher.stalled && !always) return;
    const data = `{"position":${watcher.rank + 1},"ahead":${ahead}${this.#etaOf(watcher, ahead)}}`;
    const id = `${watcher.campaignId}:${watcher.stamp}:${ahead}`;
    if (this.#write(watcher, `id: ${id}\nevent: position\ndata: ${data}\n\n`)) {
      watcher.shownAhead = ahead;
      watcher.stalled = false;
    }
  }

  /** Of a room: how long it will take, as a member of the event. */
  #etaOf({ campaignId }: Watcher, ahead: number): string {
    const campaign = this.#parts.board.campaign(campaignId);
    if (campaign?.room === undefined) return '';
    return `,"eta":${JSON.stringify(this.#parts.etas.of(campaign, ahead))}`;
  }

  /** Asks where the watcher stands, and shows it if it is final. */
  async #ask(watcher: Watcher): Promise<void> {
    watcher.state = 'asking';
    const place = await this.#find(watcher);
    if (!isOver(watcher)) this.#asked(watcher, place);
  }

  #asked(watcher: Watcher, place: Place | undefined): void {
    if (place === undefined || !place.final) {
      if (place !== undefined) watcher.stamp = place.stamp;
      watcher.state = 'provisional';
      this.#provisional.add(watcher);
      return;
    }
    this.#provisional.delete(watcher);
    this.#placed(watcher, place);
  }

  #placed(watcher: Watcher, place: Place): void {
    watcher.state = 'placed';
    watcher.stamp = place.stamp;
    watcher.rank = place.rank;
    if (!this.#tellOutcome(watcher, place)) this.#showPosition(watcher, monotonicUs(), true);
  }

  async #decide(watcher: Watcher): Promise<void> {
    const { state } = watcher;
    watcher.state = 'deciding';
    // Set again by a move that comes while Redis is asked.
    watcher.hasMoved = false;
    const place = await this.#find(watcher);
    if (isOver(watcher)) return;
    if (place === undefined) {
      watcher.state = state;
      watcher.hasMoved = true;
    } else if (!this.#tellOutcome(watcher, place)) watcher.state = 'placed';
  }

  /**
   * Redis does not answer: the watcher keeps what was shown, and is asked for again at the next visit. Answers of many come
   * together, and what they lead to is done in turns.
   */
  async #find(watcher: Watcher): Promise<Place | undefined> {
    const campaign = this.#parts.board.campaign(watcher.campaignId);
    if (campaign === undefined) return undefined;
    const place = await this.#parts.lookups.find(campaign, watcher.userId).catch(() => undefined);
    await this.#turns.take();
    return place;
  }

  /** Sends the outcome and ends the stream, if there is one; of a claimant who may still move, how it stands. */
  #tellOutcome(watcher: Watcher, place: Place): boolean {
    const { campaign, claimant } = place;
    const outcome = outcomeOf(place);
    if (outcome === 'waiting') return false;
    if (outcome === 'waitlisted' || outcome === 'offered') {
      this.#follow(watcher);
      if (claimant?.state === 'waitlisted') this.#wait(watcher, claimant.place);
      else if (claimant?.state === 'offered') this.#showOffer(watcher, campaign, claimant);
      return true;
    }
    const members =
      claimant === undefined ? place.grant : claimantMembers(this.#parts.claimants, campaign, claimant);
    const event: OutcomeEvent = { position: place.rank + 1, outcome, ...members };
    const id = `${watcher.campaignId}:${watcher.stamp}:over`;
    watcher.end(`id: ${id}\nevent: outcome\ndata: ${JSON.stringify(event)}\n\n`);
    return true;
  }

  /** From now on moves of this user concern the watcher. */
  #follow(watcher: Watcher): void {
    const key = claimantKey(watcher.campaignId, watcher.userId);
    const same = this.#claimants.get(key) ?? new Set<Watcher>();
    if (same.has(watcher)) return;
    this.#claimants.set(key, same.add(watcher));
    // A move that came after Redis was asked, and before this, told nobody.
    watcher.hasMoved = true;
  }

  #wait(watcher: Watcher, place: number): void {
    const isNew = watcher.place !== place;
    watcher.state = 'waitlisted';
    watcher.place = place;
    this.#showPlace(watcher, isNew);
  }

  /** Shows the place in the waitlist if it has moved, or in any case (`always`): to one who has come back to it. */
  #showPlace(watcher: Watcher, always = false): void {
    const { campaignId, stamp, rank, place, shownPlace } = watcher;
    const now = Math.min(shownPlace, this.#parts.claimants.moves.waiting(campaignId, place));
    if (now === shownPlace && !always) return;
    const data: WaitlistedEvent = { position: rank + 1, place: now };
    const id = `${campaignId}:${stamp}:w${now}`;
    if (this.#write(watcher, `id: ${id}\nevent: waitlisted\ndata: ${JSON.stringify(data)}\n\n`)) {
      watcher.shownPlace = now;
    }
  }

  #showOffer(watcher: Watcher, campaign: BoardCampaign, offered: Offered): void {
    watcher.state = 'offered';
    watcher.offer = offered;
    const members = offerMembers(this.#parts.claimants.deadlines, campaign, offered);
    const unheardUs = campaign.claims?.unheardUs ?? 0;
    const claimBy = members.claim_by ?? NO_DEADLINE;
    if (claimBy === watcher.shownClaimBy) {
      watcher.shownUnheardUs = unheardUs;
      return;
    }
    const data: OfferEvent = { position: watcher.rank + 1, ...members };
    const id = `${watcher.campaignId}:${watcher.stamp}:o`;
    const isWritten = this.#write(watcher, `id: ${id}\nevent: offer\ndata: ${JSON.stringify(data)}\n\n`);
    if (isWritten) watcher.shownClaimBy = claimBy;
    // What was not written is shown at the next visit.
    watcher.shownUnheardUs = isWritten ? unheardUs : -1;
  }

  /** True when written; a watcher who owes too much is dropped. */
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

/** Read anew after an await, where the compiler still believes the state from before. */
function isOver(watcher: Watcher): boolean {
  return watcher.state === 'over';
}
