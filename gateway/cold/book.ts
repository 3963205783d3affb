/**
 * GET /v1/campaigns/{id}/book and …/proof, with which anybody can verify a campaign. Both are complete in the ledger, and are
 * read and sent in parts. A book may have gigabytes, so a client can ask for the rest of one.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { Queryable } from '../../sql/database.ts';
import {
  type BookState,
  findBookPart,
  readBookPart,
  readBookState,
} from '../../sql/statements/books/books.ts';
import { readProofBytes, readProofPart } from '../../sql/statements/draws/draws.ts';
import { readRangeHead, wantedBytes } from '../http/ranges.ts';
import { ANSWERED, type Answered, type Headers, type Reply } from '../http/reply.ts';
import { type RefusalParts, readCampaignId, refuseUnknown } from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import { Download, type DownloadSlots, type Extent } from './download.ts';
import type { Ledger } from './ledger.ts';
import { refuseUnavailable } from './unavailable.ts';

export interface BookParts extends RefusalParts {
  readonly board: Pick<Board, 'campaign'>;
  readonly ledger: Pick<Ledger, 'ask'>;
  /** For the parts of downloads; see DOWNLOADS. */
  readonly downloads: Pick<Ledger, 'ask'>;
  readonly slots: DownloadSlots;
  /** Called when a download breaks off on our side. */
  readonly failed: (error: unknown) => void;
}

/**
 * Downloads read from the ledger apart from other requests: many of them do not keep those waiting, and a part that is slow does
 * not make them fail.
 */
export const DOWNLOADS = {
  connections: 2,
  /** The time for a part of 256 KB. Shorter: a slow disk ends downloads. Longer: it takes longer to find out that a server hangs. */
  timeoutMs: 5_000,
} as const;
/** At once, for each gateway: 64 MB of parts. */
export const MOST_DOWNLOADS = 256;
/**
 * With the time for the last attempt, the client gets nothing for less than 60 s, when a proxy would give up (nginx's
 * proxy_read_timeout). Shorter: a failover of PostgreSQL, which takes half a minute, ends downloads.
 */
const RETRY_FOR_MS = 45_000;
const FOR_GOOD = { 'cache-control': 'public, max-age=31536000, immutable' };
const LATER = { headers: { 'retry-after': '5' } };

/** GET /v1/campaigns/{id}/book: gzip of NDJSON, as engine/verify/README.md describes it, or a range of it. Never changes. */
export async function getBook(parts: BookParts, reply: Reply, req: HttpRequest): Promise<void> {
  const id = readCampaignId(parts, reply, req.getParameter(0) ?? '');
  if (id === ANSWERED) return;
  const asked = readRangeHead(req);
  if (isRoom(parts, id)) return void refuseRoom(reply, id, 'no-book');
  const state = await ask(parts, reply, () => parts.ledger.ask(db => readBookState(db, id)));
  if (state === ANSWERED) return;
  if (state === undefined) return void refuseUnknown(parts, reply, id);
  if (state.isRoom) return void refuseRoom(reply, id, 'no-book');
  const book = bookOf(reply, id, state);
  if (book === ANSWERED) return;
  const found = { etag: book.etag, ...FOR_GOOD };
  const wanted = wantedBytes(asked, book.etag, book.bytes);
  if (wanted.kind === 'known') return void reply.empty(304, found);
  if (wanted.kind === 'another') return void refuseAnother(reply, id, asked.ifMatch, book);
  if (wanted.kind === 'beyond') return void refuseBeyond(reply, id, asked.range, book);
  const extent = await extentOf(parts, reply, id, wanted);
  if (extent === ANSWERED) return;
  const headers = {
    'content-type': 'application/gzip',
    'content-disposition': `attachment; filename="campaign-${id}.book.ndjson.gz"`,
    'accept-ranges': 'bytes',
    ...found,
  };
  const { from, until } = wanted;
  const range = { 'content-range': `bytes ${from}-${until - 1}/${book.bytes}` };
  await send(parts, reply, {
    name: `the book of campaign ${id}`,
    ...(wanted.isRange ? { status: 206, headers: { ...headers, ...range } } : { status: 200, headers }),
    extent,
    read: (db, part) => readBookPart(db, id, part),
  });
}

interface Body {
  readonly name: string;
  readonly status: number;
  readonly headers: Headers;
  readonly extent: Extent;
  readonly read: (db: Queryable, part: number) => Promise<Buffer | undefined>;
}

