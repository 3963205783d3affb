/** Splits a stream into lines as it is read, so that no more than one of them is in memory as text. */
import { Unreadable } from '../findings.ts';
import { concat } from './bytes.ts';

const NEWLINE = 0x0a;

export interface LineStreamOptions {
  readonly mostBytes: number;
  readonly mostLineBytes: number;
  /** What the lines are of, for messages: `the kept heads`. */
  readonly what: string;
}

/** The lines that are not empty; each is valid as long as the piece that it ends in. Throws Unreadable beyond a limit. */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  { mostBytes, mostLineBytes, what }: LineStreamOptions,
): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  let bytes = 0;
  const begin = (part: Uint8Array): void => {
    begunBytes += part.length;
    if (begunBytes > mostLineBytes)
      throw new Unreadable('too-large', `a line of ${what} has more than ${mostLineBytes} bytes`);
    begun.push(part);
  };
  const finish = (): Uint8Array => {
    const [only] = begun;
    // Nearly all lines are within one piece, and are not copied.
    const line = begun.length === 1 && only !== undefined ? only : concat(...begun);
    begun = [];
    begunBytes = 0;
    return line;
  };
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new Unreadable('too-large', `${what} have more than ${mostBytes} bytes`);
    let from = 0;
    for (let to = piece.indexOf(NEWLINE); to >= 0; to = piece.indexOf(NEWLINE, from)) {
      begin(piece.subarray(from, to));
      from = to + 1;
      if (begunBytes > 0) yield finish();
      else begun = [];
    }
    // A copy: the source may reuse the memory of a piece for the next one.
    if (from < piece.length) begin(new Uint8Array(piece.subarray(from)));
  }
  if (begunBytes > 0) yield finish();
}
