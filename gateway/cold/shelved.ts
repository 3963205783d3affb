/**
 * Shelved campaigns: Redis no longer holds anything of them, and the ledger answers requests as before. Only what was read a
 * moment ago is kept here, so the number of shelved campaigns costs nothing.
 */
import { claimantOf } from '../../engine/contract/campaign/claimant.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { toBoard } from '../../engine/contract/redis/board/board-campaign.ts';
import { readArchiveFile } from '../../sql/statements/campaigns/archives.ts';
import type { Campaign } from '../../sql/statements/campaigns/campaigns.ts';
import {
  listShelved,
  readShelved,
  readShelvedStandings,
  type ShelvedStanding,
} from '../../sql/statements/campaigns/shelving.ts';
import { monotonicUs } from '../clock/clock.ts';
import type { EntryStanding } from '../shared/lookups.ts';
import { type Ledger, LedgerUnavailable } from './ledger.ts';
import { LedgerQuestions } from './ledger-questions.ts';

/** A shelved campaign changes only when the operator passes a prize on or hides it from lists. */
const KEPT_MS = 1_000;
const KEPT_AT_MOST = 500;
/** The maximum number of requests per statement; more get 503. */
const ASKED_AT_ONCE = 500;

interface Kept {
  readonly campaign: Promise<BoardCampaign | undefined>;
  readonly untilMs: number;
}

export class ShelvedCampaigns {
  readonly #ledger: Ledger;
  readonly #standings: LedgerQuestions<ShelvedStanding>;
  readonly #kept = new Map<number, Kept>();
  #waiting = new Map<number, (rows: Promise<readonly Campaign[]>) => void>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#standings = new LedgerQuestions(ledger, readShelvedStandings);
  }

  /** The campaign; undefined if no shelved campaign has that number. Rejects with LedgerUnavailable. */
  find(campaignId: number): Promise<BoardCampaign | undefined> {
    const nowMs = performance.now();
    const kept = this.#kept.get(campaignId);
    if (kept !== undefined && kept.untilMs > nowMs) return kept.campaign;
    const campaign = this.#ask(campaignId);
    this.#kept.delete(campaignId);
    this.#kept.set(campaignId, { campaign, untilMs: nowMs + KEPT_MS });
    // The one requested first.
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_AT_MOST) break;
      this.#kept.delete(oldest);
    }
    campaign.catch(() => this.#kept.delete(campaignId));
    return campaign;
  }

  /** Listed shelved campaigns with numbers above `after`. Rejects with LedgerUnavailable. */
  async list(after: number, limit: number): Promise<readonly BoardCampaign[]> {
    return (await this.#ledger.ask(db => listShelved(db, { after, limit }))).map(toBoard);
  }

  /** The user's standing in a shelved campaign; undefined without an entry. Rejects with LedgerUnavailable. */
  async standing(campaign: BoardCampaign, userId: string): Promise<EntryStanding | undefined> {
    const found = await this.#standings.find(campaign.campaignId, userId);
    return found && standingOf(campaign, found);
  }

  /**
   * The archive file with the campaign's users who are no longer found; undefined if there is none. Call it after `standing`:
   * the ledger records the file before any entry leaves. Rejects with LedgerUnavailable.
   */
  archiveOf({ campaignId }: BoardCampaign): Promise<string | undefined> {
    return this.#ledger.ask(db => readArchiveFile(db, campaignId));
  }

  /** Requests of one turn of the event loop share one statement. */
  async #ask(campaignId: number): Promise<BoardCampaign | undefined> {
    if (this.#waiting.size === 0) setImmediate(() => this.#askAll());
    if (this.#waiting.size >= ASKED_AT_ONCE)
      throw new LedgerUnavailable('too many requests wait for the ledger');
    const rows = await new Promise<readonly Campaign[]>(resolve => {
      this.#waiting.set(campaignId, resolve);
    });
    const row = rows.find(each => each.campaignId === campaignId);
    return row && toBoard(row);
  }

  #askAll(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const rows = this.#ledger.ask(db => readShelved(db, [...waiting.keys()]));
    for (const resolve of waiting.values()) resolve(rows);
  }
}

/** In the form that Redis would give: see Lookups. */
function standingOf(campaign: BoardCampaign, found: ShelvedStanding): EntryStanding {
  const { stamp, rank, serial, code, isWithdrawn, claimant } = found;
  const hasClaims = campaign.claims !== undefined;
  return {
    campaign,
    stamp,
    rank,
    final: true,
    grant: hasClaims || serial === null || code === null ? undefined : { serial, code },
    claimant: hasClaims && claimant !== null ? claimantOf(claimant) : undefined,
    withdrawn: isWithdrawn,
    settled: stamp <= campaign.settledStamp,
    // A shelved standing no longer changes.
    lookedUpUs: monotonicUs(),
  };
}
