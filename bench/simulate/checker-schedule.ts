/**
 * What must hold of changes that people make: times that have passed stay, and from when a pause or a cancellation is in
 * effect nobody is let in by any gateway until it is taken back. Shares no code with gateway and engine.
 */
import type { Announced, Checker, SeenCampaign } from './checker.ts';

/** A version of a campaign as the ledger has it, as far as it is checked. */
export interface SeenVersion {
  readonly campaignId: number;
  readonly version: number;
  readonly action: string;
  readonly state: string;
  readonly places: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
}

/** How far the clocks of gateways may be off, and that of the ledger, whose commits are what is seen. */
const SLACK_US = 60_000;

export class CheckedSchedule {
  /** The clock of Redis is set in this run: stamps, and what has passed by it, cannot be held against the ledger's clock. */
  isClockSet = false;
  readonly #seen = new Map<number, { readonly version: number; readonly shutSinceUs: number | undefined }>();

  /** A campaign was committed. Answers its terms where a version that is new in effect changes them. */
  committed(
    checker: Checker,
    campaign: SeenCampaign,
    announced: Announced,
    versions: readonly SeenVersion[],
    nowUs: number,
  ): Announced | undefined {
    const { campaignId, version } = campaign;
    const before = this.#seen.get(campaignId);
    if (before?.version === version) return undefined;
    const isShut = campaign.pausedAt !== null || campaign.stage === 'cancelled';
    this.#seen.set(campaignId, { version, shutSinceUs: isShut ? (before?.shutSinceUs ?? nowUs) : undefined });
    const row = versions.find(known => known.campaignId === campaignId && known.version === version);
    if (row === undefined || row.state !== 'effective') {
      checker.breaks(8, `campaign ${campaignId} is at version ${version}, which is not in effect`);
      return undefined;
    }
    if (before === undefined || row.action !== 'edit') return undefined;
    const terms = {
      places: row.places,
      opensAtUs: row.opensAt.getTime() * 1000,
      closesAtUs: row.closesAt.getTime() * 1000,
    };
    const passed = (was: number, is: number): boolean => was !== is && Math.min(was, is) < nowUs - SLACK_US;
    if (
      !this.isClockSet &&
      (passed(announced.opensAtUs, terms.opensAtUs) || passed(announced.closesAtUs, terms.closesAtUs))
    )
      checker.breaks(8, `version ${version} of campaign ${campaignId} changes a time that has passed`);
    return { ...announced, ...terms };
  }

  /** Somebody asked at `askedUs` and was told 202; `stampUs` is the instant of their stamp. */
  entered(checker: Checker, campaignId: number, userId: string, askedUs: number, stampUs: number): void {
    const since = this.#seen.get(campaignId)?.shutSinceUs;
    if (since === undefined || askedUs < since || this.isClockSet) return;
    if (stampUs > since + SLACK_US)
      checker.breaks(8, `${userId} entered campaign ${campaignId}, which takes nobody since ${since}`);
  }
}
