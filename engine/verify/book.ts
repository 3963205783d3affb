/**
 * A whole book: read as a stream, line by line, and checked from its first byte to its signature. Nothing in it is
 * believed that can be computed.
 */
import { type End, readEnd } from './book-end.ts';
import { type Header, readHeader } from './book-header.ts';
import { areEqual, concat, utf8 } from './bytes.ts';
import type { Drawn } from './draw.ts';
import { Entries } from './entries.ts';
import { EntryReader } from './entry-line.ts';
import { type Findings, Unreadable } from './findings.ts';
import { HashJobs } from './hash-jobs.ts';
import type { SignedHead } from './head.ts';
import type { KeyRing } from './keys.ts';
import { instantOf, isoOf } from './leaf.ts';
import type { Limits } from './limits.ts';
import { Lines } from './lines.ts';
import { Moves } from './moves.ts';
import { Others } from './others.ts';
import { CouponJudge, type Judge, JudgeOfClaims, RaffleJudge } from './outcomes.ts';
import { Pool } from './pool.ts';
import type { Primitives } from './primitives.ts';
import { checkRandomness, checkSeed, type DrawFacts } from './randomness.ts';
import type { Rules } from './rules.ts';
import { Slices } from './slices.ts';

/** Signatures under way at once; each holds a few hundred bytes. */
const MOST_PENDING = 512;

const SLICE_BEGINS = utf8('{"head":');
const END_BEGINS = utf8('{"end":');
const MOVE_BEGINS = utf8('{"at_us":');

export interface BookOptions {
  readonly primitives: Primitives;
  readonly limits: Limits;
  readonly findings: Findings;
  /** Keys that were had elsewhere; without them those in the book are taken. */
  readonly pinned: KeyRing | undefined;
  readonly onHead: (head: SignedHead, text: string, index: number) => void;
}

/** What a book that was read to its end consists of. */
interface Parts {
  readonly header: Header;
  readonly slices: Slices;
  readonly entries: Entries;
  readonly pool: Pool;
  readonly judge: CouponJudge | RaffleJudge;
  readonly end: End;
}

/** What was read, when a book could be read to its end. */
export interface ReadBook extends Header {
  readonly slices: Slices;
  readonly entries: Entries;
  readonly judge: Pick<Judge, 'granted' | 'outcomeOf'>;
  /** Where what is granted or won has to be claimed. */
  readonly moves: Moves | undefined;
  readonly poolRoot: Uint8Array;
  readonly draw: { readonly facts: DrawFacts; readonly drawn: Drawn } | undefined;
  readonly bytes: number;
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
  #pool: Pool | undefined;
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

  /** Reads and checks all of it. Rejects with Unreadable when it cannot be read on. */
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

  /** Checks what can be checked only when all has been read. */
  async #check({ header, slices, entries, pool, judge, end }: Parts): Promise<ReadBook> {
    const { findings, primitives } = this.#options;
    entries.end();
    await this.#jobs.settle();
    pool.end();
    entries.beginOnce();
    const starts = this.#beginDraw(end, entries, judge);
    slices.beginRoots({
      count: entries.count,
      slice: entry => entries.slices.at(entry),
      leaf: entry => entries.leafIndexes.at(entry),
      leaves: entries.leaves,
    });
    await this.#jobs.settle();
    entries.checkOnce(findings);
    slices.checkRoots();
    slices.chains?.end();
    slices.others.check(entries);
    const moves = this.#moves;
    moves?.end();
    this.#checkCounts(end, slices, entries);
    const poolRoot = pool.root(this.#jobs.trees, primitives);
    this.#checkPool(header.rules.kind, end, poolRoot);
    const draw = await this.#checkDraw(header, end, entries, judge, poolRoot, starts);
    await this.#checkSignature(header, end);
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
    if (end === undefined)
      throw new Unreadable('truncated', 'the book has no last line: a part of it is missing');
    return { header, slices, entries, pool, judge, end };
  }

