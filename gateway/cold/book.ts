/**
 * GET /v1/campaigns/{id}/book and …/proof, with which anybody can verify a campaign. Both are complete in the ledger, and are
 * read and sent in parts, so that unread data of a slow client takes no memory here.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { type BookState, readBookPart, readBookState } from '../../sql/statements/books/books.ts';
import { readProofBytes, readProofPart } from '../../sql/statements/draws/draws.ts';
import { ANSWERED, type Answered, type Reply } from '../http/reply.ts';
import { type RefusalParts, readCampaignId, refuseUnknown } from '../http/requests.ts';
import type { Board } from '../shared/board.ts';
import type { Ledger } from './ledger.ts';
import { refuseUnavailable } from './unavailable.ts';

export interface BookParts extends RefusalParts {
  readonly board: Pick<Board, 'campaign'>;
  readonly ledger: Pick<Ledger, 'ask'>;
  /** Called when a download breaks off on our side. */
  readonly failed: (error: unknown) => void;
}

const FOR_GOOD = { 'cache-control': 'public, max-age=31536000, immutable' };
const LATER = { headers: { 'retry-after': '5' } };

/** GET /v1/campaigns/{id}/book: gzip of NDJSON, as engine/verify/README.md describes it. Never changes. */
export async function getBook(parts: BookParts, reply: Reply, req: HttpRequest): Promise<void> {
  const id = readCampaignId(parts, reply, req.getParameter(0) ?? '');
  if (id === ANSWERED) return;
  if (isRoom(parts, id)) return void refuseRoom(reply, id, 'no-book');
  const state = await ask(parts, reply, () => parts.ledger.ask(db => readBookState(db, id)));
  if (state === ANSWERED) return;
  if (state === undefined) return void refuseUnknown(parts, reply, id);
  if (state.isRoom) return void refuseRoom(reply, id, 'no-book');
  const total = bytesOf(reply, id, state);
  if (total === ANSWERED) return;
  const res = reply.file({
    'content-type': 'application/gzip',
    'content-disposition': `attachment; filename="campaign-${id}.book.ndjson.gz"`,
    ...FOR_GOOD,
  });
  const read = (part: number): Promise<Buffer | undefined> =>
    parts.ledger.ask(db => readBookPart(db, id, part));
  if (res !== undefined) await new Download({ reply, res, read, failed: parts.failed }, total).run();
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

/** The size of the book; answers why if there is none. */
function bytesOf(reply: Reply, id: number, { isFinished, bytes, refused }: BookState): number | Answered {
  if (refused !== null) return reply.problem('no-book', `Campaign ${id} has no book: ${refused}.`);
  if (bytes !== null) return bytes;
  const what = isFinished ? 'is decided; its book is still being made' : 'is not decided yet';
  return reply.problem('not-decided-yet', `Campaign ${id} ${what}.`, LATER);
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
    const res = reply.file({ 'content-type': 'application/json', ...FOR_GOOD });
    const read = (part: number): Promise<Buffer | undefined> =>
      parts.ledger.ask(db => readProofPart(db, id, part));
    if (res !== undefined) await new Download({ reply, res, read, failed: parts.failed }, bytes).run();
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

interface DownloadParts {
  readonly reply: Reply;
  readonly res: HttpResponse;
  /** Reads a part, from 0. */
  readonly read: (part: number) => Promise<Buffer | undefined>;
  readonly failed: (error: unknown) => void;
}

/**
 * One download. `tryEnd` accepts what the socket has room for and buffers nothing; the rest of a part is tried again when
 * there is room, and the next part is read when this one is sent.
 */
class Download {
  readonly #parts: DownloadParts;
  readonly #total: number;
  #part = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** The offset of the part in the whole. */
  #from = 0;
  #isGone = false;

  constructor(parts: DownloadParts, total: number) {
    this.#parts = parts;
    this.#total = total;
  }

  async run(): Promise<void> {
    const { reply, res } = this.#parts;
    reply.whenAborted(() => {
      this.#isGone = true;
    });
    res.onWritable(offset => {
      const ok = this.#write(offset);
      if (ok) void this.#next();
      return ok;
    });
    await this.#next();
  }

  /** Reads and writes parts until one is not written whole. */
  async #next(): Promise<void> {
    while (!this.#isGone) {
      this.#from += this.#bytes.length;
      if (this.#from >= this.#total) return;
      try {
        const bytes = await this.#parts.read(this.#part);
        if (bytes === undefined) throw new Error(`part ${this.#part} of a download is missing`);
        this.#bytes = bytes;
      } catch (error) {
        // The client knows the total length, so it sees that the download is incomplete.
        if (!this.#isGone) this.#parts.res.close();
        this.#parts.failed(error);
        return;
      }
      this.#part += 1;
      if (this.#isGone || !this.#write(this.#from)) return;
    }
  }

  /** Writes the part from `offset` (of the whole) on; returns whether all of it was accepted. */
  #write(offset: number): boolean {
    let ok = false;
    const { res } = this.#parts;
    res.cork(() => {
      const rest = this.#bytes.subarray(offset - this.#from);
      [ok] = res.tryEnd(new Uint8Array(rest), this.#total);
    });
    return ok;
  }
}
