/**
 * The entry point of the verifier: takes a book, receipts, a proof, an operator log and keys, as available, and returns a report. It neither
 * throws nor hangs on any input: unreadable input is a finding.
 */
import { BookReader } from './book/book.ts';
import type { BookOptions } from './book/book-header.ts';
import type { ReadBook } from './book/read-book.ts';
import { checkProof, compareProof, type Proof, readProof } from './draw/proof.ts';
import { exitCodeOf, type Finding, Findings, Unreadable } from './findings.ts';
import { type ComparedBook, KeptHeads } from './heads/kept-heads.ts';
import { checkNotedRoot, checkNotedRules } from './heads/noted.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { type LogReport, OperatorLog } from './log/operator-log.ts';
import type { Primitives } from './primitives.ts';
import { readKeysDocument, Signers } from './receipts/keys.ts';
import {
  checkReceipt,
  checkReceiptRules,
  type LocatedReceipt,
  locateReceipts,
  type Receipt,
  readReceipt,
  receiptOf,
} from './receipts/receipt.ts';
import { type Seen, wordsOf } from './report/report-text.ts';
import { Members, parseObject } from './text/json.ts';

export interface Request {
  readonly primitives: Primitives;
  readonly limits?: Partial<Limits>;
  /** NDJSON, plain or gzip. */
  readonly book?: AsyncIterable<Uint8Array>;
  /** JSON, with the user id that it was issued to. */
  readonly receipt?: { readonly bytes: Uint8Array; readonly user: string };
  /** Several: NDJSON of `{"receipt":{…},"user":"…"}`. */
  readonly receipts?: Uint8Array;
  readonly proof?: Uint8Array;
  /** A response of `GET /v1/keys`; without it, the keys in the book are used, and a receipt alone has none. */
  readonly keys?: Uint8Array;
  /** The `pool_root` that `GET /v1/campaigns/{id}` showed when it was noted: 32 bytes in base64url. */
  readonly poolRoot?: string;
  /** The `rules_hash` that it showed when that was noted: 32 bytes in base64url. */
  readonly rulesHash?: string;
  /** Kept heads, one page per line, as responses of `GET /v1/heads` or records of a monitor. Compared with the book. */
  readonly heads?: AsyncIterable<Uint8Array>;
  /** An operator log: responses of `GET /v1/operator-log`, one page per line. A piece need only be valid until the next is asked for. */
  readonly log?: AsyncIterable<Uint8Array>;
}

export interface Report {
  /** Whether there are no findings. */
  readonly ok: boolean;
  readonly exitCode: number;
  readonly findings: readonly Finding[];
  /** In plain words: what is proven. Empty if there are findings. */
  readonly checked: readonly string[];
  /** In plain words: what is notable but not wrong. */
  readonly notes: readonly string[];
  /** In plain words: what a report without findings does not prove. */
  readonly notProven: readonly string[];
  readonly facts: Readonly<Record<string, unknown>>;
}

export async function verify(request: Request): Promise<Report> {
  const findings = new Findings();
  const limits = { ...defaultLimits, ...request.limits };
  const seen = await lookAt(request, limits, findings);
  const all = findings.all;
  const words = wordsOf(seen, findings.isEmpty);
  return {
    ok: all.length === 0,
    exitCode: exitCodeOf(all),
    findings: all,
    ...words,
  };
}

async function lookAt(request: Request, limits: Limits, findings: Findings): Promise<Seen> {
  const { primitives } = request;
  const read = <T>(make: () => T): T | undefined => {
    try {
      return make();
    } catch (error) {
      findings.addUnreadable(error);
      return undefined;
    }
  };
  const { keys, proof: proofBytes } = request;
  const pinned = keys === undefined ? undefined : read(() => readKeysDocument(keys, limits, primitives));
  const receipts = read(() => receiptsOf(request, limits)) ?? [];
  const proof = proofBytes === undefined ? undefined : read(() => readProof(proofBytes, limits, primitives));
  const isSkipped = keys !== undefined && pinned === undefined;
  const slicesOfReceipts = new Map<string, number>();
  const heads = new Set(receipts.map(({ headText }) => headText));
  const hasKept = request.heads !== undefined || receipts.length > 0;
  const kept = hasKept ? await keptOf(request, receipts, limits, findings) : undefined;
  const onHead: BookOptions['onHead'] = (head, text, index) => {
    if (heads.has(text)) slicesOfReceipts.set(text, index);
    kept?.takeHead(head);
  };
  const options = { primitives, limits, findings, pinned, onHead };
  const book = request.book === undefined || isSkipped ? undefined : await readBook(request.book, options);
  const keptReport = book === undefined ? undefined : await kept?.end(comparedOf(book));
  const signers = book?.signers ?? new Signers(pinned, new Map(), findings);
  // Without a book and keys, the signer is unknown; the report says so.
  const hasKeys = request.book === undefined ? pinned !== undefined : book !== undefined;
  if (hasKeys || request.book === undefined) {
    for (const receipt of receipts)
      await checkReceipt(receipt, hasKeys ? signers : undefined, findings, primitives);
  }
  if (proof !== undefined) await checkProof(proof, findings, primitives);
  const located = book === undefined ? [] : holdAgainst(book, receipts, slicesOfReceipts, proof, findings);
  const shownRoot = book?.poolRoot ?? proof?.poolRoot;
  const hasNotedRoot = request.poolRoot !== undefined && shownRoot !== undefined;
  if (hasNotedRoot) read(() => checkNotedRoot(request.poolRoot ?? '', shownRoot, findings));
  const rules = book?.rules ?? proof?.rules;
  const { rulesHash } = request;
  const notedRules =
    rulesHash === undefined || rules === undefined
      ? undefined
      : read(() => checkNotedRules(rulesHash, rules, book?.raises ?? [], findings));
  const noted = { hasNotedRoot, notedRules };
  const log = isSkipped
    ? undefined
    : await readLog(request, book, hasKeys ? signers : undefined, limits, findings);
  const isPinned = pinned !== undefined;
  const { revokedLater } = signers;
  const seenKept = request.heads === undefined ? undefined : keptReport;
  return { book, receipts, located, proof, pinned: isPinned, ...noted, kept: seenKept, log, revokedLater };
}

