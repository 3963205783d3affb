/**
 * Which users have a stream: as their clients see it, at gateways that serve, and as the ledger knows. Shares no code with
 * gateway and engine.
 */
import type { SeenPerson } from './checker-rows.ts';

/** The gateway of a stream. A gateway that does not serve reports no streams. */
export interface SeenGateway {
  /** The end of its last pause that was long enough for the gateway to look dead. */
  readonly stoodUntilUs: number;
  /** Since when it serves under its current identity; undefined while it does not serve. */
  readonly servesFromUs: number | undefined;
  /** When it last stopped serving, if it had served before. */
  readonly servedUntilUs: number | undefined;
}

/** An opened stream reaches the ledger within this time: a report and a cycle. */
export const REPORT_US = 400_000;

interface Seen {
  readonly isThere: boolean;
  /** Since when they are present, or absent. */
  readonly sinceUs: number | undefined;
  /** For users who are present: since when they had been absent before; undefined if this is their first stream. */
  readonly awayFromUs: number | undefined;
}

/** Which users have a stream, as their clients see it. */
export class Streams {
  readonly #open = new Map<string, Set<SeenGateway>>();
  /** Since when the user has a stream, or has none. */
  readonly #sinceUs = new Map<string, number>();
  readonly #openedUs = new Map<string, number>();
  readonly #awayFromUs = new Map<string, number | undefined>();

  opened(campaignId: number, userId: string, nowUs: number, gateway: SeenGateway): void {
    const key = `${campaignId}/${userId}`;
    const open = this.#open.get(key) ?? new Set();
    if (open.size === 0) {
      this.#awayFromUs.set(key, this.#sinceUs.get(key));
      this.#sinceUs.set(key, nowUs);
      this.#openedUs.set(key, nowUs);
    }
    this.#open.set(key, open.add(gateway));
  }

  closed(campaignId: number, userId: string, nowUs: number, gateway: SeenGateway): void {
    const key = `${campaignId}/${userId}`;
    const open = this.#open.get(key);
    const { isThere, sinceUs } = this.of(campaignId, userId);
    if (open?.delete(gateway) !== true || open.size > 0) return;
    // Otherwise no gateway had reported that stream, or reported it any more: the ledger cannot know since when.
    if (isThere && sinceUs !== undefined && nowUs - sinceUs > REPORT_US) this.#sinceUs.set(key, nowUs);
    else this.#sinceUs.delete(key);
  }

  /** When the user last opened a stream while having no other. */
  openedUs(campaignId: number, userId: string): number | undefined {
    return this.#openedUs.get(`${campaignId}/${userId}`);
  }

  of(campaignId: number, userId: string): Seen {
    const key = `${campaignId}/${userId}`;
    const open = [...(this.#open.get(key) ?? [])];
    const sinceUs = this.#sinceUs.get(key);
    const awayFromUs = this.#awayFromUs.get(key);
    if (sinceUs === undefined || open.length === 0) return { isThere: false, sinceUs, awayFromUs };
    const servedUs = open.flatMap(({ servedUntilUs = 0 }) =>
      servedUntilUs > sinceUs ? [servedUntilUs] : [],
    );
    const serving = open.flatMap(({ servesFromUs, stoodUntilUs }) =>
      servesFromUs === undefined ? [] : [{ servesFromUs, fromUs: Math.max(servesFromUs, stoodUntilUs) }],
    );
    const goneUs = servedUs.length > 0 ? Math.max(...servedUs) : awayFromUs;
    // The ledger cannot know since when that counts: the gateway may have lost its lease long before it noticed.
    if (serving.length === 0) return { isThere: false, sinceUs: undefined, awayFromUs };
    const isAnew = serving.every(({ servesFromUs }) => servesFromUs > sinceUs);
    return {
      isThere: true,
      sinceUs: Math.max(sinceUs, Math.min(...serving.map(({ fromUs }) => fromUs))),
      awayFromUs: isAnew ? goneUs : awayFromUs,
    };
  }
}

/** Since when the ledger has no stream of a user in a room, and since when the room skips the user. */
export class KnownAbsences {
  readonly #fromUs = new Map<string, number>();
  readonly #skippedUs = new Map<string, number>();

  /** The ledger committed at `nowUs`; its data about streams may have been written since `fromUs`. */
  committed(people: readonly SeenPerson[], fromUs: number, nowUs: number): void {
    for (const { campaignId, userId, state, incarnations } of people) {
      const key = `${campaignId}/${userId}`;
      const known = this.#fromUs.get(key);
      if (incarnations.length > 0) this.#fromUs.set(key, Number.POSITIVE_INFINITY);
      else if (known === Number.POSITIVE_INFINITY) this.#fromUs.set(key, fromUs);
      if (state !== 'skipped') this.#skippedUs.delete(key);
      else if (!this.#skippedUs.has(key)) this.#skippedUs.set(key, nowUs);
    }
  }

  /** Infinity while the ledger has one; undefined for a user who never had one there. */
  knownFromUs(campaignId: number, userId: string): number | undefined {
    return this.#fromUs.get(`${campaignId}/${userId}`);
  }

  skippedUs(campaignId: number, userId: string): number {
    return this.#skippedUs.get(`${campaignId}/${userId}`) ?? 0;
  }
}
