/**
 * Checks an exported operator log: the chain of its rows, and signed heads against it. It is read as a stream, a page per line, as
 * `GET /v1/operator-log` answers them: `{"acts":[row,…],"heads":[head,…],"next":…}`.
 */
import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import type { Signers } from '../receipts/keys.ts';
import { isoOf } from '../receipts/leaf.ts';
import { areEqual, concat, utf8 } from '../text/bytes.ts';
import { Members, parseObject } from '../text/json.ts';
import { linesOf } from '../text/line-stream.ts';
import { COMMA } from '../text/plain-text.ts';
import { type AnnouncedBook, AnnouncedRules, targetOf } from './announced.ts';
import { isSigned, type LogHead, readLogHead, verifyLogHead } from './log-head.ts';
import { NO_ROW, RowHasher, readLogRow } from './log-row.ts';
import { type PlainPage, PlainPages } from './plain-pages.ts';

/** A page of the service has 1,000. */
const MOST_A_PAGE = 100_000;
/** Heads over rows that have not been read yet: in an honest export they are on the page of their row. */
const MOST_AHEAD = 10_000;
/** So many signatures may be verified while this thread reads on: enough for all cores, and little memory. */
const MOST_UNDER_WAY = 64;
const OPENING_BRACE = utf8('{');

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

/** A head whose row has been read, while its signature is verified. */
interface Compared {
  readonly head: LogHead;
  readonly isOfRow: boolean;
  /** Undefined if its key is unknown. */
  readonly signed: Promise<boolean> | true | undefined;
}

export class OperatorLog {
  readonly #options: LogOptions;
  readonly #hasher: RowHasher;
  readonly #plain: PlainPages;
  readonly #announced: AnnouncedRules | undefined;
  /** By the row that they cover: heads over rows that come later. */
  readonly #ahead = new Map<number, LogHead[]>();
  readonly #compared: Compared[] = [];
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
    this.#plain = new PlainPages({
      primitives: options.primitives,
      depth: options.limits.depth,
      target: options.announced && targetOf(options.announced),
    });
    this.#announced = options.announced && new AnnouncedRules(options.announced, options.findings);
    if (options.ofBook !== undefined) this.#expect(options.ofBook);
  }

  /** Reads and checks all of it. Rejects with Unreadable. */
  async read(source: AsyncIterable<Uint8Array>): Promise<LogReport> {
    const { logBytes: mostBytes, lineBytes: mostLineBytes } = this.#options.limits;
    let number = 0;
    try {
      for await (const line of linesOf(source, { mostBytes, mostLineBytes, what: 'the pages of the log' })) {
        number += 1;
        this.#takePage(line, `page ${number} of the log`);
        await this.#judge(MOST_UNDER_WAY);
      }
    } finally {
      await this.#judge(0);
    }
    await this.#end();
    this.#announced?.end();
    const [rows, heads, last, hasHeadOfBook] = [this.#rows, this.#heads, this.#last, this.#hasHeadOfBook];
    return { rows, heads, areHeadsChecked: this.#options.signers !== undefined, last, hasHeadOfBook };
  }

  #takePage(line: Uint8Array, what: string): void {
    const plain = this.#plain.read(line, this.#previous);
    const rest = plain && this.#membersOf(concat(OPENING_BRACE, line.subarray(plain.end + 1)), what);
    // A second list of acts would count instead of the first.
    const isPlain = plain !== undefined && line[plain.end] === COMMA && rest?.has('acts') === false;
    const members = isPlain && rest !== undefined ? rest : this.#membersOf(line, what);
    for (const [index, value] of members.array('heads', MOST_A_PAGE).entries()) {
      this.#expect(readLogHead(value, `head ${index + 1} on ${what}`));
    }
    if (isPlain) this.#takePlainly(plain, line, what);
    else {
      for (const [index, value] of members.array('acts', MOST_A_PAGE).entries()) {
        const row = readLogRow(value, `act ${index + 1} on ${what}`);
        this.#take(row.seq, areEqual(this.#hasher.hash(this.#previous, row), row.hash));
        // As stated: what was changed in one row is found once.
        this.#previous = row.hash;
        this.#announced?.take(row);
        this.#compareHeads(row.seq, row.hash);
      }
    }
    members.json('next');
    members.end();
  }

  #membersOf(bytes: Uint8Array, what: string): Members {
    return new Members(parseObject(bytes, what, this.#options.limits.depth), what);
  }

  #takePlainly(page: PlainPage, line: Uint8Array, what: string): void {
    for (let index = 0; index < page.count; index++) {
      const seq = page.seqs[index] ?? 0;
      this.#take(seq, page.isRight[index] === 1);
      if (this.#announced !== undefined && page.isMarked[index] === 1) {
        const text = line.subarray(page.begins[index], page.ends[index]);
        this.#announced.take(readLogRow(parseObject(text, what, this.#options.limits.depth), what));
      }
      if (this.#ahead.has(seq)) this.#compareHeads(seq, this.#plain.hash(index));
    }
    this.#previous = this.#plain.hash(page.count - 1);
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

  #take(seq: number, isHashRight: boolean): void {
    this.#checkOrder(seq);
    if (!isHashRight) {
      const before = this.#seq === 0 ? 'the beginning of the log' : `act ${this.#seq}`;
      this.#options.findings.add(
        'log-row',
        `the hash of act ${seq} does not follow from what it says and from ${before}: it was changed, or comes from another place, or ${before} does`,
      );
    }
    this.#seq = seq;
    this.#rows += 1;
  }

  #checkOrder(seq: number): void {
    const { findings } = this.#options;
    const expected = this.#seq + 1;
    if (seq > expected) {
      const missing = seq - 1 === expected ? `act ${expected} is` : `acts ${expected} to ${seq - 1} are`;
      findings.add('log-order', `${missing} missing`);
    } else if (seq < expected) findings.add('log-order', `act ${seq} follows act ${this.#seq}`);
  }

  /** Those over the row that was taken last. */
  #compareHeads(seq: number, hash: Uint8Array): void {
    const heads = this.#ahead.get(seq);
    if (heads === undefined) return;
    this.#ahead.delete(seq);
    for (const head of heads) {
      this.#compared.push({ head, isOfRow: areEqual(head.hash, hash), signed: this.#verify(head) });
    }
  }

  /** Judges heads in their order, until the signatures of at most `left` are under way. */
  async #judge(left: number): Promise<void> {
    while (this.#compared.length > left) {
      const next = this.#compared.shift();
      if (next !== undefined) this.#judgeHead(next, await next.signed);
    }
  }

  /** A head that nobody has signed says nothing about the rows. */
  #judgeHead({ head, isOfRow }: Compared, signed: boolean | undefined): void {
    const { findings, ofBook } = this.#options;
    const { seq } = head;
    if (!isSigned(head, signed, findings)) return;
    if (!isOfRow) {
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
    if (head === ofBook) this.#hasHeadOfBook = true;
    else this.#heads += 1;
    if (this.#last === undefined || this.#last.seq < seq) this.#last = { seq, atMs: head.atMs };
  }

  /** That of the book was checked with it; without keys, none is. */
  #verify(head: LogHead): Compared['signed'] {
    const { primitives, signers, ofBook } = this.#options;
    return head === ofBook || signers === undefined || verifyLogHead(head, signers, primitives);
  }

  /** What is still ahead covers rows that are not there. */
  async #end(): Promise<void> {
    for (const head of [...this.#ahead.values()].flat()) {
      const { seq, what, atMs } = head;
      if (isSigned(head, await this.#verify(head), this.#options.findings)) {
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
