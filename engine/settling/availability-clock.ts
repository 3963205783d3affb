/**
 * Available time: the total time, in milliseconds, in which the service was available to the users who wait. Deadlines and
 * grace times are measured in available time and not by a clock, so an outage on our side never counts against anybody.
 *
 * It is recorded at its own pace, apart from cycles: a cycle that takes three seconds, because it decides many campaigns or
 * waits for one, is not an outage. Each check makes its own reading, in the order that the watermark requires
 * (watermark/watermark.ts), so time counts only if it was read from the log. Decisions must also be published, since nobody
 * can claim an offer that they do not see: no time counts after nothing was published for LONGEST_UNSHOWN_MS.
 *
 * Available time follows the watermark. The watermark advances only while Redis answers (each cycle reads the registry), the
 * log accepts records (it is the least promise that gateways have appended), an engine works and Postgres accepts writes.
 * Without a live gateway it would advance by the registry alone, so available time is checked only while a gateway holds a
 * lease that the ledger knows from the log: a gateway that has just registered may face an unavailable log.
 *
 * While any of these is unavailable, the watermark stands still; afterwards it jumps: a step longer than LONGEST_STEP_MS, or
 * one that begins longer than LONGEST_BEHIND_MS before the check. Such a jump does not count, up to the time of the check.
 * If gateways and log continued meanwhile, the watermark follows in several short steps while the backlog is ingested, and
 * the last of them would count otherwise. An engine that starts during an outage may make that check before it ends. So the
 * row also has the watermark that it was moved by: a step from a watermark that stood still for longer than LONGEST_STEP_MS
 * is a jump as well, however short it is from the check. An outage shorter than that cannot be told from a slow machine and
 * may count; a longer one never does.
 *
 * All engines move the single row of `availability`, by compare-and-set on the instant up to which it counts, so no stretch of
 * time counts twice, however many engines there are and whichever of them stops. The row starts at 0/0, which is not an
 * instant: nothing is measured from there.
 */
import type { Pool } from '../../sql/database.ts';
import {
  type Availability,
  moveAvailability,
  readAvailability,
} from '../../sql/statements/progress/availability.ts';
import { readBounds } from '../../sql/statements/progress/gateways.ts';
import type { ClockWatch } from '../clock/clock-watch.ts';
import { watermarkOf } from '../watermark/watermark.ts';

/** Idle gateways advance the watermark once a second; below 1.5 s, quiet hours would not count. */
export const LONGEST_STEP_MS = 2_000;
/** A step may be checked that late: with idle gateways and rare cycles, both add up to at most two seconds. */
export const LONGEST_BEHIND_MS = 3_000;
/** The resolution of available time. Each advance costs a commit. */
const NOTE_MS = 500;
/**
 * Longer: users lose more of their time to claim while they are not shown their offers, and the shortest time to claim is
 * five seconds. Shorter than a cycle: no time counts.
 */
export const LONGEST_UNSHOWN_MS = 5_000;

/** One reading of the registry, the ledger's gateways and the watermark. */
export interface AvailabilityLook {
  /** Redis' time of the read, and of the leases' ends; microseconds since the epoch. */
  readonly readAtUs: number;
  readonly leases: readonly { readonly incarnation: number; readonly expiresUs: number }[];
  readonly gateways: readonly { readonly incarnation: number; readonly state: 'live' | 'ended' }[];
  readonly watermarkUs: number;
}

/** Whether users can reach the service: some gateway holds a lease and is known from the log. */
export function isReachable({ readAtUs, leases, gateways }: Omit<AvailabilityLook, 'watermarkUs'>): boolean {
  const live = new Set(
    gateways.filter(({ state }) => state === 'live').map(({ incarnation }) => incarnation),
  );
  return leases.some(({ incarnation, expiresUs }) => expiresUs > readAtUs && live.has(incarnation));
}

/**
 * The available time once the watermark is known, as of `nowMs`, to have come to `watermarkMs`; unchanged if that is not new.
 * The watermark may come to the end of a jump in several steps: they count for nothing, but tell that it moves again.
 */
export function availableThrough(
  availability: Availability,
  watermarkMs: number,
  nowMs: number,
): Availability {
  const { availableMs, throughMs } = availability;
  if (watermarkMs <= availability.watermarkMs) return availability;
  const stepMs = watermarkMs - throughMs;
  if (stepMs <= 0) return { availableMs, throughMs, watermarkMs };
  const stoodStillMs = watermarkMs - availability.watermarkMs;
  const isJump =
    stepMs > LONGEST_STEP_MS || stoodStillMs > LONGEST_STEP_MS || nowMs - throughMs > LONGEST_BEHIND_MS;
  if (isJump) return { availableMs, throughMs: Math.max(watermarkMs, nowMs), watermarkMs };
  return { availableMs: availableMs + stepMs, throughMs: watermarkMs, watermarkMs };
}

export interface AvailabilityParts {
  readonly pool: Pool;
  readonly clocks: Pick<ClockWatch, 'readRegistry' | 'isAgreed'>;
  /** The time since decisions were last published; infinite if never. */
  readonly sinceShownMs: () => number;
}

/** Makes a reading, the registry first. Rejects when Redis or the ledger is unavailable; then no time counts. */
export async function checkAvailability(
  { pool, clocks, sinceShownMs }: AvailabilityParts,
  availability: Pick<AvailabilityClock, 'note'>,
): Promise<void> {
  const registry = await clocks.readRegistry();
  if (registry.epoch === undefined || !clocks.isAgreed || sinceShownMs() > LONGEST_UNSHOWN_MS) return;
  const registered = registry.leases.map(({ incarnation }) => incarnation);
  const { epoch, gateways } = await readBounds(pool, registered);
  // If another registry has replaced this one, gateways may have joined there since.
  if (epoch !== registry.epoch) return;
  await availability.note({ ...registry, gateways, watermarkUs: watermarkOf(registry, gateways) });
}

/** Keeps the ledger's available time. */
export class AvailabilityClock {
  readonly #pool: Pool;
  #lookedUs = 0;
  #notedMs = Number.NEGATIVE_INFINITY;
  #availability: Availability | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * The available time as known to this engine; undefined until the service was available once. Another engine may have
   * advanced it since; the value here is still correct up to its instant.
   */
  get current(): Availability | undefined {
    return this.#availability;
  }

  /** The shared clock at the last check, microseconds since the epoch; 0 before the first. */
  get lookedUs(): number {
    return this.#lookedUs;
  }

  /** Call it with each reading while the registry is open. Writes once the watermark has advanced by NOTE_MS. */
  async note(look: AvailabilityLook): Promise<void> {
    this.#lookedUs = look.readAtUs;
    const watermarkMs = Math.floor(look.watermarkUs / 1000);
    if (watermarkMs - this.#notedMs < NOTE_MS || !isReachable(look)) return;
    const availability = await readAvailability(this.#pool);
    const moved = availableThrough(availability, watermarkMs, Math.floor(look.readAtUs / 1000));
    const isKnown = moved === availability || (await moveAvailability(this.#pool, availability, moved));
    // Another engine was first. The previous value may be the start of the row: never keep that.
    this.#availability = isKnown ? moved : await readAvailability(this.#pool);
    this.#notedMs = watermarkMs;
  }
}
