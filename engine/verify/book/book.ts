/**
 * A whole book: read as a stream, line by line, and checked from its first byte to its signature. Whatever can be computed is
 * computed, not trusted.
 */
import { Unreadable } from '../findings.ts';
import { HashJobs } from '../hashing/hash-jobs.ts';
import { checkLogHead } from '../log/log-head.ts';
import type { Primitives } from '../primitives.ts';
import { instantOf, isoOf } from '../receipts/leaf.ts';
import { utf8 } from '../text/bytes.ts';
import { Lines } from '../text/lines.ts';
import { beginDraw, checkCounts, checkDraw, checkPool, checkSignature } from './book-checks.ts';
import { type End, readEnd } from './book-end.ts';
import { type BookOptions, type Header, readHeader } from './book-header.ts';
import { Entries } from './entries.ts';
import { EntryReader } from './entry-line.ts';
import { Moves } from './moves.ts';
import { Others } from './others.ts';
import { CouponJudge, JudgeOfClaims, RaffleJudge } from './outcomes.ts';
import { PoolCollector } from './pool.ts';
import type { ReadBook } from './read-book.ts';
import { Slices } from './slices.ts';

/** Concurrent signature checks; each holds a few hundred bytes. */
const MOST_PENDING = 512;

const SLICE_BEGINS = utf8('{"head":');
const END_BEGINS = utf8('{"end":');
const MOVE_BEGINS = utf8('{"at_us":');

/** The parts of a book that was read to its end. */
interface Parts {
  readonly header: Header;
  readonly slices: Slices;
  readonly entries: Entries;
  readonly pool: PoolCollector;
  readonly judge: CouponJudge | RaffleJudge;
  readonly end: End;
}

export class BookReader {
  readonly #options: BookOptions;
  readonly #jobs: HashJobs;
  readonly #lines: Lines;
  readonly #reader: EntryReader;
  readonly #groupWords: Uint32Array;
  readonly #hash: ReturnType<Primitives['sha256Stream']>;
  #header: Header | undefined;
  #slices: Slices | undefined;
  #entries: Entries | undefined;
  #pool: PoolCollector | undefined;
  #judge: CouponJudge | RaffleJudge | undefined;
  #moves: Moves | undefined;
  #lastStamp = -1;
  #end: End | undefined;

