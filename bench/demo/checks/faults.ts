/** The kinds of faults; the names are those of the demo's JSON. */
export type FaultKind = 'lost' | 'duplicates' | 'inversions' | 'positionsBackward' | 'other';

interface Fault {
  readonly kind: FaultKind;
  readonly text: string;
  count: number;
  readonly example: string;
}

/** All faults found: counted, and described in plain words with one example of each. */
export class Faults {
  readonly #faults = new Map<string, Fault>();

  /** `text` names the fault for any number of cases; `example` describes this one. */
  add(kind: FaultKind, text: string, example: string, count = 1): void {
    if (count === 0) return;
    const known = this.#faults.get(text);
    if (known === undefined) this.#faults.set(text, { kind, text, count, example });
    else known.count += count;
  }

  count(kind: FaultKind): number {
    return [...this.#faults.values()]
      .filter(fault => fault.kind === kind)
      .reduce((sum, { count }) => sum + count, 0);
  }

  get lines(): readonly string[] {
    return [...this.#faults.values()].map(
      ({ count, text, example }) => `${count} x ${text}; e.g. ${example}`,
    );
  }
}
