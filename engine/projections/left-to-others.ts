/**
 * Changes of campaigns that this engine leaves to another one to publish. The engine that settles a campaign
 * (settling/work-sharing.ts) publishes it right after its step; if all engines did, they would read and write the same again.
 * This engine publishes whatever the other one has not published within PATIENCE_MS.
 */

/** Fewer changes are published by every engine, so they never wait for an engine that may be gone. */
export const SHARED_FROM = 5;
/** Longer: if an engine ends between a decision and its publication, users learn of it later. Shorter: both engines publish. */
const PATIENCE_MS = 300;

/** A campaign that has changed. */
interface Change {
  readonly campaignId: number;
  readonly revision: number;
}

/** A change left to others, and since when. */
interface LeftChange {
  readonly revision: number;
  readonly sinceMs: number;
}

export type Share = 'published' | 'left' | 'ours';

export class LeftToOthers {
  readonly #left = new Map<number, LeftChange>();

  /**
   * Who publishes a change that another engine should publish. `shown` is the revision on the board (0: none). `published`:
   * it is there already; `left`: nothing to do yet; `ours`: the other engine is too slow or gone.
   */
  shareOf({ campaignId, revision }: Change, shown: number, nowMs: number): Share {
    if (shown >= revision) {
      this.#left.delete(campaignId);
      return 'published';
    }
    const left = this.#left.get(campaignId);
    if (left === undefined || shown >= left.revision)
      this.#left.set(campaignId, { revision, sinceMs: nowMs });
    else if (nowMs - left.sinceMs >= PATIENCE_MS) return 'ours';
    return 'left';
  }

  /** This engine has published the campaign, or it is no longer published at all. */
  drop(campaignId: number): void {
    this.#left.delete(campaignId);
  }

  clear(): void {
    this.#left.clear();
  }
}
