/**
 * The plan that a seed stands for: the numbers of everything, the requests of users and their times, and the faults. A plan is
 * data, so a failing one can be shrunk and run again (shrink.ts). Random choices during the run come from the seed as well.
 */
import type { Announced, RoomTerms } from '../checks/checker-rows.ts';
import type { Failpoint } from '../kernel/world.ts';
import type { Shop } from './shopping.ts';

/** A change of a campaign; times in ms from the beginning. */
export interface Operation {
  readonly action: 'pause' | 'resume' | 'cancel' | 'edit' | 'raise';
  readonly opensAtMs?: number;
  readonly closesAtMs?: number;
  /** null: at the close. */
  readonly drawsAtMs?: number | null;
  readonly stock?: number;
}

/** An action of a user or of the operator. */
export interface Ask {
  readonly atMs: number;
  readonly what: 'enter' | 'withdraw' | 'look' | 'close' | 'change' | 'set room' | 'end offer';
  /** The operator's change of a campaign. */
  readonly operation?: Operation;
  /** The terms that the operator sets for a room. */
  readonly terms?: RoomTerms;
  /** The serial of the offer that the operator ends. */
  readonly serial?: number;
  /** The operator does not repeat an unanswered request to end an offer. */
  readonly asksOnce?: boolean;
  readonly userId: string;
  readonly campaignId: number;
  /** The gateway that gets the request first; for the end of an offer, the engine. */
  readonly gateway: number;
  readonly bodyAfterMs: number | undefined;
  /** How long ago the proxy received it, as the proxy notes; undefined if it notes nothing. */
  readonly onTheWayMs: number | undefined;
  /** A user who has entered opens a stream, and keeps it until the outcome. */
  readonly watches: boolean;
  /** How long after learning of an offer a watcher claims it; undefined for never. */
  readonly claimsAfterMs: number | undefined;
  /** How long after the acceptance the user opens the stream. */
  readonly watchesAfterMs: number;
  /** All faults are over by then: users repeat their requests until they are answered, and they are. */
  readonly isLate?: boolean;
}

/**
 * Kinds of faults with their frequencies, in parts of the sum; those with 0 are drawn elsewhere (rare-faults.ts, ambushes.ts).
 */
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
  'cycles are long': 0,
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  /** The gateway crashes or pauses when it next reaches this failpoint; undefined: at once. */
  readonly failpoint: Failpoint | undefined;
  readonly forMs: number;
  /** Which gateway, engine or path, modulo their number. */
  readonly target: number;
  /** The size of the fault: ms for clocks, slow paths, late answers and leases; hundredths for lossy paths and repeats. */
  readonly amount: number;
}

export interface Plan {
  readonly seed: number;
  readonly gateways: number;
  readonly engines: number;
  readonly partitions: number;
  readonly maxSliceEntries: number;
  readonly leaseMs: number;
  /** How long a gateway waits for the log's answer. */
  readonly appendTimeoutMs: number;
  /** How many entries of a projection are ranked at once; undefined for as many as in production. */
  readonly rankedAtOnce: number | undefined;
  /** How many decisions about claimants one transaction takes; undefined for as many as in production. */
  readonly claimsAtOnce: number | undefined;
  /** How many people leave, return or end their visit in one transaction, and how many holds end in one; likewise. */
  readonly movesAtOnce: number | undefined;
  /** How many drawn entrants of a raffle are written in one transaction; likewise. */
  readonly drawnAtOnce: number | undefined;
  /** From how many campaigns on engines share settling and publishing; likewise. */
  readonly sharedFrom: number | undefined;
  /** REQUEST_START_WAIT_MS; 0 if no proxy is trusted. */
  readonly waitMs: number;
  /** CLOCK_STOP_MS. It is small in plans that set a clock: smaller errors go unnoticed. */
  readonly clockStopMs: number;
  readonly signs: boolean;
  /** Whether gateways remember entrants: in most seeds they do not and log everything, so that more can go wrong. */
  readonly remembers: boolean;
  /** How far the rates of the processes' clocks are off, as a fraction of one. */
  readonly drift: number;
  readonly campaigns: readonly Announced[];
  readonly asks: readonly Ask[];
  readonly faults: readonly Fault[];
  readonly shop: Shop;
  /** How long after its end a campaign leaves Redis; undefined: never. */
  readonly shelveAfterMs: number | undefined;
}
