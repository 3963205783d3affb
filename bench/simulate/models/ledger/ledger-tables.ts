/** What the simulated ledger holds (sql/migrations), and what every statement receives. */
import type { SliceRow } from '../../../../sql/statements/books/slices.ts';
import type { Version } from '../../../../sql/statements/campaigns/campaign-versions.ts';
import type { Campaign } from '../../../../sql/statements/campaigns/campaigns.ts';
import type { ClaimantState } from '../../../../sql/statements/claims/claims.ts';
import type { CouponRow as SelectedCoupon } from '../../../../sql/statements/coupons/coupons.ts';
import type {
  RedemptionRow as Redemption,
  ShopRequest,
} from '../../../../sql/statements/coupons/redemptions.ts';
import type { Heard } from '../../../../sql/statements/progress/availability.ts';
import type { ClockTrust } from '../../../../sql/statements/progress/clock.ts';
import type { GatewayRow } from '../../../../sql/statements/progress/gateways.ts';
import type { PresencePosition } from '../../../../sql/statements/rooms/presence.ts';
import type { Room } from '../../../../sql/statements/rooms/rooms.ts';
import { Table, type Transaction } from './table.ts';

export interface EntryRow {
  readonly campaignId: number;
  readonly userId: string;
  readonly stamp: number;
}

export interface GrantRow {
  readonly campaignId: number;
  readonly serial: number;
  readonly userId: string;
  readonly code: string;
}

export interface WithdrawalRow extends EntryRow {
  readonly honoured: boolean | null;
  readonly goneNumber: number | null;
}

/** A row of campaigns; a Campaign is what most statements select of it. */
export interface CampaignRow
  extends Omit<Campaign, 'rulesHash' | 'draw' | 'monitors' | 'claimWithinS' | 'waitlist'> {
  /** Canonical JSON. */
  readonly rules: string | null;
  readonly nonce: Buffer | null;
  readonly randomness: Buffer | null;
  readonly signature: Buffer | null;
}

/** What was scheduled and has been done. */
export interface DoneRow {
  readonly campaignId: number;
  readonly kind: 'closing' | 'drawing';
  readonly dueAt: Date;
  readonly doneAt: Date;
  readonly told: boolean;
}

export interface AlternateRow {
  readonly campaignId: number;
  readonly place: number;
  readonly userId: string;
}

/** A part of the proof of a draw. */
export interface ProofRow {
  readonly campaignId: number;
  readonly part: number;
}

export interface ClaimRow extends EntryRow {
  readonly decided: boolean;
}

export interface ClaimantRow {
  readonly campaignId: number;
  readonly number: number;
  readonly userId: string;
  readonly place: number | null;
  readonly state: ClaimantState;
  readonly serial: number | null;
  readonly offeredUs: number | null;
  readonly claimByUs: number | null;
  readonly endedUs: number | null;
  /** When the operator's early end takes effect; null where the operator has ended nothing. */
  readonly endingUs: number | null;
  readonly endedEarly: string | null;
  readonly deadlineMoved: boolean;
  readonly moveNumber: number;
  readonly isPassedOn: boolean;
}

export interface OutageRow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly unheardMs: number;
}

export interface MoveRow {
  readonly campaignId: number;
  readonly moveNumber: number;
  readonly number: number;
  readonly state: ClaimantState | 'deadline';
  readonly serial: number | null;
  readonly atUs: number;
}

export interface PassedOnRow {
  readonly campaignId: number;
  readonly place: number;
  readonly serial: number;
}

/** A row of rooms; a Room is what statements select of it. */
export type RoomRow = Omit<Room, 'nowUs' | 'serviceHeardMs' | 'aheadMs'>;

export type RoomTermsRow = Pick<RoomRow, 'campaignId' | 'version' | 'perSecond' | 'capacity' | 'paused'>;

export interface PersonRow {
  readonly campaignId: number;
  readonly userId: string;
  readonly stamp: number | null;
  readonly state: string;
  readonly incarnations: readonly number[];
  readonly absentSinceMs: number | null;
  readonly serial: number | null;
  readonly admittedUs: number | null;
  readonly dueMs: number | null;
}

export interface RoomMoveRow {
  readonly campaignId: number;
  readonly goneNumber: number;
  readonly userId: string;
  readonly move: 'gone' | 'back' | 'returned';
}

/** Terms as flat columns, as statements select them; `used` includes lapsed holds until somebody gives them back. */
export type CouponRow = Omit<SelectedCoupon, 'discount'> & { readonly discount: string };

/** A row of redemptions; a RedemptionRow of sql/ is what statements select of it. */
export type RedemptionRow = Omit<Redemption, 'uses' | 'refunds'>;

export interface UseRow {
  readonly redemptionId: number;
  readonly couponId: number;
  readonly code: string;
  readonly userId: string;
  readonly heldUntil: Date | null;
  readonly givenBackAt: Date | null;
}

export interface RefundRow {
  readonly redemptionId: number;
  readonly refundNumber: number;
  /** JSON. */
  readonly refund: string;
  readonly refundedAt: Date;
}

export interface PositionRow {
  readonly logName: string;
  readonly partition: number;
  readonly position: string;
}

export interface LogWriterRow {
  readonly logName: string;
  readonly token: string;
  readonly gateway: number;
  readonly epoch: number;
  readonly isRetired: boolean;
}

export interface SetAsideRow {
  readonly place: string;
  readonly reason: string;
}