  constructor(options: BookOptions) {
    const { primitives, limits } = options;
    this.#options = options;
    this.#jobs = new HashJobs(primitives);
    this.#reader = new EntryReader(limits.depth);
    this.#groupWords = new Uint32Array(this.#reader.entry.group.buffer);
    this.#hash = primitives.sha256Stream();
    this.#lines = new Lines({
      mostBytes: limits.bookBytes,
      mostLineBytes: limits.lineBytes,
      hash: this.#hash,
      isHashed: (bytes, from, to) => !begins(bytes, from, to, END_BEGINS),
      onLine: (bytes, from, to) => this.#takeLine(bytes, from, to),
    });
  }

  /** Reads and checks the whole book. Rejects with Unreadable when reading cannot continue. */
  async read(source: AsyncIterable<Uint8Array>): Promise<ReadBook> {
    try {
      for await (const piece of source) {
        this.#lines.push(piece);
        if ((this.#slices?.pending ?? 0) >= MOST_PENDING) await this.#slices?.settle();
      }
      this.#lines.end();
      await this.#slices?.settle();
      return await this.#check(this.#parts());
    } finally {
      this.#jobs.stop();
    }
  }

  /** Checks what needs the whole book. */
  async #check({ header, slices, entries, pool, judge, end }: Parts): Promise<ReadBook> {
    const { findings, primitives } = this.#options;
    entries.end();
    await this.#jobs.settle();
    pool.end();
    entries.beginOnce();
    const starts = beginDraw(end, entries, judge, this.#options.limits, this.#jobs);
    slices.beginRoots({
      count: entries.count,
      slice: entry => entries.slices.at(entry),
      leaf: entry => entries.leafIndexes.at(entry),
      leaves: entries.leaves,
    });
    await this.#jobs.settle();
    entries.checkOnce(findings);
    slices.checkRoots();
    header.chains.end();
    slices.others.check(entries);
    const moves = this.#moves;
    moves?.end();
    const found = { slices: slices.count, moves: moves?.count ?? 0, lines: this.#lines.number - 1 };
    checkCounts(end, { ...found, entries: entries.count, honoured: entries.honoured }, findings);
    const poolRoot = pool.root(this.#jobs.trees, primitives);
    checkPool(header.rules.kind, end, poolRoot, findings);
    const draw = await checkDraw(header, end, { entries, judge, poolRoot, starts }, this.#options);
    await checkSignature(header, end, this.#hash.digest(), this.#options);
    if (header.logHead !== undefined)
      await checkLogHead(header.logHead, header.signers, findings, primitives);
    const last = moves === undefined ? judge : new JudgeOfClaims(judge, moves);
    return { ...header, slices, entries, judge: last, moves, poolRoot, draw, bytes: this.#lines.bytes };
  }

  #parts(): Parts {
    const [header, slices, entries, pool, judge, end] = [
      this.#header,
      this.#slices,
      this.#entries,
      this.#pool,
      this.#judge,
      this.#end,
    ];
    if (
      header === undefined ||
      slices === undefined ||
      entries === undefined ||
      pool === undefined ||
      judge === undefined
    ) {
      throw new Unreadable('truncated', 'the book is empty');
    }
    if (end === undefined) throw new Unreadable('truncated', 'the book has no last line: it is truncated');
    return { header, slices, entries, pool, judge, end };
  }

  #takeLine(bytes: Uint8Array, from: number, to: number): void {
    const { number } = this.#lines;
    if (this.#end !== undefined) throw new Unreadable('malformed', `line ${number} follows the last line`);
    if (this.#header === undefined || this.#slices === undefined || this.#entries === undefined) {
      this.#takeHeader(bytes.subarray(from, to));
    } else if (begins(bytes, from, to, END_BEGINS)) {
      this.#end = readEnd(bytes.subarray(from, to), number, this.#header.rules, this.#options.limits.depth);
    } else if (begins(bytes, from, to, SLICE_BEGINS)) {
      if (this.#entries.count > 0)
        throw new Unreadable('malformed', `line ${number} is a slice after the first entry`);
      this.#slices.add(bytes.subarray(from, to), number);
    } else if (this.#moves !== undefined && begins(bytes, from, to, MOVE_BEGINS)) {
      this.#moves.take(bytes.subarray(from, to), number);
    } else {
      if ((this.#moves?.count ?? 0) > 0)
        throw new Unreadable('malformed', `line ${number} is an entry after the first move`);
      this.#takeEntry(bytes, from, to, number, this.#header, this.#slices, this.#entries);
    }
  }

  #takeHeader(bytes: Uint8Array): void {
    const { findings, limits, onHead, primitives } = this.#options;
    const header = readHeader(bytes, this.#options);
    const { chains, closedAtUs, rules, signers } = header;
    const jobs = this.#jobs;
    const { memory } = jobs;
    const others = new Others({
      primitives,
      memory,
      findings,
      most: limits.others,
      rules,
      closedAtUs,
    });
    this.#header = header;
    this.#slices = new Slices({ primitives, limits, signers, findings, jobs, chains, others, onHead });
    const entries = new Entries(rules.campaign, jobs, primitives, to => pool.advance(to));
    const pool = new PoolCollector(entries, rules.kind, jobs);
    this.#entries = entries;
    this.#pool = pool;
    if (rules.claims !== undefined) this.#moves = new Moves(rules.claims, findings, limits.depth);
    this.#judge =
      rules.kind === 'coupon' ? new CouponJudge(rules, findings) : new RaffleJudge(rules, findings);
  }

  #takeEntry(
    bytes: Uint8Array,
    from: number,
    to: number,
    number: number,
    { rules, closedAtUs }: Header,
    slices: Slices,
    entries: Entries,
  ): void {
    const { findings, limits } = this.#options;
    if (to - from > limits.entryBytes) {
      throw new Unreadable(
        'too-large',
        `line ${number} has ${to - from} bytes; expected at most ${limits.entryBytes} for an entry`,
      );
    }
    if (entries.count === limits.entries)
      throw new Unreadable('too-large', `the book has more than ${limits.entries} entries`);
    const { entry } = this.#reader;
    entry.who = entries.whos.nextBytes;
    this.#reader.whoAt = entries.whos.nextAt;
    this.#reader.read(bytes, from, to, number);
    if (entry.stamp <= this.#lastStamp) {
      findings.add(
        'stamp-order',
        `line ${number} has stamp ${entry.stamp}, but the line before has ${this.#lastStamp}`,
      );
    }
    this.#lastStamp = entry.stamp;
    const atUs = instantOf(entry.stamp, rules.opensAtUs);
    if (atUs >= closedAtUs) {
      findings.add(
        'outside-window',
        `line ${number} was stamped ${isoOf(atUs)}, after the close at ${isoOf(closedAtUs)}`,
      );
    }
    slices.takeEntry(entry.slice, entry.stamp, atUs, number);
    this.#judge?.take(entry, number);
    this.#moves?.takeEntry(entry);
    entries.add(entry, this.#groupWords);
  }
}

function begins(bytes: Uint8Array, from: number, to: number, beginning: Uint8Array): boolean {
  if (to - from < beginning.length) return false;
  for (let at = 0; at < beginning.length; at++) if (bytes[from + at] !== beginning[at]) return false;
  return true;
}
