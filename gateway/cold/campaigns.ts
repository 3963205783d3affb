/** GET /v1/campaigns and /v1/campaigns/{id}: the campaigns, from the gateway's copy of the board. */
import type { HttpRequest } from 'uWebSockets.js';
import { isoOfUs } from '../../engine/contract/api/instants.ts';
import { pageOf } from '../../engine/contract/api/page.ts';
import { type FieldFault, fieldFault } from '../../engine/contract/api/problem.ts';
import { campaignStateAt } from '../../engine/contract/campaign/campaign-state.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { type SharedClock, shownUs } from '../clock/clock.ts';
import type { CampaignList, CampaignView } from '../http/contract/campaigns.ts';
import { MAX_CAMPAIGN_ID } from '../http/contract/fields.ts';
import { ANSWERED, type Reply } from '../http/reply.ts';
import {
  type CampaignLookupParts,
  campaignOf,
  type RefusalParts,
  readCampaignId,
  refuseInvalid,
} from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import { LedgerUnavailable } from './ledger.ts';
import type { ShelvedCampaigns } from './shelved.ts';

interface NowParts {
  readonly clock: Pick<SharedClock, 'synchronised' | 'now'>;
}

export interface CampaignParts extends CampaignLookupParts, NowParts {}

export interface CampaignListParts extends RefusalParts, NowParts {
  readonly board: Pick<Board, 'campaigns' | 'mayBeShelved'>;
  readonly shelved: Pick<ShelvedCampaigns, 'list'>;
}

const LIMIT = 100;

export function campaignView(campaign: BoardCampaign, nowUs: number): CampaignView {
  const { campaignId: id, kind, title, stock } = campaign;
  return {
    id,
    kind,
    title,
    ...(kind === 'coupon' ? { stock } : {}),
    ...(kind === 'raffle' ? { winners: stock } : {}),
    opens_at: isoOfUs(campaign.opensAtUs),
    closes_at: isoOfUs(campaign.closesAtUs),
    ...(campaign.drawsAtUs === undefined ? {} : { draws_at: isoOfUs(campaign.drawsAtUs) }),
    ...(campaign.timeZone === undefined ? {} : { time_zone: campaign.timeZone }),
    status: statusOf(campaign, nowUs),
    ...(campaign.notice === undefined ? {} : { notice: campaign.notice }),
    settled: campaign.settledCount,
    granted: campaign.granted,
    ...claimsOf(campaign),
    ...(campaign.rulesHash === undefined ? {} : { rules_hash: campaign.rulesHash }),
    ...(campaign.poolRoot === undefined ? {} : { pool_root: campaign.poolRoot }),
    ...(campaign.randomness === undefined ? {} : { randomness: campaign.randomness }),
    ...(campaign.monitors === undefined ? {} : { monitors: campaign.monitors }),
    ...(campaign.room === undefined ? {} : { room: roomView(campaign.room) }),
  };
}

function claimsOf({ claims, kind }: BoardCampaign): Partial<CampaignView> {
  if (claims === undefined) return {};
  const common = { claim_within_s: claims.withinS, waitlisted: claims.waitlisted };
  return kind === 'coupon' ? { ...common, waitlist: claims.waitlist } : common;
}

function roomView({ perSecond, capacity, paused }: NonNullable<BoardCampaign['room']>) {
  return { per_second: perSecond, capacity, paused };
}

/** The state that operators see, with two differences: archiving does not change it, and an open coupon may be `sold_out`. */
function statusOf(campaign: BoardCampaign, nowUs: number): CampaignView['status'] {
  const { cancelledStamp, finished, paused, opensAtUs, closesAtUs, soldOut } = campaign;
  const stage = cancelledStamp === undefined ? 'scheduled' : 'cancelled';
  const facts = {
    stage,
    isFinished: finished,
    isPaused: paused !== undefined,
    opensAtUs,
    closesAtUs,
  } as const;
  const state = campaignStateAt(facts, nowUs);
  return state === 'open' && soldOut ? 'sold_out' : state;
}

export async function getCampaign(parts: CampaignParts, reply: Reply, req: HttpRequest): Promise<void> {
  const idText = req.getParameter(0);
  const id = readCampaignId(parts, reply, idText);
  if (id === ANSWERED) return;
  const campaign = await campaignOf(parts, reply, id);
  if (campaign !== ANSWERED) reply.json(200, JSON.stringify(campaignView(campaign, shownUs(parts.clock))));
}

/**
 * Lists campaigns in order of number, including shelved ones. If the ledger cannot list those, the answer has the others and
 * says `partial`: pages on which people queue need no more.
 */
export async function listCampaigns(parts: CampaignListParts, reply: Reply, req: HttpRequest): Promise<void> {
  const after = readWhole('after', req.getQuery('after'), 0, 0, MAX_CAMPAIGN_ID);
  const limit = readWhole('limit', req.getQuery('limit'), LIMIT, 1, LIMIT);
  if (typeof after !== 'number' || typeof limit !== 'number') {
    const faults = [after, limit].filter(value => typeof value !== 'number');
    refuseInvalid(parts, reply, faults);
    return;
  }
  const shelved = await listShelved(parts, after, limit + 1);
  const shown = parts.board
    .campaigns()
    .filter(campaign => campaign.campaignId > after && campaign.archived === undefined);
  const isShown = new Set(shown.map(({ campaignId }) => campaignId));
  const rest = [...shown, ...(shelved ?? []).filter(({ campaignId }) => !isShown.has(campaignId))].sort(
    (a, b) => a.campaignId - b.campaignId,
  );
  const { rows, next } = pageOf(rest, limit, ({ campaignId }) => campaignId);
  const now = shownUs(parts.clock);
  const answer: CampaignList = {
    campaigns: rows.map(campaign => campaignView(campaign, now)),
    next,
    ...(shelved === undefined ? { partial: true } : {}),
  };
  reply.json(200, JSON.stringify(answer));
}

/** Undefined if there may be shelved campaigns and the ledger does not answer. */
async function listShelved(
  { board, shelved }: CampaignListParts,
  after: number,
  limit: number,
): Promise<readonly BoardCampaign[] | undefined> {
  if (!board.mayBeShelved(after + 1)) return [];
  try {
    return await shelved.list(after, limit);
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    return undefined;
  }
}

function readWhole(
  name: string,
  text: string | undefined,
  fallback: number,
  from: number,
  to: number,
): number | FieldFault {
  if (text === undefined || text === '') return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  return value >= from && value <= to
    ? value
    : fieldFault(name, text, `a whole number from ${from} to ${to}`);
}
