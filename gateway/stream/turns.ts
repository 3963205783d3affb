/**
 * Work for many at once, done in turns of the event loop with at most so many of them in each: in the order in which they
 * came, and with everything else the loop has to do in between.
 */
export class Turns {
  readonly #most: number;
  readonly #ended: (taken: number) => void;
  #waiting: (() => void)[] = [];
  #taken = 0;
  #scheduled = false;

  /** `ended`: told of each turn in which there was something to do, with how many were in it. */
  constructor(most: number, ended: (taken: number) => void) {
    this.#most = most;
    this.#ended = ended;
  }

  /** undefined when it is in this turn; else resolves in a later one. */
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
