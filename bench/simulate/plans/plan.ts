/**
 * What a seed stands for: how many of everything there are, what people ask for and when, and what goes wrong. A plan
 * is data, so a failing one can be made smaller and run again (shrink.ts); what is left to chance while it runs comes
 * from the seed as well.
 */
import type { Announced, RoomTerms } from '../checks/checker-rows.ts';
import type { Place } from '../kernel/world.ts';
import type { Shop } from './shopping.ts';

/** A change of a campaign; times in ms from the beginning. */
export interface Operation {
  readonly action: 'pause' | 'resume' | 'cancel' | 'edit';
  readonly opensAtMs?: number;
  readonly closesAtMs?: number;
  /** null: at the close. */
  readonly drawsAtMs?: number | null;
  readonly stock?: number;
}

/** Something a person, or the operator, does. */
export interface Ask {
  readonly atMs: number;
  readonly what: 'enter' | 'withdraw' | 'look' | 'close' | 'change' | 'set room' | 'end offer';
  /** What the operator changes. */
  readonly operation?: Operation;
  /** And what of a room. */
  readonly terms?: RoomTerms;
  /** Of the offer that the operator ends. */
  readonly serial?: number;
  /** Whoever ends it does not ask again when that is not answered. */
  readonly asksOnce?: boolean;
  readonly userId: string;
  readonly campaignId: number;
  /** Which gateway is asked first; of an offer that is ended, which engine. */
  readonly gateway: number;
  readonly bodyAfterMs: number | undefined;
  /** How long it was on its way from the proxy, as that notes it; undefined where it notes nothing. */
  readonly onTheWayMs: number | undefined;
  /** Who has entered opens a stream, and holds on to it until the outcome. */
  readonly watches: boolean;
  /** So long after an offer is heard of, who watches claims it; undefined: never. */
  readonly claimsAfterMs: number | undefined;
  /** So long after it was accepted they open it. */
  readonly watchesAfterMs: number;
  /** All is healed by then: they ask until they are answered, and are. */
  readonly isLate?: boolean;
}

/** Each with how often it is chosen, in parts of all; what has none is drawn by itself (rare-faults.ts, ambushes.ts). */
export const FAULT_KINDS = {
  'gateway crashes': 5,
  'gateway stops': 3,
  'gateway pauses': 6,
  'gateway is suspended': 4,
  'engine crashes': 3,
  'engine pauses': 4,
  'engine is suspended': 2,
  'partitions move': 2,
  'Redis restarts': 3,
  'Redis falls back': 3,
  'Redis is emptied': 3,
  'two Redis take writes': 3,
  'clock of Redis is set': 2,
  'log is gone': 2,
  'records repeat': 2,
  'Postgres restarts': 2,
  'way is cut': 4,
  'way is slow': 6,
  'way is lossy': 3,
  'one has another lease length': 0,
  'lease length is changed': 0,
  'answers of the log are late': 0,
  'connections to Redis are lost': 0,
  "an engine's Redis is slow": 0,
  'clock of Postgres is set': 0,
  'clock of Postgres goes wrong': 0,
  "an engine's own clock jumps": 0,
  'passes are long': 0,
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  /** A gateway crashes or pauses when it next comes there; undefined for at once. */
  readonly place: Place | undefined;
  readonly forMs: number;
  /** Which gateway, engine or way; taken modulo how many there are. */
  readonly target: number;
  /** How much: of a clock, a slow way, a late answer or a lease in ms, of a lossy way or of repeats in hundredths. */
  readonly amount: number;
}

export interface Plan {
  readonly seed: number;
  readonly gateways: number;
  readonly engines: number;
  readonly partitions: number;
  readonly maxSliceEntries: number;
  readonly leaseMs: number;
  /** How long a gateway waits for an answer of the log. */
  readonly appendTimeoutMs: number;
  /** How many entries of a projection are ranked at once; undefined for as many as in production. */
  readonly rankedAtOnce: number | undefined;
  /** How much is decided about claimants in one transaction; undefined for as much as in production. */
  readonly claimsAtOnce: number | undefined;
  /** How many people leave, come back or are over in one, and how many holds end in one; likewise. */
  readonly movesAtOnce: number | undefined;
  /** How many of those drawn in a raffle are written in one; likewise. */
  readonly drawnAtOnce: number | undefined;
  /** From how many campaigns on engines share what is to be settled and published; likewise. */
  readonly sharedFrom: number | undefined;
  /** REQUEST_START_WAIT_MS; 0 where no proxy is trusted. */
  readonly waitMs: number;
  /** CLOCK_STOP_MS. Where a clock is set, it is small: by less than that nobody notices. */
  readonly clockStopMs: number;
  readonly signs: boolean;
  /** Whether gateways remember who has entered: most seeds have it all logged, so that there is more to go wrong. */
  readonly remembers: boolean;
  /** How far the rates of the processes' clocks are off, parts of one. */
  readonly drift: number;
  readonly campaigns: readonly Announced[];
  readonly asks: readonly Ask[];
  readonly faults: readonly Fault[];
  readonly shop: Shop;
  /** So long after its end a campaign leaves Redis; undefined: never. */
  readonly shelveAfterMs: number | undefined;
}
