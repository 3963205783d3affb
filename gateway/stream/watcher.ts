/**
 * One watcher: what the client was shown, and what may be written to it.
 *
 * States: `pending` (looks the rank up in Redis) -> `provisional` (the rank can still change: nothing is shown) ->
 * `placed` (shows position and ahead; ahead only falls) -> `deciding` (settled: looks the outcome up in Redis) -> `over`.
 * With claims, `deciding` may lead to `waitlisted` (shows the waitlist position, which only falls) or `offered` (until it is claimed,
 * lapses or is declined), and from both back to `deciding` when the claimant has moved. Only Watchers writes the state.
 */
import type { HttpResponse } from 'uWebSockets.js';
import type { Offered } from '../../engine/contract/campaign/claimant.ts';

export type WatcherState =
  | 'pending'
  | 'provisional'
  | 'placed'
  | 'deciding'
  | 'waitlisted'
  | 'offered'
  | 'over';

export class Watcher {
  readonly userId: string;
  readonly campaignId: number;
  state: WatcherState = 'pending';
  /** Its slot in Watchers. */
  slot = 0;
  stamp = 0;
  rank = -1;
  /** The value shown last; a greater one is never shown again. */
  shownAhead: number;
  /** The waitlist position shown last; a greater one is never shown again. */
  shownWaitlistPosition: number;
  /** While waitlisted: the position that was assigned. */
  waitlistPosition = 0;
  /** While offered: the offer. */
  offer: Offered | undefined;
  /** Of the shown offer: its deadline as shown, and how much outages have added to it, microseconds. */
  shownClaimBy = '';
  shownOutageUs = 0;
  /** The claimant has moved since the last look-up. */
  hasMoved = false;
  /** Whether the campaign was paused when the client was told last. */
  shownPaused = false;
  /** The last event was `stalled`, because of an outage on our side. */
  stalled = false;
  commentDueUs: number;
  readonly #res: HttpResponse;
  readonly #bufferAtMost: number;
  readonly #ended: () => void;
  #blocked = false;
  #owedBytes = 0;

  constructor(
    res: HttpResponse,
    who: { userId: string; campaignId: number; shownAhead: number; shownWaitlistPosition: number },
    terms: { commentDueUs: number; bufferAtMost: number; ended: () => void },
  ) {
    this.#res = res;
    this.userId = who.userId;
    this.campaignId = who.campaignId;
    this.shownAhead = who.shownAhead;
    this.shownWaitlistPosition = who.shownWaitlistPosition;
    this.commentDueUs = terms.commentDueUs;
    this.#bufferAtMost = terms.bufferAtMost;
    this.#ended = terms.ended;
    res.onWritable(() => {
      // With this handler set, uWebSockets.js sends what it has buffered only along with something new: a comment.
      this.#blocked = !res.write(':\n');
      if (!this.#blocked) this.#owedBytes = 0;
      return true;
    });
  }

  /**
   * Writes, unless the last write still waits for the client: then the bytes are owed, and the due event is built again
   * when the client reads again. If too many bytes are owed, the watcher is 'too slow' and must be dropped.
   */
  write(text: string): 'written' | 'owed' | 'too slow' {
    if (this.#blocked) {
      this.#owedBytes += text.length;
      return this.#owedBytes > this.#bufferAtMost ? 'too slow' : 'owed';
    }
    // `false` means buffered, not refused: the bytes are in flight, and nothing follows them for now.
    const res = this.#res;
    res.cork(() => {
      this.#blocked = !res.write(text);
    });
    return 'written';
  }

  /**
   * Ends the stream with a last event. The client closes the connection, or keeps it: uWebSockets.js has no way to close it
   * here that leaves a chunked body whole.
   */
  end(text: string): void {
    const res = this.#res;
    res.cork(() => {
      res.end(text);
    });
    this.#ended();
  }

  /** Closes the connection: the client finds its position again when it reconnects. The abort calls `ended`. */
  drop(): void {
    this.#res.close();
  }
}