  #takeLine(bytes: Uint8Array, from: number, to: number): void {
    const { number } = this.#lines;
    if (this.#end !== undefined)
      throw new Unreadable('malformed', `line ${number} stands behind the last line`);
    if (this.#header === undefined || this.#slices === undefined || this.#entries === undefined) {
      this.#takeHeader(bytes.subarray(from, to));
    } else if (begins(bytes, from, to, END_BEGINS)) {
      this.#end = readEnd(bytes.subarray(from, to), number, this.#header.rules, this.#options.limits.depth);
    } else if (begins(bytes, from, to, SLICE_BEGINS)) {
      if (this.#entries.count > 0)
        throw new Unreadable('malformed', `line ${number} is a slice behind the first entry`);
      this.#slices.add(bytes.subarray(from, to), number);
    } else if (this.#moves !== undefined && begins(bytes, from, to, MOVE_BEGINS)) {
      this.#moves.take(bytes.subarray(from, to), number);
    } else {
      if ((this.#moves?.count ?? 0) > 0)
        throw new Unreadable('malformed', `line ${number} is an entry behind the first move`);
      this.#takeEntry(bytes, from, to, number, this.#header, this.#slices, this.#entries);
    }
  }

  #takeHeader(bytes: Uint8Array): void {
    const { findings, limits, onHead, primitives } = this.#options;
    const header = readHeader(bytes, this.#options);
    const { chains, closedAtUs, rules, signers } = header;
    const jobs = this.#jobs;
    const { memory } = jobs;
    const areShown = chains !== undefined;
    const others = new Others({
      primitives,
      memory,
      findings,
      most: limits.others,
      rules,
      closedAtUs,
      areShown,
    });
    this.#header = header;
    this.#slices = new Slices({ primitives, limits, signers, findings, jobs, chains, others, onHead });
    const entries = new Entries(rules.campaign, jobs, primitives, to => pool.advance(to));
    const pool = new Pool(entries, rules.kind, jobs);
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
        `line ${number} has ${to - from} bytes; an entry has at most ${limits.entryBytes}`,
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
        `line ${number} has the stamp ${entry.stamp}, and ${this.#lastStamp} stands before it`,
      );
    }
    this.#lastStamp = entry.stamp;
    const atUs = instantOf(entry.stamp, rules.opensAtUs);
    if (atUs >= closedAtUs) {
      findings.add(
        'outside-window',
        `line ${number} was stamped ${isoOf(atUs)}; the campaign closed ${isoOf(closedAtUs)}`,
      );
    }
    slices.takeEntry(entry.slice, entry.stamp, atUs, number);
    this.#judge?.take(entry, number);
    this.#moves?.takeEntry(entry);
    entries.add(entry, this.#groupWords);
  }

  #checkCounts(end: End, slices: Slices, entries: Entries): void {
    const counts = [
      ['entries', end.entries, entries.count],
      ['slices', end.slices, slices.count],
      ['moves', end.moves, this.#moves?.count ?? 0],
      ['lines before the last', end.lines, this.#lines.number - 1],
    ] as const;
    for (const [what, said, found] of counts) {
      if (said !== found) {
        this.#options.findings.add('wrong-counts', `the last line says ${said} ${what}; there are ${found}`);
      }
    }
    if (end.count !== entries.honoured) {
      this.#options.findings.add(
        'pool-count',
        `the last line says that ${end.count} entries are in the pool; ${entries.honoured} are not withdrawn`,
      );
    }
  }

  #checkPool(kind: Rules['kind'], end: End, root: Uint8Array): void {
    if (!areEqual(root, end.poolRoot)) {
      this.#options.findings.add(
        'pool-root',
        kind === 'coupon'
          ? 'the root over the pool, in the last line, is not the one of the entries in the book'
          : 'the root over the pool, in the last line, is not the one of the entries in the book with their tickets, groups and exclusions',
      );
    }
  }

  /** Undefined where there is no draw, or one of more tickets than are drawn here. */
  #beginDraw({ draw }: End, entries: Entries, judge: CouponJudge | RaffleJudge): Float64Array | undefined {
    if (draw === undefined || !(judge instanceof RaffleJudge)) return undefined;
    if (judge.tickets > this.#options.limits.tickets) return undefined;
    return judge.beginDraw(entries, draw.seed, this.#jobs);
  }

  async #checkDraw(
    { rules, closedAtUs }: Header,
    { draw }: End,
    entries: Entries,
    judge: CouponJudge | RaffleJudge,
    poolRoot: Uint8Array,
    starts: Float64Array | undefined,
  ): Promise<ReadBook['draw']> {
    const { findings, limits, primitives } = this.#options;
    if (rules.kind !== 'raffle' || draw === undefined || !(judge instanceof RaffleJudge)) return undefined;
    await checkRandomness(draw, rules, closedAtUs, findings, primitives);
    checkSeed(draw, rules, poolRoot, entries.honoured, findings, primitives);
    if (starts === undefined) {
      throw new Unreadable(
        'too-large',
        `the entrants have ${judge.tickets} tickets; at most ${limits.tickets} are drawn here`,
      );
    }
    return { facts: draw, drawn: judge.checkDraw(entries, draw.seed, starts, primitives) };
  }

  async #checkSignature({ version, closedAtUs, signers }: Header, end: End): Promise<void> {
    const { findings, primitives } = this.#options;
    // At a time that the book does not tell: its key need not be older than the campaign.
    const key = signers.keyFor(end.keyId, 'books', closedAtUs, 'the book', true);
    if (key === undefined) return;
    const message = concat(utf8(`fairline book ${version}`), this.#hash.digest(), utf8(end.canonical));
    if (!(await primitives.verifyEd25519(key.bytes, message, end.signature))) {
      findings.add(
        'book-signature',
        `the book is not signed by its key ${end.keyId}: something in it was changed`,
      );
    }
  }
}

function begins(bytes: Uint8Array, from: number, to: number, beginning: Uint8Array): boolean {
  if (to - from < beginning.length) return false;
  for (let at = 0; at < beginning.length; at++) if (bytes[from + at] !== beginning[at]) return false;
  return true;
}
