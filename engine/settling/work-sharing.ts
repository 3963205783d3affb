/**
 * How engines share campaigns when more are due than one settles at once. All engines find the same work; without sharing,
 * each step of one engine is followed by a step of every other engine that finds nothing to do, and costs half as much.
 *
 * The engines agree on nothing. One whose step found another engine at work, or nothing left to do, leaves that campaign to
 * others from then on. It takes it again once the campaign was due and untouched for PATIENCE_MS: the other engine is slow
 * or gone. So campaigns move to the engine that has time for them.
 *
 * This only saves work. Which engine takes a step never matters for what is decided: each step locks the campaign's row.
 */

/**
 * Longer: campaigns of an engine that has ended wait longer, once. Shorter than a step waits for its slot: engines take
 * campaigns from each other, and repeat each other's steps as they would without sharing.
 */
const PATIENCE_MS = 400;

export interface DueWork {
  readonly campaignId: number;
  /** Grows with each step, of any engine, that does something. */
  readonly progress: number;
}

/** Longer than a campaign goes without work while people enter it; one that has ended is forgotten after this. */
const FORGOTTEN_MS = 10_000;

/** A campaign left to other engines: its progress when it was last found due (undefined: not found since), and since when. */
interface LeftWork {
  readonly progress: number | undefined;
  readonly sinceMs: number;
}

export class WorkSharing {
  readonly #left = new Map<number, LeftWork>();

  /** Which of these campaigns, all of them due now, this engine takes; the others are left to other engines for now. */
  choose<T extends DueWork>(due: readonly T[], nowMs: number): readonly T[] {
    for (const [campaignId, { sinceMs }] of this.#left)
      if (nowMs - sinceMs > FORGOTTEN_MS) this.#left.delete(campaignId);
    return due.filter(work => this.#isOurs(work, nowMs));
  }

  /** Whether it is left to other engines. */
  isLeft(campaignId: number): boolean {
    return this.#left.has(campaignId);
  }

  /** Notes what a step has found; `isIdle`: another engine at work, or nothing to do. */
  note(campaignId: number, isIdle: boolean, nowMs: number): void {
    if (isIdle) this.#left.set(campaignId, { progress: undefined, sinceMs: nowMs });
    else this.#left.delete(campaignId);
  }

  #isOurs({ campaignId, progress }: DueWork, nowMs: number): boolean {
    const left = this.#left.get(campaignId);
    if (left === undefined) return true;
    if (left.progress === progress) return nowMs - left.sinceMs >= PATIENCE_MS;
    this.#left.set(campaignId, { progress, sinceMs: nowMs });
    return false;
  }
}
