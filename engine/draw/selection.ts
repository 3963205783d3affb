/**
 * Who is drawn, once every ticket has its key: the order, the limit of groups, and how many there are places for. See
 * draw.ts for what it is and why it is fair.
 *
 * Only those who can still be drawn are kept: whenever twice as many are in the buffer as are drawn, it is cut down to
 * those, and a key greater than the last of them is turned away at once. A heap would have to give up members from its
 * middle where there are groups. Cutting is exact: what may be drawn together is a matroid (a limit a group, and one
 * overall), in which the greedy choice from a greedy choice and what comes later is that from all there ever was (Edmonds,
 * "Matroids and the greedy algorithm", 1971). Sorting costs nothing to speak of: of a million entrants with 100 places,
 * some thousands ever come into the buffer.
 */
import type { Entrant } from './pool.ts';

export interface SelectionRules {
  /** How many are drawn: winners and alternates together. */
  readonly places: number;
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

/** Fewer than this are not worth a cut. */
const SPARE = 1_000;

export class Selection<E extends Contestant> {
  readonly #places: number;
  readonly #groupLimit: number;
  #candidates: Candidate<E>[] = [];
  #greatestWord = 0xffff_ffff;

  constructor(rules: SelectionRules) {
    this.#places = rules.places;
    this.#groupLimit = rules.groupLimit ?? Number.POSITIVE_INFINITY;
  }

  /** A key whose first four bytes, big-endian, are greater than this need not be offered. */
  get greatestWord(): number {
    return this.#greatestWord;
  }

  /**
   * Offers the key of a ticket: 32 bytes, one a character, for such strings compare as their bytes do. All tickets of an
   * entrant are offered one after another, and the least of them is its key.
   */
  offer(entrant: E, key: string): void {
    const last = this.#candidates.at(-1);
    if (last?.entrant === entrant) {
      if (key < last.key) last.key = key;
      return;
    }
    if (this.#candidates.length >= 2 * this.#places + SPARE) this.#cut();
    this.#candidates.push({ entrant, key });
  }

  /** Who was drawn, in order. */
  drawn(): readonly Drawn<E>[] {
    this.#cut();
    return this.#candidates.map(({ entrant, key }) => ({ entrant, key: Buffer.from(key, 'latin1') }));
  }

  /** Forgets all but those who would be drawn if nobody else came. */
  #cut(): void {
    const taken: Candidate<E>[] = [];
    const ofGroup = new Map<string, number>();
    for (const candidate of this.#candidates.sort((a, b) => (isBefore(a, b) ? -1 : 1))) {
      if (taken.length === this.#places) break;
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
    if (last !== undefined && taken.length === this.#places) {
      this.#greatestWord = Buffer.from(last.key, 'latin1').readUInt32BE(0);
    }
  }
}

function isBefore<E extends Contestant>(a: Candidate<E>, b: Candidate<E>): boolean {
  return a.key === b.key ? a.entrant.stamp < b.entrant.stamp : a.key < b.key;
}
