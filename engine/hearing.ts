/**
 * Heard time: a total, in milliseconds, of the time in which the service could hear the people who wait. Deadlines and
 * grace times are measured in it and not by a clock, so an outage of ours is never held against anybody.
 *
 * It is noted at a pace of its own, apart from passes: a pass that takes three seconds, as it has many campaigns to decide or
 * waits for one, is no outage. Each look has a reading of its own, in the order that the watermark rests on (watermark.ts),
 * so nothing counts that was not read from the log. What is decided has to be shown all the same: nobody can claim an
 * offer that they do not hear of. So nothing counts while nothing was shown for LONGEST_UNSHOWN_MS.
 *
 * It follows the watermark. That moves only while Redis answers (the registry is read in each pass), the log takes
 * records (it is the least promise that gateways have appended), an engine works and Postgres lets it write. Without a live
 * gateway it would move by the registry alone, so it is looked at only while a gateway holds a lease that the ledger knows
 * from the log: one that has just registered may stand before a log that is away.
 *
 * When any of these is away the watermark stands still, and when it is back the watermark jumps: a step longer than
 * LONGEST_STEP_MS, or one that begins longer than LONGEST_BEHIND_MS before the look. Such a jump counts for nothing, and it
 * reaches up to the look: where gateways and the log went on meanwhile, the watermark follows in several short steps as the
 * backlog is taken in, and the last of them would count. An outage shorter than that cannot be told from a slow machine and
 * may count, a longer one never does.
 *
 * All engines move the one row of `hearing`, by compare-and-set on the instant up to which it counts, so no stretch of
 * time is counted twice, however many there are and whichever of them stops. The row begins at 0/0, which is no instant:
 * nothing is measured from there.
 */
import type { Pool } from '../sql/database.ts';
import { readBounds } from '../sql/gateways.ts';
import { type Heard, moveHeard, readHeard } from '../sql/hearing.ts';
import type { ClockWatch } from './clock-watch.ts';
import { watermarkOf } from './watermark.ts';

/** Idle gateways move the watermark once a second; shorter than that and a half, quiet hours would not count. */
export const LONGEST_STEP_MS = 2_000;
/** A step may be looked at that late: when gateways are idle and passes seldom, both come to two seconds at most. */
export const LONGEST_BEHIND_MS = 3_000;
/** How exact heard time is. Each time it moves costs a commit. */
const NOTE_MS = 500;
/**
 * Longer: people lose more of the time that they have to claim while they are not shown what they are offered, and the
 * shortest such time is five seconds. Shorter than a pass: nothing counts.
 */
export const LONGEST_UNSHOWN_MS = 5_000;

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

export interface Listening {
  readonly pool: Pool;
  readonly clocks: Pick<ClockWatch, 'readRegistry' | 'isAgreed'>;
  /** How long ago gateways were shown what is decided; infinite where they never were. */
  readonly sinceShownMs: () => number;
}

/** One look, at the registry first. Rejects when Redis or the ledger is away; then nobody is heard. */
export async function listen(
  { pool, clocks, sinceShownMs }: Listening,
  hearing: Pick<Hearing, 'note'>,
): Promise<void> {
  const registry = await clocks.readRegistry();
  if (registry.epoch === undefined || !clocks.isAgreed || sinceShownMs() > LONGEST_UNSHOWN_MS) return;
  const registered = registry.leases.map(({ incarnation }) => incarnation);
  const { epoch, gateways } = await readBounds(pool, registered);
  // Of a registry in whose place another was opened nobody knows who has joined since.
  if (epoch !== registry.epoch) return;
  await hearing.note({ ...registry, gateways, watermarkUs: watermarkOf(registry, gateways) });
}

/** Keeps the ledger's heard time. */
export class Hearing {
  readonly #pool: Pool;
  #lookedUs = 0;
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

  /** What the shared clock showed at the last look, microseconds since the epoch; 0 before the first. */
  get lookedUs(): number {
    return this.#lookedUs;
  }

  /** To be called with each look while the registry is open. Writes when NOTE_MS have gone by on the watermark. */
  async note(look: HearingLook): Promise<void> {
    this.#lookedUs = look.readAtUs;
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
