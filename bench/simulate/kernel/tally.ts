/** Counts what happened in a run, by kind. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(kind: string, times = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + times);
  }

  add(others: Readonly<Record<string, number>>): void {
    for (const [kind, times] of Object.entries(others)) this.count(kind, times);
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
