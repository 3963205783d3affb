/** The checker's view of the ledger. */
import type { SeenCampaign, SeenClaimant, SeenPerson } from './checker-rows.ts';
import type { SeenVersion } from './checker-schedule.ts';
import type { SeenShop } from './checker-shop.ts';
import type { SeenTerms } from './checker-terms.ts';

/** The committed rows of the ledger. */
export interface SeenLedger {
  campaigns(): readonly SeenCampaign[];
  versions(): readonly SeenVersion[];
  entries(): readonly { readonly campaignId: number; readonly userId: string; readonly stamp: number }[];
  grants(): readonly { readonly campaignId: number; readonly serial: number; readonly userId: string }[];
  withdrawals(): readonly {
    readonly campaignId: number;
    readonly userId: string;
    readonly honoured: boolean | null;
  }[];
  claimants(): readonly SeenClaimant[];
  people(): readonly SeenPerson[];
  readonly shop: SeenShop;
  /** All versions of the terms of rooms. */
  roomTerms(): readonly SeenTerms[];
  deadLetters(): readonly { readonly location: string; readonly reason: string }[];
  alternates(): readonly {
    readonly campaignId: number;
    readonly waitlistPosition: number;
    readonly userId: string;
  }[];
  slices(): readonly {
    readonly gateway: number;
    readonly incarnation: number;
    readonly sliceNumber: number;
    readonly signedHead: Buffer;
  }[];
}