export class LedgerTables {
  readonly campaigns = new Table<CampaignRow>();
  readonly versions = new Table<Version>();
  readonly done = new Table<DoneRow>();
  readonly entries = new Table<EntryRow>();
  readonly grants = new Table<GrantRow>();
  readonly withdrawals = new Table<WithdrawalRow>();
  readonly gateways = new Table<GatewayRow>();
  readonly positions = new Table<PositionRow>();
  readonly watermarks = new Table<{ readonly watermarkUs: number; readonly epoch: number }>();
  readonly logWriters = new Table<LogWriterRow>();
  readonly clockTrusts = new Table<ClockTrust>();
  readonly hearing = new Table<Heard>();
  readonly outages = new Table<OutageRow>();
  readonly setAside = new Table<SetAsideRow>();
  readonly alternates = new Table<AlternateRow>();
  readonly proofs = new Table<ProofRow>();
  readonly claims = new Table<ClaimRow>();
  readonly claimants = new Table<ClaimantRow>();
  readonly moves = new Table<MoveRow>();
  readonly passedOn = new Table<PassedOnRow>();
  readonly rooms = new Table<RoomRow>();
  readonly roomTerms = new Table<RoomTermsRow>();
  readonly people = new Table<PersonRow>();
  readonly roomMoves = new Table<RoomMoveRow>();
  readonly presenceLog = new Table<PresencePosition>();
  readonly presenceGateways = new Table<{ readonly incarnation: number }>();
  readonly slices = new Table<SliceRow>();
  readonly coupons = new Table<CouponRow>();
  readonly redemptions = new Table<RedemptionRow>();
  readonly uses = new Table<UseRow>();
  readonly refunds = new Table<RefundRow>();
  readonly shopRequests = new Table<ShopRequest>();
  /** Sequences belong to no transaction. */
  campaignSequence = 0;
  epochSequence = 0;
  couponSequence = 0;
  redemptionSequence = 0;
  trustSequence = 0;
  /** The wall clock of the server. */
  now: () => Date;

  constructor(now: () => Date) {
    this.now = now;
  }
}

export interface Result {
  readonly rows: readonly unknown[];
  readonly rowCount: number;
}

export type Statement = (tables: LedgerTables, by: Transaction, values: Values) => Result;

export const NOTHING: Result = { rows: [], rowCount: 0 };

export function rowsOf(rows: readonly unknown[]): Result {
  return { rows, rowCount: rows.length };
}

export function changed(rowCount: number): Result {
  return { rows: [], rowCount };
}

export const FOREIGN_KEY_VIOLATION = '23503';
export const UNIQUE_VIOLATION = '23505';
export const CHECK_VIOLATION = '23514';

/** A broken constraint: `code` is PostgreSQL's SQLSTATE, `table` and `constraint` name what was broken. */
export class ConstraintError extends Error {
  readonly code: string;
  readonly table: string;
  readonly constraint: string;

  constructor(code: string, table: string, constraint: string) {
    super(`${table} breaks the constraint ${constraint}`);
    this.code = code;
    this.table = table;
    this.constraint = constraint;
  }
}

/** The parameters of a statement, $1 being the first, read as the types that the statement takes them for. */
export class Values {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  raw(number: number): unknown {
    return this.#values[number - 1];
  }

  number(number: number): number {
    const value = this.raw(number);
    if (typeof value !== 'number') throw new TypeError(`$${number} is ${String(value)}, not a number`);
    return value;
  }

  optional(number: number): number | null {
    return this.raw(number) === null ? null : this.number(number);
  }

  text(number: number): string {
    const value = this.raw(number);
    if (typeof value !== 'string') throw new TypeError(`$${number} is ${String(value)}, not a text`);
    return value;
  }

  date(number: number): Date {
    const value = this.raw(number);
    if (!(value instanceof Date)) throw new TypeError(`$${number} is ${String(value)}, not a time`);
    return value;
  }

  bytes(number: number): Buffer {
    const value = this.raw(number);
    if (!Buffer.isBuffer(value)) throw new TypeError(`$${number} is ${String(value)}, not bytes`);
    return value;
  }

  /** A bigint[] in binary format; sql/statements/arrays.ts describes the bytes. */
  numbers(number: number): number[] {
    return readArray(
      this.bytes(number),
      (bytes, from) => bytes.readUInt32BE(from) * 4_294_967_296 + bytes.readUInt32BE(from + 4),
    );
  }

  optionalText(number: number): string | null {
    return this.raw(number) === null ? null : this.text(number);
  }

  optionalDate(number: number): Date | null {
    return this.raw(number) === null ? null : this.date(number);
  }

  flag(number: number): boolean {
    return this.raw(number) === true;
  }

  optionalBytes(number: number): Buffer | null {
    return this.raw(number) === null ? null : this.bytes(number);
  }

  /** A bytea[]. */
  buffers(number: number): Buffer[] {
    return readArray(this.bytes(number), (bytes, from, to) => Buffer.from(bytes.subarray(from, to)));
  }

  texts(number: number): string[] {
    return readArray(this.bytes(number), (bytes, from, to) => bytes.toString('utf8', from, to));
  }
}

function readArray<T>(bytes: Buffer, read: (bytes: Buffer, from: number, to: number) => T): T[] {
  const elements: T[] = [];
  if (bytes.readInt32BE(0) === 0) return elements;
  let at = 20;
  for (let left = bytes.readInt32BE(12); left > 0; left--) {
    const length = bytes.readInt32BE(at);
    elements.push(read(bytes, at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}
