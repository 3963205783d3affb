/**
 * Heard time: a total, in milliseconds, of the time in which the service could hear the people who wait. Deadlines and
 * grace times are measured in it and not by a clock, so an outage of ours is never held against anybody.
 *
 * It follows the watermark. That moves only while Redis answers (the registry is read in each pass), the log takes
 * records (it is the least promise that gateways have appended), an engine works and Postgres lets it write. Without a live
 * gateway it would move by the registry alone, so it is looked at only while a gateway holds a lease that the ledger knows
 * from the log: one that has just registered may stand before a log that is away.
 *
 * When any of these is away the watermark stands still, and when it is back the watermark jumps: a step longer than
 * LONGEST_STEP_MS, or one that begins longer than LONGEST_BEHIND_MS before the look. Such a jump counts for nothing, and it
 * reaches up to the look: where gateways and the log went on meanwhile, the watermark follows in several short steps as the
 * backlog is taken in, and the last of them would count. An outage shorter than that cannot be told from slow passes and
 * may count, a longer one never does.
 *
 * All engines move the one row of `hearing`, by compare-and-set on the instant up to which it counts, so no stretch of
 * time is counted twice, however many there are and whichever of them stops. The row begins at 0/0, which is no instant:
 * nothing is measured from there.
 */
import type { Pool } from '../sql/database.ts';
import { type Heard, moveHeard, readHeard } from '../sql/hearing.ts';

/** Idle gateways move the watermark once a second; shorter than that and a half, quiet hours would not count. */
export const LONGEST_STEP_MS = 2_000;
/** A step may be looked at that late: when gateways are idle and passes seldom, both come to two seconds at most. */
export const LONGEST_BEHIND_MS = 3_000;
/** How exact heard time is. Each time it moves costs a commit. */
const NOTE_MS = 500;

/** What one look at the registry, the ledger's gateways and the watermark tells. */
export interface HearingLook {
  /** Redis' time of the read, and of the leases' ends; microseconds since the epoch. */
  readonly readAtUs: number;
  readonly leases: readonly { readonly incarnation: number; readonly expiresUs: number }[];
  readonly gateways: readonly { readonly incarnation: number; readonly state: 'live' | 'ended' }[];
  readonly watermarkUs: number;
}

/** Whether anybody can be heard: some gateway holds a lease, and the log has told of it. */
export function canHear({ readAtUs, leases, gateways }: Omit<HearingLook, 'watermarkUs'>): boolean {
  const live = new Set(
    gateways.filter(({ state }) => state === 'live').map(({ incarnation }) => incarnation),
  );
  return leases.some(({ incarnation, expiresUs }) => expiresUs > readAtUs && live.has(incarnation));
}

/**
 * What is heard once the service could hear at the instant `throughMs` too, as was found out at `nowMs`; the same where that
 * is not news.
 */
export function hearThrough(heard: Heard, throughMs: number, nowMs: number): Heard {
  const stepMs = throughMs - heard.throughMs;
  if (stepMs <= 0) return heard;
  const isJump = stepMs > LONGEST_STEP_MS || nowMs - heard.throughMs > LONGEST_BEHIND_MS;
  if (isJump) return { heardMs: heard.heardMs, throughMs: Math.max(throughMs, nowMs) };
  return { heardMs: heard.heardMs + stepMs, throughMs };
}

/** Keeps the ledger's heard time. */
export class Hearing {
  readonly #pool: Pool;
  #notedMs = Number.NEGATIVE_INFINITY;
  #heard: Heard | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * As far as this engine knows of it; undefined until it has heard somebody. Another engine may have gone on since: what
   * stands here was right up to its instant all the same.
   */
  get heard(): Heard | undefined {
    return this.#heard;
  }

  /** To be called with each look while the registry is open. Writes when half a second has gone by on the watermark. */
  async note(look: HearingLook): Promise<void> {
    const throughMs = Math.floor(look.watermarkUs / 1000);
    if (throughMs - this.#notedMs < NOTE_MS || !canHear(look)) return;
    const heard = await readHeard(this.#pool);
    const moved = hearThrough(heard, throughMs, Math.floor(look.readAtUs / 1000));
    const isKnown = moved === heard || (await moveHeard(this.#pool, heard, moved));
    // Another engine was first. What it was moved from may be the beginning of the row: never keep that.
    this.#heard = isKnown ? moved : await readHeard(this.#pool);
    this.#notedMs = throughMs;
  }
}
