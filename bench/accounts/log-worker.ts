/**
 * Makes an operator log with its signed heads and verifies it repeatedly with the key, and for comparison hashes once a row, in a
 * process of its own.
 * Arguments: path, rows, rounds. Prints one line of JSON.
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { reusedPiecesOf } from '../../engine/verify/files.ts';
import { nodePrimitives } from '../../engine/verify/node.ts';
import { type ActObject, actsOf, headAfter } from '../../engine/verify/testing/log-maker.ts';
import { bookSigner, keyObject } from '../../engine/verify/testing/maker-world.ts';
import { verify } from '../../engine/verify/verify.ts';
import { hashesMs } from '../verify/hashes.ts';

export interface LogRound {
  /** One `crypto.hash('sha256')` call per row, of as many bytes as a row has in the export. */
  readonly hashesMs: number;
  readonly verifyMs: number;
}

/** An export has as many on a line. */
const ROWS_A_PAGE = 100;
/** A head is signed each minute in which there were acts: here operators act 100 times a minute. */
const ROWS_A_HEAD = 100;
const KEYS = Buffer.from(JSON.stringify({ keys: [keyObject(bookSigner, 'books')] }));

function* pages(rows: number): Generator<string> {
  let last: ActObject | undefined;
  for (let after = 0; after < rows; after = last?.seq ?? rows) {
    const acts = actsOf(Math.min(ROWS_A_PAGE, rows - after), after, last?.hash);
    last = acts.at(-1);
    const next = last !== undefined && last.seq < rows ? last.seq : null;
    const heads = acts.filter(({ seq }) => seq % ROWS_A_HEAD === 0).map(act => headAfter(act, bookSigner));
    yield `${JSON.stringify({ acts, heads, next })}\n`;
  }
}

async function verifying(path: string, rows: number): Promise<number> {
  const beganMs = performance.now();
  const log = reusedPiecesOf(path);
  const { ok, findings, facts } = await verify({ primitives: nodePrimitives, log, keys: KEYS });
  const { acts, heads }: { acts?: unknown; heads?: unknown } = Object(facts.operatorLog);
  if (!ok || acts !== rows || heads !== Math.floor(rows / ROWS_A_HEAD)) {
    throw new Error(`the log was found wrong: ${JSON.stringify(findings).slice(0, 500)}`);
  }
  return performance.now() - beganMs;
}

const [path = '', rows = '', rounds = ''] = process.argv.slice(2);
const count = Number(rows);
const file = createWriteStream(path);
await pipeline(Readable.from(pages(count)), file);
const bytes = Math.round(file.bytesWritten / count);
// Gets the code compiled before it is measured.
hashesMs(50_000, bytes);
const measured: LogRound[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const before = round % 2 === 0 ? hashesMs(count, bytes) : undefined;
  const verifyMs = await verifying(path, count);
  measured.push({ hashesMs: before ?? hashesMs(count, bytes), verifyMs });
}
process.stdout.write(`${JSON.stringify({ rounds: measured })}\n`);
