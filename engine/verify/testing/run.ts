/** Runs the verifier in tests. */
import assert from 'node:assert/strict';
import type { Limits } from '../limits.ts';
import { nodePrimitives } from '../node.ts';
import { type Report, type Request, verify } from '../verify.ts';
import { canonical } from './basics.ts';
import type { MadeBook, Parts } from './made.ts';
import { written } from './maker.ts';

/** Bytes in pieces of a size that splits lines. */
export async function* inPieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** Kept heads may be given as a whole. */
type TestRequest = Omit<Request, 'primitives' | 'heads'> & {
  readonly heads?: Uint8Array | AsyncIterable<Uint8Array>;
};

export async function run({ heads, ...request }: TestRequest): Promise<Report> {
  const pieces = heads instanceof Uint8Array ? inPieces(heads) : heads;
  return await verify({
    primitives: nodePrimitives,
    ...request,
    ...(pieces === undefined ? {} : { heads: pieces }),
  });
}

export async function runBook(book: Uint8Array, limits: Partial<Limits> = {}): Promise<Report> {
  return await run({ book: inPieces(book), limits });
}

export function codesOf(report: Report): string[] {
  return [...new Set(report.findings.map(({ code }) => code))].sort();
}

/** Changes the parts of a made book, signs the result, and returns the findings. */
export async function codesAfter(made: MadeBook, change: (parts: Parts) => void): Promise<string[]> {
  const parts = structuredClone(made.parts);
  change(parts);
  const report = await runBook(written(parts));
  assert.equal(report.ok, report.findings.length === 0);
  return codesOf(report);
}

export function json(value: unknown): Buffer {
  return Buffer.from(canonical(value));
}