/** Kept heads, including those of receipts; undefined if they cannot be read. */
async function keptOf(
  { heads, primitives }: Request,
  receipts: readonly Receipt[],
  limits: Limits,
  findings: Findings,
): Promise<KeptHeads | undefined> {
  const kept = new KeptHeads({ findings, limits, primitives });
  try {
    if (heads !== undefined) await kept.read(heads);
  } catch (error) {
    findings.addUnreadable(error);
    return undefined;
  }
  for (const { head, what } of receipts) kept.addReceipt(head, `the head of ${what}`);
  return kept;
}

/** Undefined without a log, or if it cannot be read to its end. */
async function readLog(
  { log, primitives }: Request,
  book: ReadBook | undefined,
  signers: Signers | undefined,
  limits: Limits,
  findings: Findings,
): Promise<LogReport | undefined> {
  if (log === undefined) return undefined;
  try {
    const announced = book && {
      campaign: book.rules.campaign,
      rulesHash: book.rules.hash,
      raises: book.raises,
    };
    const options = { findings, limits, primitives, signers, ofBook: book?.logHead, announced };
    return await new OperatorLog(options).read(log);
  } catch (error) {
    findings.addUnreadable(error);
    return undefined;
  }
}

function comparedOf({ chains: { time }, rules, signers }: ReadBook): ComparedBook {
  return { time, announcedCloseUs: rules.closesAtUs, signers };
}

async function readBook(
  source: AsyncIterable<Uint8Array>,
  options: BookOptions,
): Promise<ReadBook | undefined> {
  try {
    return await new BookReader(options).read(plain(source, options));
  } catch (error) {
    options.findings.addUnreadable(error);
    return undefined;
  }
}

function holdAgainst(
  book: ReadBook,
  receipts: readonly Receipt[],
  slices: ReadonlyMap<string, number>,
  proof: Proof | undefined,
  findings: Findings,
): readonly LocatedReceipt[] {
  const { rules, closedAtUs, entries, poolRoot, draw } = book;
  for (const receipt of receipts) checkReceiptRules(receipt, rules, closedAtUs, findings);
  if (proof !== undefined) {
    if (rules.kind !== 'raffle' || draw === undefined) {
      findings.add('proof-differs', 'the book is of a campaign without a draw');
    } else {
      compareProof(proof, { rules, poolRoot, poolCount: entries.honoured, ...draw, entries }, findings);
    }
  }
  const ofCampaign = receipts.filter(({ campaign }) => campaign === rules.campaign);
  return locateReceipts(ofCampaign, slices, entries, book.judge, rules, findings);
}

function receiptsOf({ receipt, receipts, primitives }: Request, limits: Limits): readonly Receipt[] {
  const one =
    receipt === undefined
      ? []
      : [readReceipt(receipt.bytes, receipt.user, 'the receipt', limits, primitives)];
  return receipts === undefined ? one : [...one, ...readMany(receipts, limits, primitives)];
}

const NEWLINE = 0x0a;

function readMany(bytes: Uint8Array, limits: Limits, primitives: Primitives): Receipt[] {
  if (bytes.length > limits.receiptsBytes)
    throw new Unreadable('too-large', `the receipts have more than ${limits.receiptsBytes} bytes`);
  const read: Receipt[] = [];
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, from);
    const to = found < 0 ? bytes.length : found;
    const what = `receipt ${read.length + 1}`;
    if (to - from > limits.receiptBytes || read.length === limits.receipts) {
      throw new Unreadable(
        'too-large',
        `${what} has more than ${limits.receiptBytes} bytes, or there are more than ${limits.receipts} receipts`,
      );
    }
    const members = new Members(parseObject(bytes.subarray(from, to), what, limits.depth), what);
    const user = members.text('user', 4096);
    read.push(receiptOf(members.object('receipt'), user, `${what} (${user.slice(0, 60)})`, primitives));
    members.end();
    from = to + 1;
  }
  return read;
}

/** The pieces of a book as plain text: gzip is recognised by its first two bytes, and its ratio is limited. */
async function* plain(
  source: AsyncIterable<Uint8Array>,
  { primitives, limits }: BookOptions,
): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  let compressedBytes = 0;
  const rest = async function* (first: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let piece = first; ; ) {
      compressedBytes += piece.length;
      yield piece;
      const next = await nextOf(pieces);
      if (next === undefined) return;
      piece = next;
    }
  };
  const first = await nextOf(pieces);
  if (first === undefined) return;
  if (first[0] !== 0x1f || first[1] !== 0x8b) return yield* rest(first);
  /** Below this size, a repetitive beginning proves nothing. */
  const FREE_BYTES = 1 << 22;
  let bytes = 0;
  for await (const piece of primitives.gunzip(rest(first))) {
    bytes += piece.length;
    if (bytes > FREE_BYTES && bytes > compressedBytes * limits.ratio) {
      throw new Unreadable('too-large', `the book inflates to more than ${limits.ratio} times its size`);
    }
    yield piece;
  }
}

async function nextOf(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await pieces.next();
    return done === true ? undefined : value;
  } catch (error) {
    throw new Unreadable(
      'unreadable',
      `the book cannot be read: ${error instanceof Error ? error.message : 'it ended early'}`,
    );
  }
}
