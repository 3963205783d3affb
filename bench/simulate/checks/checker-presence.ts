/**
 * Who has a stream: as their clients see it, at gateways that serve, and as the ledger knows it. Shares no code with gateway and
 * engine.
 */
import type { SeenPerson } from './checker-rows.ts';

/** The gateway that a stream is at. What one that does not serve has of streams nobody hears of. */
export interface SeenGateway {
  /** Until when it stood still last, for so long that nobody could tell it from a dead one. */
  readonly stoodUntilUs: number;
  /** Since when it serves as what it is now; undefined while it does not. */
  readonly servesFromUs: number | undefined;
  /** Until when it served before, if it did. */
  readonly servedUntilUs: number | undefined;
}

/** Until a stream that was opened is in the ledger: a report and a pass. */
export const REPORT_US = 400_000;

interface Seen {
  readonly isThere: boolean;
  /** Since when they are there, or are not. */
  readonly sinceUs: number | undefined;
  /** Of who is there: since when they had not been before; undefined where that was their first stream. */
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
    // Else nobody had heard of that stream, or had any more: since when is not known outside.
    if (isThere && sinceUs !== undefined && nowUs - sinceUs > REPORT_US) this.#sinceUs.set(key, nowUs);
    else this.#sinceUs.delete(key);
  }

  /** When they had a stream last that was their first one then. */
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
    // Since when that counts nobody knows outside: it may have lost its lease long before it noticed.
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

  /** The ledger has committed something at `nowUs`, and what it says of streams may have been written since `fromUs`. */
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

  /** Infinity while it has one, undefined of whom it never had one. */
  knownFromUs(campaignId: number, userId: string): number | undefined {
    return this.#fromUs.get(`${campaignId}/${userId}`);
  }

  skippedUs(campaignId: number, userId: string): number {
    return this.#skippedUs.get(`${campaignId}/${userId}`) ?? 0;
  }
}
