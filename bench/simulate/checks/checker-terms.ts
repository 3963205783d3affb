/**
 * What must hold of the terms of a room, which the operator sets while it is open: each version was requested, no version
 * changes or is missing, and answers stay true. Shares no code with gateway and engine.
 */
import type { Announced, RoomTerms } from './checker-rows.ts';
import type { Checks } from './checks.ts';

export interface SeenTerms extends RoomTerms {
  readonly campaignId: number;
  readonly version: number;
}

function textOf({ perSecond, capacity, paused }: RoomTerms): string {
  return `${perSecond} a second, ${capacity ?? 'all'} inside${paused ? ', paused' : ''}`;
}

export class CheckedTerms {
  readonly #ledger: () => readonly SeenTerms[];
  /** Keyed by campaign: the terms that it may have, announced or requested by the operator. */
  readonly #requested = new Map<number, Set<string>>();
  /** Keyed by campaign: how many versions there may be. Each act makes one, however often it is requested. */
  readonly #acts = new Map<number, number>();
  /** Keyed by `campaign/version`, as first seen. */
  readonly #seen = new Map<string, string>();

  constructor(announced: readonly Announced[], ledger: () => readonly SeenTerms[]) {
    this.#ledger = ledger;
    for (const { campaignId, room } of announced) {
      if (room !== undefined) this.requested(campaignId, { ...room, paused: false });
    }
  }

  requested(campaignId: number, terms: RoomTerms): void {
    const requested = this.#requested.get(campaignId) ?? new Set();
    this.#requested.set(campaignId, requested.add(textOf(terms)));
    this.#acts.set(campaignId, (this.#acts.get(campaignId) ?? 0) + 1);
  }

  /** An engine answers that these are the terms of that version. */
  told(checker: Checks, campaignId: number, version: number, terms: RoomTerms): void {
    if (!this.isTheirs(campaignId, version, terms))
      checker.breaks(
        8,
        `version ${version} of room ${campaignId} was said to be ${textOf(terms)}, and is not`,
      );
  }

  isTheirs(campaignId: number, version: number, terms: RoomTerms): boolean {
    const row = this.#of(campaignId).find(known => known.version === version);
    return row !== undefined && textOf(row) === textOf(terms);
  }

  /** A room's current terms. */
  current(campaignId: number): RoomTerms | undefined {
    return this.#of(campaignId).at(-1);
  }

  /** The ledger has committed something about a room. */
  committed(checker: Checks, campaignId: number): void {
    const versions = this.#of(campaignId);
    if (versions.length > (this.#acts.get(campaignId) ?? 0))
      checker.breaks(8, `room ${campaignId} has ${versions.length} versions, more than were asked for`);
    for (const [index, row] of versions.entries()) {
      const key = `${campaignId}/${row.version}`;
      const text = textOf(row);
      if (row.version !== index + 1)
        checker.breaks(8, `room ${campaignId} lacks a version before ${row.version}`);
      if (this.#requested.get(campaignId)?.has(text) !== true)
        checker.breaks(8, `room ${campaignId} has terms that nobody asked for: ${text}`);
      if ((this.#seen.get(key) ?? text) !== text)
        checker.breaks(
          8,
          `version ${row.version} of room ${campaignId} was ${this.#seen.get(key)}, and is ${text}`,
        );
      this.#seen.set(key, text);
    }
  }

  #of(campaignId: number): readonly SeenTerms[] {
    return this.#ledger()
      .filter(row => row.campaignId === campaignId)
      .toSorted((a, b) => a.version - b.version);
  }
}
