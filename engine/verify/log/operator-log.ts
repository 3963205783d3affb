/**
 * Checks an exported operator log: the chain of its rows, and signed heads against it. It is read as a stream, a page per line, as
 * `GET /v1/operator-log` answers them: `{"acts":[row,…],"heads":[head,…],"next":…}`.
 */
import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import type { Signers } from '../receipts/keys.ts';
import { isoOf } from '../receipts/leaf.ts';
import { areEqual } from '../text/bytes.ts';
import { Members, parseObject } from '../text/json.ts';
import { linesOf } from '../text/line-stream.ts';
import { type AnnouncedBook, AnnouncedRules } from './announced.ts';
import { checkLogHead, type LogHead, readLogHead } from './log-head.ts';
import { type LogRow, NO_ROW, RowHasher, readLogRow } from './log-row.ts';

/** A page of the service has 1,000. */
const MOST_A_PAGE = 100_000;
/** Heads over rows that have not been read yet: in an honest export they are on the page of their row. */
const MOST_AHEAD = 10_000;

export interface LogOptions {
  readonly findings: Findings;
  readonly limits: Limits;
  readonly primitives: Primitives;
  /** Undefined if there are no keys: then signatures are not checked. */
  readonly signers: Signers | undefined;
  /** The head that a book names; its signature was checked with the book. */
  readonly ofBook: LogHead | undefined;
  /** What the book says about its campaign; undefined without a book. */
  readonly announced: AnnouncedBook | undefined;
}

export interface LogReport {
  /** How many rows there are. */
  readonly rows: number;
  /** Heads in the log that match it, and whose signatures are valid, as far as there are keys. */
  readonly heads: number;
  readonly areHeadsChecked: boolean;
  /** The last row that a matching head covers, and when that was signed; undefined if there is none. */
  readonly last: { readonly seq: number; readonly atMs: number } | undefined;
  /** Whether the head that the book names matches. */
  readonly hasHeadOfBook: boolean;
}

export class OperatorLog {
  readonly #options: LogOptions;
  readonly #hasher: RowHasher;
  readonly #announced: AnnouncedRules | undefined;
  /** By the row that they cover: heads over rows that come later. */
  readonly #ahead = new Map<number, LogHead[]>();
  #previous: Uint8Array = NO_ROW;
  #seq = 0;
  #rows = 0;
  #heads = 0;
  #last: LogReport['last'];
  #hasHeadOfBook = false;
  /** A head has been found that contradicts the rows: every later one does, too. */
  #isContradicted = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#hasher = new RowHasher(options.primitives);
    this.#announced = options.announced && new AnnouncedRules(options.announced, options.findings);
    if (options.ofBook !== undefined) this.#expect(options.ofBook);
  }

  /** Reads and checks all of it. Rejects with Unreadable. */
  async read(source: AsyncIterable<Uint8Array>): Promise<LogReport> {
    const { logBytes: mostBytes, lineBytes: mostLineBytes, depth } = this.#options.limits;
    let number = 0;
    for await (const line of linesOf(source, { mostBytes, mostLineBytes, what: 'the pages of the log' })) {
      number += 1;
      const what = `page ${number} of the log`;
      const members = new Members(parseObject(line, what, depth), what);
      const heads = members.array('heads', MOST_A_PAGE);
      for (const [index, value] of heads.entries()) {
        this.#expect(readLogHead(value, `head ${index + 1} on ${what}`));
      }
      for (const [index, value] of members.array('acts', MOST_A_PAGE).entries()) {
        await this.#take(readLogRow(value, `act ${index + 1} on ${what}`));
      }
      members.json('next');
      members.end();
    }
    await this.#end();
    this.#announced?.end();
    const [rows, heads, last, hasHeadOfBook] = [this.#rows, this.#heads, this.#last, this.#hasHeadOfBook];
    return { rows, heads, areHeadsChecked: this.#options.signers !== undefined, last, hasHeadOfBook };
  }

  #expect(head: LogHead): void {
    const { findings } = this.#options;
    if (head.seq <= this.#seq) {
      findings.add('log-head', `${head.what} is over act ${head.seq}, which is not on its page`);
      return;
    }
    const known = this.#ahead.get(head.seq) ?? [];
    if (this.#ahead.size === MOST_AHEAD || known.length === MOST_AHEAD)
      throw new Unreadable('too-large', `more than ${MOST_AHEAD} heads are over acts that come later`);
    this.#ahead.set(head.seq, [...known, head]);
  }

  async #take(row: LogRow): Promise<void> {
    this.#checkOrder(row.seq);
    const hash = this.#hasher.hash(this.#previous, row);
    if (!areEqual(hash, row.hash)) {
      const before = this.#seq === 0 ? 'the beginning of the log' : `act ${this.#seq}`;
      this.#options.findings.add(
        'log-row',
        `the hash of act ${row.seq} does not follow from what it says and from ${before}: it was changed, or comes from another place, or ${before} does`,
      );
    }
    // As stated: what was changed in one row is found once.
    this.#previous = row.hash;
    this.#seq = row.seq;
    this.#rows += 1;
    this.#announced?.take(row);
    const heads = this.#ahead.get(row.seq);
    if (heads === undefined) return;
    this.#ahead.delete(row.seq);
    for (const head of heads) await this.#compare(head, row);
  }

  #checkOrder(seq: number): void {
    const { findings } = this.#options;
    const expected = this.#seq + 1;
    if (seq > expected) {
      const missing = seq - 1 === expected ? `act ${expected} is` : `acts ${expected} to ${seq - 1} are`;
      findings.add('log-order', `${missing} missing`);
    } else if (seq < expected) findings.add('log-order', `act ${seq} follows act ${this.#seq}`);
  }

  async #compare(head: LogHead, { seq, hash }: LogRow): Promise<void> {
    const { findings, ofBook } = this.#options;
    const isOfBook = head === ofBook;
    if (!(await this.#isSigned(head))) return;
    if (!areEqual(head.hash, hash)) {
      const since = this.#last === undefined ? 1 : this.#last.seq + 1;
      const which = since === seq ? `act ${seq}` : `one of the acts ${since} to ${seq}`;
      const more = this.#isContradicted ? '' : `: ${which} was changed, or put in the place of another`;
      findings.add(
        'log-head',
        `act ${seq} is not the one that ${head.what}, signed ${isoOf(head.atMs * 1000)}, is over${more}`,
      );
      this.#isContradicted = true;
      return;
    }
    if (isOfBook) this.#hasHeadOfBook = true;
    else this.#heads += 1;
    if (this.#last === undefined || this.#last.seq < seq) this.#last = { seq, atMs: head.atMs };
  }

  /** A head that nobody has signed says nothing about the rows. */
  async #isSigned(head: LogHead): Promise<boolean> {
    const { findings, primitives, signers, ofBook } = this.#options;
    if (head === ofBook || signers === undefined) return true;
    return await checkLogHead(head, signers, findings, primitives);
  }

  /** What is still ahead covers rows that are not there. */
  async #end(): Promise<void> {
    for (const head of [...this.#ahead.values()].flat()) {
      const { seq, what, atMs } = head;
      if (await this.#isSigned(head)) {
        this.#options.findings.add(
          seq > this.#seq ? 'log-cut' : 'log-head',
          seq > this.#seq
            ? `${what}, signed ${isoOf(atMs * 1000)}, is over act ${seq}, but the log ends with act ${this.#seq}: acts ${this.#seq + 1} to ${seq} were cut off`
            : `${what} is over act ${seq}, which is missing`,
        );
      }
    }
  }
}
