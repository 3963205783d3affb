/** A monitor's requests to a gateway, over HTTP: pages of heads, and the keys. */
import { type HeadPosition, headPositionText } from '../verify/heads/head-positions.ts';
import type { KeyRing } from '../verify/receipts/keys.ts';
import { readKeys } from './known-keys.ts';
import { readPage, type ShownPage } from './page.ts';

/** A gateway that does not answer delays a monitor no longer than this; then it asks another one. */
const ANSWER_MS = 15_000;
/** A page is 130 KB, the list of keys some KB. */
const MOST_BYTES = 4 * 1024 * 1024;

/** A gateway did not answer, or answered something else. */
export class NoAnswer extends Error {
  readonly url: string;
  constructor(url: string, cause: unknown) {
    super(wordsOf(cause), { cause });
    this.url = url;
  }
}

/** Both reject with NoAnswer. */
export interface Service {
  readonly url: string;
  page(after: HeadPosition): Promise<ShownPage>;
  keys(): Promise<KeyRing>;
}

export function httpService(url: string, stopping: AbortSignal): Service {
  const get = async (path: string): Promise<Uint8Array> => {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(ANSWER_MS)]);
    const response = await fetch(url + path, { signal, redirect: 'error' });
    const bytes = await bounded(response);
    if (response.status !== 200) throw new Error(`${path} answered with status ${response.status}`);
    return bytes;
  };
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new NoAnswer(url, error);
    }
  };
  return {
    url,
    page: after =>
      attempt(async () => readPage(await get(`/v1/heads?after=${headPositionText(after)}`), after)),
    keys: () => attempt(async () => readKeys(await get('/v1/keys'))),
  };
}

/** fetch reports only a failure; the reason is in its cause. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message;
}

async function bounded(response: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > MOST_BYTES) throw new Error(`the response has more than ${MOST_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
