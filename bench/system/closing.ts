/** Something that was started and has to be stopped. */
export interface Stoppable {
  /** May be called again. */
  stop(): Promise<unknown>;
}

/** What a piece of work has started, ended together when it is over, however it ends: the last one first. */
export class Closing {
  readonly #parts: Stoppable[] = [];
  #closing: Promise<void> | undefined;

  /** Waits for the start of `part` and keeps it. Rejects, with the part stopped, when all has been ended meanwhile. */
  async own<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    const part = await starting;
    if (this.#closing !== undefined) {
      await part.stop();
      throw new Error('ended before it had started');
    }
    this.#parts.push(part);
    return part;
  }

  /** Stops everything; rejects with what went wrong once all has been tried. Calls after the first wait for it. */
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

/** Runs `work`, and ends what it has put into its `Closing`, whatever comes of it. */
export async function closingAfter<T>(work: (closing: Closing) => Promise<T>): Promise<T> {
  const closing = new Closing();
  try {
    return await work(closing);
  } finally {
    await closing.close();
  }
}
