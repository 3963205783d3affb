/** Something that was started and must be stopped. */
export interface Stoppable {
  /** Safe to call again. */
  stop(): Promise<unknown>;
}

/** Everything that a piece of work has started, to be stopped when it ends, however it ends: the last one first. */
export class Closing {
  readonly #parts: Stoppable[] = [];
  #closing: Promise<void> | undefined;

  /** Waits for the start of `part` and keeps it. Rejects, with the part stopped, when everything was closed meanwhile. */
  async own<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    const part = await starting;
    if (this.#closing !== undefined) {
      await part.stop();
      throw new Error('ended before it had started');
    }
    this.#parts.push(part);
    return part;
  }

  /** Stops everything; rejects with all failures once every stop has been tried. Later calls wait for the first one. */
  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  async #stopAll(): Promise<void> {
    const faults: unknown[] = [];
    for (const part of this.#parts.reverse()) {
      await part.stop().catch((error: unknown) => faults.push(error));
    }
    if (faults.length > 0) throw new AggregateError(faults, 'not everything could be stopped');
  }
}

/** Runs `work`, and closes its `Closing`, whatever the outcome. */
export async function closingAfter<T>(work: (closing: Closing) => Promise<T>): Promise<T> {
  const closing = new Closing();
  try {
    return await work(closing);
  } finally {
    await closing.close();
  }
}
