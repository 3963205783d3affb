/**
 * Selects the entrants who are drawn, once every ticket has its key: the order, the group limit, and how many are drawn.
 * draw.ts describes the selection and why it is fair.
 *
 * Only entrants who can still be drawn are kept: whenever the buffer holds twice as many as are drawn, it is cut down to those,
 * and a key greater than the last of them is rejected at once. A heap would have to remove members from its middle because of
 * groups. Cutting is exact: the sets that may be drawn together form a matroid (a limit per group, and one overall), in which
 * the greedy choice from an earlier greedy choice and later elements equals the greedy choice from all elements (Edmonds,
 * "Matroids and the greedy algorithm", 1971). Sorting costs next to nothing: of a million entrants of whom 100 are drawn, only
 * some thousands ever enter the buffer.
 */
import type { Entrant } from './pool.ts';

export interface SelectionRules {
  /** The number of entrants drawn: winners and alternates together. */
  readonly size: number;
  readonly groupLimit: number | null;
}

export interface Drawn<E> {
  readonly entrant: E;
  /** 32 bytes. */
  readonly key: Buffer;
}

type Contestant = Pick<Entrant, 'stamp' | 'group'>;

interface Candidate<E> {
  readonly entrant: E;
  key: string;
}

/** With fewer spare entries, cutting is not worth its cost. */
const SPARE = 1_000;

export class Selection<E extends Contestant> {
  readonly #size: number;
  readonly #groupLimit: number;
  #candidates: Candidate<E>[] = [];
  #greatestWord = 0xffff_ffff;

  constructor(rules: SelectionRules) {
    this.#size = rules.size;
    this.#groupLimit = rules.groupLimit ?? Number.POSITIVE_INFINITY;
  }

  /** A key whose first four bytes, big-endian, are greater than this need not be offered. */
  get greatestWord(): number {
    return this.#greatestWord;
  }

  /**
   * Offers the key of a ticket: 32 bytes, one per character, because such strings compare like their bytes. All tickets of an
   * entrant are offered one after another; the least of them is the entrant's key.
   */
  offer(entrant: E, key: string): void {
    const last = this.#candidates.at(-1);
    if (last?.entrant === entrant) {
      if (key < last.key) last.key = key;
      return;
    }
    if (this.#candidates.length >= 2 * this.#size + SPARE) this.#cut();
    this.#candidates.push({ entrant, key });
  }

  /** The drawn entrants, in order. */
  drawn(): readonly Drawn<E>[] {
    this.#cut();
    return this.#candidates.map(({ entrant, key }) => ({ entrant, key: Buffer.from(key, 'latin1') }));
  }

  /** Removes all but those who would be drawn if no other entrants followed. */
  #cut(): void {
    const taken: Candidate<E>[] = [];
    const ofGroup = new Map<string, number>();
    for (const candidate of this.#candidates.sort((a, b) => (isBefore(a, b) ? -1 : 1))) {
      if (taken.length === this.#size) break;
      const { group } = candidate.entrant;
      if (group !== null) {
        const before = ofGroup.get(group) ?? 0;
        if (before >= this.#groupLimit) continue;
        ofGroup.set(group, before + 1);
      }
      taken.push(candidate);
    }
    this.#candidates = taken;
    const last = taken.at(-1);
    if (last !== undefined && taken.length === this.#size) {
      this.#greatestWord = Buffer.from(last.key, 'latin1').readUInt32BE(0);
    }
  }
}

function isBefore<E extends Contestant>(a: Candidate<E>, b: Candidate<E>): boolean {
  return a.key === b.key ? a.entrant.stamp < b.entrant.stamp : a.key < b.key;
}
