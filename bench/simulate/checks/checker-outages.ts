/** When the service was unavailable, as the simulator knows: deadlines and grace times must not run meanwhile. */

/** A shorter outage looks like slow cycles, and may count. */
const TOLD_FROM_US = 3_100_000;

export class Outages {
  readonly #past: { readonly fromUs: number; readonly toUs: number }[] = [];
  #sinceUs: number | undefined;

  note(nowUs: number, isReachable: boolean): void {
    if (!isReachable) {
      this.#sinceUs ??= nowUs;
      return;
    }
    if (this.#sinceUs !== undefined) this.#past.push({ fromUs: this.#sinceUs, toUs: nowUs });
    this.#sinceUs = undefined;
  }

  /** Since when the service is unavailable; undefined while it is available. */
  get sinceUs(): number | undefined {
    return this.#sinceUs;
  }

  /** How much of that time was in outages long enough to be noticed, including the current one. */
  between(fromUs: number, toUs: number): number {
    let sumUs = 0;
    const present = this.#sinceUs === undefined ? [] : [{ fromUs: this.#sinceUs, toUs }];
    for (const past of [...this.#past, ...present]) {
      if (past.toUs - past.fromUs < TOLD_FROM_US) continue;
      sumUs += Math.max(0, Math.min(toUs, past.toUs) - Math.max(fromUs, past.fromUs));
    }
    return sumUs;
  }
}
