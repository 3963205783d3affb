/** A client of server-sent events for tests: collects all events in order, with the state that a browser would keep. */
export interface StreamEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

export interface EventStream {
  readonly status: number;
  readonly response: Response;
  readonly events: StreamEvent[];
  comments: number;
  retryMs: number | undefined;
  /** Resolves when the server has ended the stream, or it was closed or cut. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream. `events` fills as they arrive; a status other than 200 has none and has already ended. */
export async function openEvents(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const stream: EventStream = {
    status: response.status,
    response,
    events: [],
    comments: 0,
    retryMs: undefined,
    ended:
      response.status === 200
        ? read(response, block => take(stream, block))
        : response.text().then(() => undefined),
    close: () => abort.abort(),
  };
  return stream;
}

async function read(response: Response, block: (text: string) => void): Promise<void> {
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const each of blocks) block(each);
    }
  } catch (error) {
    // Closed by the client, or cut by the server: tests cause both.
    if (!(error instanceof Error)) throw error;
  }
}

function take(stream: EventStream, block: string): void {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) stream.comments += 1;
    else fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const retry = fields.get('retry');
  if (retry !== undefined) stream.retryMs = Number(retry);
  const data = fields.get('data');
  if (data === undefined) return;
  stream.events.push({
    event: fields.get('event') ?? 'message',
    id: fields.get('id') ?? '',
    data: JSON.parse(data),
  });
}
