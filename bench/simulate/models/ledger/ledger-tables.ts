/** The tables of the simulated ledger (sql/migrations). */
import type { SliceRow } from '../../../../sql/statements/books/slices.ts';
import type { Version } from '../../../../sql/statements/campaigns/campaign-versions.ts';
import type { ShopRequest } from '../../../../sql/statements/coupons/redemptions.ts';
import type { Availability } from '../../../../sql/statements/progress/availability.ts';
import type { ClockTrust } from '../../../../sql/statements/progress/clock.ts';
import type { GatewayRow } from '../../../../sql/statements/progress/gateways.ts';
import type { PresencePosition } from '../../../../sql/statements/rooms/presence.ts';
import type {
  AlternateRow,
  CampaignRow,
  ClaimantRow,
  ClaimRow,
  CouponRow,
  DeadLetterRow,
  DoneRow,
  EntryRow,
  GrantRow,
  LogWriterRow,
  MoveRow,
  OutageRow,
  PassedOnRow,
  PersonRow,
  PositionRow,
  ProofRow,
  RedemptionRow,
  RefundRow,
  RoomMoveRow,
  RoomRow,
  RoomTermsRow,
  UseRow,
  WithdrawalRow,
} from './rows.ts';
import { Table } from './table.ts';

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
  readonly availability = new Table<Availability>();
  readonly outages = new Table<OutageRow>();
  readonly deadLetters = new Table<DeadLetterRow>();
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
  /** Sequences are outside of transactions. */
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
