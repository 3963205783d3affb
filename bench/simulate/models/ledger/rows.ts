/** The rows of the simulated ledger (sql/migrations). */
import type { Campaign } from '../../../../sql/statements/campaigns/campaigns.ts';
import type { ClaimantState } from '../../../../sql/statements/claims/claims.ts';
import type { CouponRow as SelectedCoupon } from '../../../../sql/statements/coupons/coupons.ts';
import type { RedemptionRow as Redemption } from '../../../../sql/statements/coupons/redemptions.ts';
import type { Room } from '../../../../sql/statements/rooms/rooms.ts';

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

/** A row of campaigns; most statements select a Campaign from it. */
export interface CampaignRow
  extends Omit<Campaign, 'rulesHash' | 'draw' | 'monitors' | 'claimWithinS' | 'waitlist'> {
  /** Canonical JSON. */
  readonly rules: string | null;
  readonly nonce: Buffer | null;
  readonly randomness: Buffer | null;
  readonly signature: Buffer | null;
}

/** A scheduled action that has been done. */
export interface DoneRow {
  readonly campaignId: number;
  readonly kind: 'closing' | 'drawing';
  readonly dueAt: Date;
  readonly doneAt: Date;
  readonly told: boolean;
}

export interface AlternateRow {
  readonly campaignId: number;
  readonly waitlistPosition: number;
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
  readonly waitlistPosition: number | null;
  readonly state: ClaimantState;
  readonly serial: number | null;
  readonly offeredUs: number | null;
  readonly claimByUs: number | null;
  readonly endedUs: number | null;
  /** When the operator's early end takes effect; null if the operator has not ended the offer. */
  readonly endingUs: number | null;
  readonly endedEarly: string | null;
  readonly deadlineMoved: boolean;
  readonly moveNumber: number;
  readonly isPassedOn: boolean;
}

export interface OutageRow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly outageMs: number;
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
  readonly waitlistPosition: number;
  readonly serial: number;
}

/** A row of rooms; statements select a Room from it. */
export type RoomRow = Omit<Room, 'nowUs' | 'serviceAvailableMs'>;

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

/** Terms as flat columns, as statements select them; `used` includes lapsed holds until they are given back. */
export type CouponRow = Omit<SelectedCoupon, 'discount'> & { readonly discount: string };

/** A row of redemptions; statements select a RedemptionRow of sql/ from it. */
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

export interface DeadLetterRow {
  readonly location: string;
  readonly reason: string;
}
