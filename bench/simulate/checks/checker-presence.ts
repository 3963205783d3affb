/**
 * Who has a stream: as their clients see it, at gateways that serve, and as the ledger knows it. Shares no code with gateway
 * and engine.
 */
import type { SeenPerson } from './checker-rows.ts';

/** The gateway that a stream is at. Nobody hears of streams at a gateway that does not serve. */
export interface SeenGateway {
  /** The end of its last pause that was so long that nobody could tell the gateway from a dead one. */
  readonly stoodUntilUs: number;
  /** Since when it serves under its current identity; undefined while it does not serve. */
  readonly servesFromUs: number | undefined;
  /** Until when it served before, if it did. */
  readonly servedUntilUs: number | undefined;
}

/** Within this time an opened stream is in the ledger: a report and a cycle. */
export const REPORT_US = 400_000;

interface Seen {
  readonly isThere: boolean;
  /** Since when they are present, or absent. */
  readonly sinceUs: number | undefined;
  /** For those present: since when they had been absent before; undefined where this was their first stream. */
  readonly awayFromUs: number | undefined;
}

/** Who has a stream, as their clients see it. */
export class Streams {
  readonly #open = new Map<string, Set<SeenGateway>>();
  /** Since when there is a stream, or none. */
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
    // Otherwise nobody had heard of that stream, or had any more: it is not known outside since when.
    if (isThere && sinceUs !== undefined && nowUs - sinceUs > REPORT_US) this.#sinceUs.set(key, nowUs);
    else this.#sinceUs.delete(key);
  }

  /** When they last opened a stream while they had no other. */
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
    // It is not known outside since when that counts: the gateway may have lost its lease long before it noticed.
    if (serving.length === 0) return { isThere: false, sinceUs: undefined, awayFromUs };
    const isAnew = serving.every(({ servesFromUs }) => servesFromUs > sinceUs);
    return {
      isThere: true,
      sinceUs: Math.max(sinceUs, Math.min(...serving.map(({ fromUs }) => fromUs))),
      awayFromUs: isAnew ? goneUs : awayFromUs,
    };
  }
}

/** Since when the ledger has no stream of somebody in a room, and since when they are skipped. */
export class KnownAbsences {
  readonly #fromUs = new Map<string, number>();
  readonly #skippedUs = new Map<string, number>();

  /** The ledger has committed something at `nowUs`; what it says of streams may have been written since `fromUs`. */
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

  /** Infinity while it has one; undefined for somebody of whom it never had one. */
  knownFromUs(campaignId: number, userId: string): number | undefined {
    return this.#fromUs.get(`${campaignId}/${userId}`);
  }

  skippedUs(campaignId: number, userId: string): number {
    return this.#skippedUs.get(`${campaignId}/${userId}`) ?? 0;
  }
}
