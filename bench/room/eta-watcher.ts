/** Watches a room for one person and notes the shown waits until the admission. */
import { EventStreamParser } from '../watch/event-stream.ts';

interface Shown {
  readonly atMs: number;
  readonly p50: number;
  readonly p90: number;
}

/** Shorter waits are left out: waits are shown in whole seconds, and one second is more than a tenth of a shorter wait. */
const LEAST_WAIT_S = 10;

export class EtaWatcher {
  readonly #shown: Shown[] = [];
  #admittedAtMs: number | undefined;
  /** Resolves when the person is let in; rejects when the stream breaks off before. */
  readonly ended: Promise<void>;

  private constructor(body: AsyncIterable<Uint8Array>) {
    this.ended = this.#read(body);
    this.ended.catch(() => undefined);
  }

  static async open(url: string, ticket: string): Promise<EtaWatcher> {
    const response = await fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
    if (!response.ok || response.body === null)
      throw new Error(`${url} was answered with ${response.status}`);
    return new EtaWatcher(response.body);
  }

  /** The error of each shown p50, as a share of the actual wait, and whether p90 was long enough. */
  errors(): readonly { readonly off: number; readonly isWithin: boolean }[] {
    const endMs = this.#admittedAtMs ?? Number.NaN;
    return this.#shown
      .map(({ atMs, p50, p90 }) => ({ waitS: (endMs - atMs) / 1000, p50, p90 }))
      .filter(({ waitS }) => waitS >= LEAST_WAIT_S)
      .map(({ waitS, p50, p90 }) => ({ off: Math.abs(p50 - waitS) / waitS, isWithin: waitS <= p90 + 0.5 }));
  }

  async #read(body: AsyncIterable<Uint8Array>): Promise<void> {
    const listener = {
      event: (type: string, data: string) => this.#take(type, data),
      comment: () => undefined,
      retry: () => undefined,
    };
    const parser = new EventStreamParser(listener, '');
    for await (const chunk of body) parser.feed(Buffer.from(chunk), 0, chunk.length);
    if (this.#admittedAtMs === undefined) throw new Error('a stream ended before its watcher was let in');
  }

  #take(type: string, data: string): void {
    const { eta, outcome } = JSON.parse(data);
    const atMs = performance.now();
    if (type === 'position' && typeof eta === 'object' && eta !== null)
      this.#shown.push({ atMs, p50: eta.p50, p90: eta.p90 });
    if (outcome === 'admitted') this.#admittedAtMs = atMs;
  }
}

/** Over all watchers. */
export function errorsOf(watchers: readonly EtaWatcher[]): {
  readonly etaErrorP50: number;
  readonly etaErrorP90: number;
  readonly withinP90: number;
  readonly etasShown: number;
} {
  const errors = watchers.flatMap(watcher => watcher.errors());
  const offs = errors.map(({ off }) => off).sort((a, b) => a - b);
  const at = (share: number): number => offs[Math.floor(share * (offs.length - 1))] ?? Number.NaN;
  const within = errors.filter(({ isWithin }) => isWithin).length / errors.length;
  return { etaErrorP50: at(0.5), etaErrorP90: at(0.9), withinP90: within, etasShown: errors.length };
}
