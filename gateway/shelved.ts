/**
 * Campaigns on the shelf: Redis holds nothing of them any more, and what is asked is answered from the ledger, as it was
 * before. Nothing of them is kept here but what was read a moment ago, so their number costs nothing.
 */
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { toBoard } from '../engine/contract/board/board-campaign.ts';
import { claimantOf } from '../engine/contract/claimant.ts';
import { readArchiveFile } from '../sql/archives.ts';
import type { Campaign } from '../sql/campaigns.ts';
import { listShelved, readShelved, readShelvedPlaces, type ShelvedPlace } from '../sql/shelving.ts';
import { type Ledger, LedgerUnavailable } from './ledger.ts';
import { LedgerQuestions } from './ledger-questions.ts';
import type { Place } from './lookups.ts';

/** A campaign on the shelf changes only where the operator passes a prize on, or lists it no more. */
const KEPT_MS = 1_000;
const KEPT_AT_MOST = 500;
/** All that wait for one statement; more are told to ask again. */
const ASKED_AT_ONCE = 500;

interface Kept {
  readonly campaign: Promise<BoardCampaign | undefined>;
  readonly untilMs: number;
}

export class ShelvedCampaigns {
  readonly #ledger: Ledger;
  readonly #places: LedgerQuestions<ShelvedPlace>;
  readonly #kept = new Map<number, Kept>();
  #asked = new Map<number, (rows: Promise<readonly Campaign[]>) => void>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#places = new LedgerQuestions(ledger, readShelvedPlaces);
  }

  /** The campaign; undefined where none of that number is on the shelf. Rejects with LedgerUnavailable. */
  find(campaignId: number): Promise<BoardCampaign | undefined> {
    const nowMs = performance.now();
    const kept = this.#kept.get(campaignId);
    if (kept !== undefined && kept.untilMs > nowMs) return kept.campaign;
    const campaign = this.#ask(campaignId);
    this.#kept.delete(campaignId);
    this.#kept.set(campaignId, { campaign, untilMs: nowMs + KEPT_MS });
    // The one that was asked for first.
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_AT_MOST) break;
      this.#kept.delete(oldest);
    }
    campaign.catch(() => this.#kept.delete(campaignId));
    return campaign;
  }

  /** Campaigns on the shelf that are listed, with numbers above `after`. Rejects with LedgerUnavailable. */
  async list(after: number, limit: number): Promise<readonly BoardCampaign[]> {
    return (await this.#ledger.ask(db => listShelved(db, { after, limit }))).map(toBoard);
  }

  /** Where somebody stands in a campaign on the shelf; undefined without an entry. Rejects with LedgerUnavailable. */
  async place(campaign: BoardCampaign, userId: string): Promise<Place | undefined> {
    const found = await this.#places.find(campaign.campaignId, userId);
    return found && placeOf(campaign, found);
  }

  /**
   * The file that people of a campaign are in who are not found; undefined where there is none. To be asked behind `place`: the
   * ledger has noted the file before anybody left. Rejects with LedgerUnavailable.
   */
  archiveOf({ campaignId }: BoardCampaign): Promise<string | undefined> {
    return this.#ledger.ask(db => readArchiveFile(db, campaignId));
  }

  /** Those that are asked for in one turn of the event loop are one statement. */
  async #ask(campaignId: number): Promise<BoardCampaign | undefined> {
    if (this.#asked.size === 0) setImmediate(() => this.#askAll());
    if (this.#asked.size >= ASKED_AT_ONCE)
      throw new LedgerUnavailable('too many requests wait for the ledger');
    const rows = await new Promise<readonly Campaign[]>(resolve => {
      this.#asked.set(campaignId, resolve);
    });
    const row = rows.find(each => each.campaignId === campaignId);
    return row && toBoard(row);
  }

  #askAll(): void {
    const asked = this.#asked;
    this.#asked = new Map();
    const rows = this.#ledger.ask(db => readShelved(db, [...asked.keys()]));
    for (const resolve of asked.values()) resolve(rows);
  }
}

/** As Redis would tell it: see Lookups. */
function placeOf(campaign: BoardCampaign, found: ShelvedPlace): Place {
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
  };
}