async function send(
  { downloads, slots, failed, metrics }: BookParts,
  reply: Reply,
  { name, status, headers, extent, read }: Body,
): Promise<void> {
  if (!slots.take()) {
    metrics.refuse('downloads');
    reply.problem('unavailable', 'This gateway sends as many downloads as it can at once.', LATER);
    return;
  }
  try {
    const res = reply.file(status, headers);
    if (res === undefined) return;
    const readPart = (part: number) => downloads.ask(db => read(db, part));
    await new Download({ name, reply, res, extent, read: readPart, retryForMs: RETRY_FOR_MS, failed }).run();
  } finally {
    slots.give();
  }
}

/** Where the wanted bytes lie; answers 503 if the ledger cannot say so. */
async function extentOf(
  parts: BookParts,
  reply: Reply,
  id: number,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<Extent | Answered> {
  const bytes = until - from;
  if (from === 0) return { firstPart: 0, skipped: 0, bytes };
  const found = await ask(parts, reply, () => parts.ledger.ask(db => findBookPart(db, id, from)));
  if (found === ANSWERED) return ANSWERED;
  if (found === undefined) throw new Error(`the book of campaign ${id} has no part with its byte ${from}`);
  return { firstPart: found.part, skipped: from - found.from, bytes };
}

/** Knows only the campaigns on the board; whether a shelved one is a room is in the ledger. */
function isRoom({ board }: Pick<BookParts, 'board'>, id: number): boolean {
  return board.campaign(id)?.kind === 'room';
}

/** A waiting room admits everybody, so there is nothing to prove. */
function refuseRoom(reply: Reply, id: number, slug: 'no-book' | 'no-proof'): void {
  const what = slug === 'no-book' ? 'book' : 'proof';
  reply.problem(slug, `Campaign ${id} is a waiting room; a waiting room has no ${what}.`);
}

interface Book {
  /** Of the whole. */
  readonly bytes: number;
  /** Strong, with its quotes. */
  readonly etag: string;
}

/** The book; answers why if there is none. */
function bookOf(reply: Reply, id: number, state: BookState): Book | Answered {
  const { isFinished, bytes, madeAt, refused } = state;
  if (refused !== null) return reply.problem('no-book', `Campaign ${id} has no book: ${refused}.`);
  // The ledger never changes a book. Only one restored to before it was made has another, made at another time.
  if (bytes !== null && madeAt !== null)
    return { bytes, etag: `"${madeAt.getTime().toString(36)}-${bytes.toString(36)}"` };
  const what = isFinished ? 'is decided; its book is still being made' : 'is not decided yet';
  return reply.problem('not-decided-yet', `Campaign ${id} ${what}.`, LATER);
}

function refuseAnother(reply: Reply, id: number, asked: string, { etag }: Book): void {
  const fault = fieldFault('if-match', asked, etag);
  reply.problem('precondition-failed', `If-Match does not name the book of campaign ${id}.`, {
    members: { errors: [fault] },
    headers: { etag },
  });
}

function refuseBeyond(reply: Reply, id: number, asked: string, { bytes }: Book): void {
  const fault = fieldFault('range', asked, `a range that begins before byte ${bytes}`);
  const detail = `The book of campaign ${id} has ${bytes} bytes; the range begins after the last one.`;
  reply.problem('range-not-satisfiable', detail, {
    members: { errors: [fault] },
    headers: { 'content-range': `bytes */${bytes}` },
  });
}

/** GET /v1/campaigns/{id}/proof: all that is needed to repeat a raffle's draw, as JSON. Never changes. */
export async function getProof(parts: BookParts, reply: Reply, req: HttpRequest): Promise<void> {
  const id = readCampaignId(parts, reply, req.getParameter(0) ?? '');
  if (id === ANSWERED) return;
  if (isRoom(parts, id)) return void refuseRoom(reply, id, 'no-proof');
  const found = await ask(parts, reply, () =>
    parts.ledger.ask(async db => ({
      state: await readBookState(db, id),
      bytes: await readProofBytes(db, id),
    })),
  );
  if (found === ANSWERED) return;
  const { state, bytes } = found;
  if (state === undefined) refuseUnknown(parts, reply, id);
  else if (state.isRoom) refuseRoom(reply, id, 'no-proof');
  else if (bytes > 0) {
    await send(parts, reply, {
      name: `the proof of campaign ${id}`,
      status: 200,
      headers: { 'content-type': 'application/json', ...FOR_GOOD },
      extent: { firstPart: 0, skipped: 0, bytes },
      read: (db, part) => readProofPart(db, id, part),
    });
  } else if (state.isFinished) {
    reply.problem('no-proof', `Campaign ${id} is not a raffle with a draw proof.`);
  } else reply.problem('not-decided-yet', `Campaign ${id} is not decided yet.`, LATER);
}

async function ask<T>(parts: RefusalParts, reply: Reply, question: () => Promise<T>): Promise<T | Answered> {
  try {
    return await question();
  } catch (error) {
    return refuseUnavailable(parts, reply, error, 'Books and proofs cannot be read right now.');
  }
}
