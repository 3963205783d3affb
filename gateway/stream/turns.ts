/**
 * Spreads work for many over turns of the event loop: at most a given number per turn, in order of arrival, with the other
 * work of the loop in between.
 */
export class Turns {
  readonly #most: number;
  readonly #ended: (taken: number) => void;
  #waiting: (() => void)[] = [];
  #taken = 0;
  #scheduled = false;

  /** `ended`: called after each turn with work, with the number that the turn took. */
  constructor(most: number, ended: (taken: number) => void) {
    this.#most = most;
    this.#ended = ended;
  }

  /** Undefined if there is room in this turn; else resolves in a later one. */
  take(): Promise<void> | undefined {
    this.#schedule();
    if (this.#waiting.length === 0 && this.#taken < this.#most) {
      this.#taken += 1;
      return undefined;
    }
    return new Promise(resolve => {
      this.#waiting.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#scheduled = false;
    this.#ended(this.#taken);
    const due = this.#waiting.splice(0, this.#most);
    this.#taken = due.length;
    if (due.length > 0) this.#schedule();
    for (const resolve of due) resolve();
  }
}
