/** Splits kept heads into lines as they are read, so that no more than one page of them is in memory as text. */
import { Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import { concat } from '../text/bytes.ts';

const NEWLINE = 0x0a;

/** The lines that are not empty. Throws Unreadable beyond a limit. */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  { headsBytes, lineBytes }: Pick<Limits, 'headsBytes' | 'lineBytes'>,
): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  let bytes = 0;
  const begin = (part: Uint8Array): void => {
    begunBytes += part.length;
    if (begunBytes > lineBytes)
      throw new Unreadable('too-large', `a line of the kept heads has more than ${lineBytes} bytes`);
    begun.push(part);
  };
  const finish = (): Uint8Array => {
    const [only] = begun;
    // A copy: the keeper of a record has its line until the next one.
    const line = begun.length === 1 && only !== undefined ? only.slice() : concat(...begun);
    begun = [];
    begunBytes = 0;
    return line;
  };
  for await (const piece of source) {
    bytes += piece.length;
    if (bytes > headsBytes)
      throw new Unreadable('too-large', `the kept heads have more than ${headsBytes} bytes`);
    let from = 0;
    for (let to = piece.indexOf(NEWLINE); to >= 0; to = piece.indexOf(NEWLINE, from)) {
      begin(piece.subarray(from, to));
      from = to + 1;
      if (begunBytes > 0) yield finish();
      else begun = [];
    }
    if (from < piece.length) begin(piece.subarray(from));
  }
  if (begunBytes > 0) yield finish();
}
