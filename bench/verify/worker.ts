/**
 * Verifies a book repeatedly, and for comparison calls node's hash once per entrant, in a process of its own, so that its
 * peak of memory is the verifier's. Arguments: path, entrants, rounds. Prints one line of JSON.
 */
import { createReadStream } from 'node:fs';
import { nodePrimitives } from '../../engine/verify/node.ts';
import { verify } from '../../engine/verify/verify.ts';
import { hashesMs } from './hashes.ts';
import type { Round } from './main.ts';

/** The size of the command's reads. */
const PIECE_BYTES = 1 << 20;
const LEAF_BYTES = 46;

async function verifying(path: string, entrants: number): Promise<{ verifyMs: number; cpuMs: number }> {
  const beganMs = performance.now();
  const before = process.cpuUsage();
  const book = createReadStream(path, { highWaterMark: PIECE_BYTES });
  const { ok, findings, facts } = await verify({ primitives: nodePrimitives, book });
  const { user, system } = process.cpuUsage(before);
  const verifyMs = performance.now() - beganMs;
  if (!ok || facts.entries !== entrants) {
    throw new Error(`the book was found wrong: ${JSON.stringify(findings).slice(0, 500)}`);
  }
  return { verifyMs, cpuMs: (user + system) / 1e3 };
}

const [path = '', entrants = '', rounds = ''] = process.argv.slice(2);
const count = Number(entrants);
// Gets the code compiled before it is measured.
hashesMs(50_000, LEAF_BYTES);
const measured: Round[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const before = round % 2 === 0 ? hashesMs(count, LEAF_BYTES) : undefined;
  const verified = await verifying(path, count);
  measured.push({ hashesMs: before ?? hashesMs(count, LEAF_BYTES), ...verified });
}
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ rounds: measured, peakBytes })}\n`);
