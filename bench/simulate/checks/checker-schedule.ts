/**
 * What must hold of operators' changes: times that have passed stay, and once a pause or a cancellation is in effect, no
 * gateway admits anybody until the pause ends. Shares no code with gateway and engine.
 */
import type { Announced, SeenCampaign } from './checker-rows.ts';
import type { Checks } from './checks.ts';

/** The checked columns of a version of a campaign. */
export interface SeenVersion {
  readonly campaignId: number;
  readonly version: number;
  readonly action: string;
  readonly state: string;
  readonly stock: number;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly drawsAt: Date | null;
}

/** How far the clocks of gateways may be off, and the clock of the ledger, whose commits are observed. */
const SLACK_US = 60_000;

interface Entered {
  readonly campaignId: number;
  readonly userId: string;
  readonly askedUs: number;
  /** The instant of the stamp. */
  readonly stampUs: number;
}

interface SeenSchedule {
  readonly version: number;
  readonly shutSinceUs: number | undefined;
  /** The terms of that version, even if the campaign was closed early. */
  readonly terms: ReturnType<typeof termsOf> | undefined;
}

export class CheckedSchedule {
  readonly #seen = new Map<number, SeenSchedule>();
  /** Keyed by `campaign/user`: when the user first requested to enter. That request may lead to an entry, however late. */
  readonly #firstAskedUs = new Map<string, number>();

  /** A campaign was committed. Returns its terms if a version that has just taken effect changes them. */
  committed(
    checker: Checks,
    {
      campaign,
      before: rowBefore,
    }: { readonly campaign: SeenCampaign; readonly before: SeenCampaign | undefined },
    announced: Announced,
    versions: readonly SeenVersion[],
    nowUs: number,
  ): Announced | undefined {
    const { campaignId, version } = campaign;
    const before = this.#seen.get(campaignId);
    if (before?.version === version) return undefined;
    const isShut = campaign.pausedAt !== null || campaign.stage === 'cancelled';
    const row = versions.find(known => known.campaignId === campaignId && known.version === version);
    const shutSinceUs = isShut ? (before?.shutSinceUs ?? nowUs) : undefined;
    this.#seen.set(campaignId, { version, shutSinceUs, terms: row && termsOf(row) });
    if (row === undefined || row.state !== 'effective') {
      checker.breaks(8, `campaign ${campaignId} is at version ${version}, which is not in effect`);
      return undefined;
    }
    if (before === undefined) return undefined;
    if (row.action === 'raise') return raised(checker, announced, row, rowBefore);
    if (row.action !== 'edit') return undefined;
    const was = { ...announced, ...before.terms };
    const changed = { ...announced, ...termsOf(row) };
    // A time that has passed on a wrong clock counts as passed if the error is too small to be noticed.
    const latestUs = nowUs - SLACK_US - checker.clockOffUs;
    const passed = (from: number, to: number): boolean => from !== to && Math.min(from, to) < latestUs;
    // An early close stands, whatever close the ledger settles by until all gateways know of it.
    const isCloseMoved = rowBefore === undefined || admissionEndsMs(rowBefore) !== admissionEndsMs(campaign);
    const isDrawMoved = changed.drawsAtUs !== was.drawsAtUs;
    // A drawing without its own time was due at the close, that is, the close that gateways were told.
    const closedUs = rowBefore === undefined ? was.closesAtUs : admissionEndsMs(rowBefore) * 1000;
    if (
      passed(was.opensAtUs, changed.opensAtUs) ||
      (isCloseMoved && passed(was.closesAtUs, changed.closesAtUs)) ||
      (isDrawMoved && passed(was.drawsAtUs ?? closedUs, drawingOf(changed)))
    )
      checker.breaks(8, `version ${version} of campaign ${campaignId} changes a time that has passed`);
    return changed;
  }

  /** A user requests to enter. */
  requested(campaignId: number, userId: string, nowUs: number): void {
    const key = `${campaignId}/${userId}`;
    if (!this.#firstAskedUs.has(key)) this.#firstAskedUs.set(key, nowUs);
  }

  firstAskedUs(campaignId: number, userId: string): number | undefined {
    return this.#firstAskedUs.get(`${campaignId}/${userId}`);
  }

  /** A user gets 202: never if the campaign was shut at the first request or at the time of the stamp. */
  entered(checker: Checks, { campaignId, userId, askedUs, stampUs }: Entered): void {
    const since = this.#seen.get(campaignId)?.shutSinceUs;
    if (since === undefined || askedUs < since) return;
    const firstUs = this.#firstAskedUs.get(`${campaignId}/${userId}`) ?? askedUs;
    if (firstUs >= since || stampUs > since + SLACK_US + 2 * checker.clockOffUs)
      checker.breaks(8, `${userId} entered campaign ${campaignId}, which takes nobody since ${since}`);
  }
}

/** A stock is raised and never lowered, of coupons alone, and before every outcome is final. */
function raised(
  checker: Checks,
  announced: Announced,
  { campaignId, version, stock }: SeenVersion,
  before: SeenCampaign | undefined,
): Announced {
  const isInTime = before !== undefined && before.finishedAt === null && before.cancelledStamp === null;
  if (announced.kind !== 'coupon' || stock <= announced.stock || !isInTime)
    checker.breaks(8, `version ${version} raises the stock of campaign ${campaignId} to ${stock}`);
  return { ...announced, stock };
}

function termsOf({ stock, opensAt, closesAt, drawsAt }: SeenVersion) {
  return {
    stock,
    opensAtUs: opensAt.getTime() * 1000,
    closesAtUs: closesAt.getTime() * 1000,
    drawsAtUs: drawsAt === null ? undefined : drawsAt.getTime() * 1000,
  };
}

function admissionEndsMs({ closingAt, closesAt }: Pick<SeenCampaign, 'closingAt' | 'closesAt'>): number {
  return (closingAt ?? closesAt).getTime();
}

function drawingOf({ drawsAtUs, closesAtUs }: Announced): number {
  return drawsAtUs ?? closesAtUs;
}
