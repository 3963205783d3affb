/**
 * One person who watches: what they were shown, and what may be written to them.
 *
 * States: `asking` (Redis is asked for the place) -> `provisional` (the rank can still change: nothing is shown) ->
 * `placed` (position and ahead are shown, ahead only ever falls) -> `deciding` (settled: Redis is asked for the
 * outcome) -> `over`. Where there are claims, `deciding` may lead to `waitlisted` (a place is shown, which only ever falls)
 * or `offered` (until it is claimed, lapses or is declined), and from both back to `deciding` when the claimant has moved.
 * The one who writes the state is Watchers.
 */
import type { HttpResponse } from 'uWebSockets.js';
import type { Offered } from '../engine/contract/claimant.ts';

export type WatcherState =
  | 'asking'
  | 'provisional'
  | 'placed'
  | 'deciding'
  | 'waitlisted'
  | 'offered'
  | 'over';

export class Watcher {
  readonly userId: string;
  readonly campaignId: number;
  state: WatcherState = 'asking';
  /** Which slot of Watchers it is in. */
  slot = 0;
  stamp = 0;
  rank = -1;
  /** What was last shown; nothing greater is ever shown again. */
  shownAhead: number;
  /** In the waitlist: what was last shown; nothing greater is ever shown again. */
  shownPlace: number;
  /** While waitlisted: the place in which they were told to wait. */
  place = 0;
  /** While offered: what. */
  offer: Offered | undefined;
  /** Of the offer that was shown: its deadline, as it was shown, and what outages have added to it, microseconds. */
  shownClaimBy = '';
  shownUnheardUs = 0;
  /** The claimant has moved since they were asked about. */
  hasMoved = false;
  /** The last event said that nothing moves, because of an outage of ours. */
  stalled = false;
  commentDueUs: number;
  readonly #res: HttpResponse;
  readonly #bufferAtMost: number;
  readonly #ended: () => void;
  #blocked = false;
  #owedBytes = 0;

  constructor(
    res: HttpResponse,
    who: { userId: string; campaignId: number; shownAhead: number; shownPlace: number },
    terms: { commentDueUs: number; bufferAtMost: number; ended: () => void },
  ) {
    this.#res = res;
    this.userId = who.userId;
    this.campaignId = who.campaignId;
    this.shownAhead = who.shownAhead;
    this.shownPlace = who.shownPlace;
    this.commentDueUs = terms.commentDueUs;
    this.#bufferAtMost = terms.bufferAtMost;
    this.#ended = terms.ended;
    res.onWritable(() => {
      // With this handler set, uWebSockets.js sends what it holds back only along with something new: a comment.
      this.#blocked = !res.write(':\n');
      if (!this.#blocked) this.#owedBytes = 0;
      return true;
    });
  }

  /**
   * Writes, unless the last write still waits for the client: then the bytes are owed, and what is due is made anew
   * when the client reads again. When more is owed than may be, the watcher is 'too slow' and to be dropped.
   */
  write(text: string): 'written' | 'owed' | 'too slow' {
    if (this.#blocked) {
      this.#owedBytes += text.length;
      return this.#owedBytes > this.#bufferAtMost ? 'too slow' : 'owed';
    }
    // `false` means buffered, not refused: the bytes are on their way, and nothing follows them for now.
    const res = this.#res;
    res.cork(() => {
      this.#blocked = !res.write(text);
    });
    return 'written';
  }

  /**
   * Ends the stream with a last event, and closes the connection in the same turn. Left open, thousands of them would close
   * at a time that clients or the idle time-out choose, all in one turn of the loop: 10,000 held it for 58 to 108 ms.
   */
  end(text: string): void {
    const res = this.#res;
    res.cork(() => {
      res.end(text, true);
    });
    this.#ended();
  }

  /** Closes the connection: the client finds its place again when it comes back. `ended` is called by the abort. */
  drop(): void {
    this.#res.close();
  }
}
