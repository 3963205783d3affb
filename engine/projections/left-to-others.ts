/**
 * Changes of campaigns that this engine leaves to another one to publish: the engine that settles a campaign
 * (settling/work-sharing.ts) publishes it right after its step, and others would read and write the same again. What the
 * other engine has not published within PATIENCE_MS, this one does.
 */

/** Fewer changes are published by every engine: then nobody waits for an engine that may be gone. */
export const SHARED_FROM = 5;
/** Longer: people hear later of what an engine decided that ended before it published. Shorter: both publish. */
const PATIENCE_MS = 300;

/** A campaign that has changed. */
interface Change {
  readonly campaignId: number;
  readonly revision: number;
}

/** A change that was left to others, and since when. */
interface LeftChange {
  readonly revision: number;
  readonly sinceMs: number;
}

export type Share = 'published' | 'left' | 'ours';

export class LeftToOthers {
  readonly #left = new Map<number, LeftChange>();

  /**
   * What is to be done with a change that another engine should publish, of which the board shows the revision
   * `shown` (0: none): nothing, as it is published; nothing for now; or it is ours, as the other engine does not go on.
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

  /** This engine has published it, or it is published no more. */
  drop(campaignId: number): void {
    this.#left.delete(campaignId);
  }

  clear(): void {
    this.#left.clear();
  }
}
