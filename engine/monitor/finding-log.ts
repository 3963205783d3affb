/** Findings, kept for good: `findings.ndjson` in the monitor's directory, each finding once. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingKinds, type MonitorFinding, type MonitorFindingKind } from './finding.ts';

const FILE = 'findings.ndjson';
/** More would help no reader, and a gateway that shows endless made-up heads must not fill the disk. */
const MOST_TOLD = 10_000;

export class FindingLog {
  readonly #path: string;
  readonly #told = new Set<string>();
  readonly #kinds = new Set<MonitorFindingKind>();

  constructor(directory: string) {
    this.#path = join(directory, FILE);
    for (const line of readLines(this.#path)) {
      const { finding, heads, message } = Object(parse(line));
      const kind = (Object.keys(findingKinds) as MonitorFindingKind[]).find(each => each === finding);
      if (kind === undefined) continue;
      this.#kinds.add(kind);
      this.#told.add(
        nameOf({ kind, message: String(message), heads: Array.isArray(heads) ? heads.map(String) : [] }),
      );
    }
  }

  /** All kinds ever found in this directory. */
  get kinds(): ReadonlySet<MonitorFindingKind> {
    return this.#kinds;
  }

  /** Whether this head was reported with this kind. */
  has(kind: MonitorFindingKind, head: string): boolean {
    return this.#told.has(`${kind} ${head}`);
  }

  /** Stores a finding; returns its line, or undefined if it was reported before, or too many were. */
  add(finding: MonitorFinding, source: string, atUs: number): string | undefined {
    const name = nameOf(finding);
    if (this.#told.has(name) || this.#told.size >= MOST_TOLD) return undefined;
    const { kind, message, heads } = finding;
    const line = `${JSON.stringify({ finding: kind, message, heads, source, at_us: atUs })}\n`;
    appendFileSync(this.#path, line, { flush: true });
    this.#kinds.add(kind);
    this.#told.add(name);
    return line;
  }
}

/** A finding without heads is identified by its message. */
function nameOf({ kind, message, heads }: MonitorFinding): string {
  return heads.length === 0 ? `${kind} ${message}` : `${kind} ${heads[0]}`;
}

function readLines(path: string): readonly string[] {
  try {
    const text = readFileSync(path, 'utf8');
    // A kill may have cut off the last line; that finding is found again.
    if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n', { flush: true });
    return text.split('\n').filter(line => line !== '');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
