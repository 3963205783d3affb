/** HTTP for the people of the story: one request, one answer, and streams. */
import { EventStreamParser } from '../../watch/event-stream.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body where it is JSON, else an empty object. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const TIMEOUT_MS = 30_000;

/** Sends a request and returns whatever answer comes; rejects only when there is none within 30 s. */
export async function ask(base: string, { method, path, headers = {}, body }: Request): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {} };
}

export interface StreamEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A stream of server-sent events, kept open over reconnects until it is finished or closed. */
export class Stream {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #abort = new AbortController();
  readonly #events: StreamEvent[] = [];
  readonly #running: Promise<void>;
  #lastEventId = '';
  #retryMs = 500;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
    this.#running = this.#run();
  }

  /** All events so far, in order. */
  get events(): readonly StreamEvent[] {
    return this.#events;
  }

  /** Safe to call again. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if ((await this.#read()) === 'over') return;
      } catch {
        // The connection was cut or refused: reconnect, as a browser would.
      }
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, this.#retryMs);
        signal.addEventListener(
          'abort',
          () => {
            clearTimeout(timer);
            resolve();
          },
          { once: true },
        );
      });
    }
  }

  async #read(): Promise<'over' | 'ended'> {
    const headers = { ...this.#headers, ...(this.#lastEventId && { 'last-event-id': this.#lastEventId }) };
    const response = await fetch(this.#url, { headers, signal: this.#abort.signal });
    if (response.status === 204) return 'over';
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      return 'ended';
    }
    const parser = new EventStreamParser(
      {
        event: (type, data) => {
          this.#events.push({ type, data: JSON.parse(data) });
        },
        comment: () => undefined,
        retry: ms => {
          this.#retryMs = ms;
        },
      },
      this.#lastEventId,
    );
    for await (const chunk of response.body) {
      const bytes = Buffer.from(chunk);
      parser.feed(bytes, 0, bytes.length);
      this.#lastEventId = parser.lastEventId;
    }
    return 'ended';
  }
}
