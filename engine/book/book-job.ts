/**
 * Makes the books of campaigns that have ended, one at a time and each once: one transaction writes all parts and the row that
 * says that the book is complete. A kill or a stop leaves nothing, and the next engine makes the book from its beginning.
 *
 * It is not resumed, because a book is one signed stream: the states of its hash, of gzip and of the pool's tree, and where each
 * entry lies, would have to be stored with every part, and what the ledger shows between two parts would have to be the same.
 */
import { sign } from 'node:crypto';
import type { Logger } from 'pino';
import { type Pool, type Queryable, transactionUntil } from '../../sql/database.ts';
import {
  type BookCampaign,
  insertBook,
  insertBookPart,
  listWithoutBook,
  readRaises,
  refuseBook,
  takeForBook,
} from '../../sql/statements/books/books.ts';
import { readLastLogHead, type SignedLogHead } from '../../sql/statements/operators/operator-log.ts';
import type { KeyRing } from '../contract/keys/key-ring.ts';
import type { CanonicalValue } from '../draw/canonical.ts';
import { FailingCampaigns } from '../retrying/failing-campaigns.ts';
import { isTransient } from '../retrying/transient-errors.ts';
import { type BookDraw, type BookInput, BookRefused } from './book.ts';
import { LedgerBook } from './from-ledger.ts';
import { bookBytes, gzipped } from './writer.ts';

/** The unit in which gateways read and send a book. */
const PART_BYTES = 256 * 1024;
const FIRST_AGAIN_MS = 1_000;
/** Shorter: a large book that fails at its end costs a core most of the time. Longer: once its cause is cured, it comes later. */
const LAST_AGAIN_MS = 600_000;

export interface BookJobOptions {
  readonly pool: Pool;
  readonly keys: KeyRing;
  /** RECEIPT_SALT_SECRET. */
  readonly saltSecret: string;
  readonly log: Logger;
}

/** Makes books, and remembers of which campaigns that failed. */
export class BookJob {
  readonly #options: BookJobOptions;
  readonly #failing: FailingCampaigns;

  constructor(options: BookJobOptions) {
    this.#options = options;
    const { log } = options;
    this.#failing = new FailingCampaigns({ firstAgainMs: FIRST_AGAIN_MS, lastAgainMs: LAST_AGAIN_MS, log });
  }

  /** Failed attempts in a row, by campaign. */
  get failing(): ReadonlyMap<number, number> {
    return this.#failing.times;
  }

  /**
   * Makes the books that are due, until `stopping` is aborted: then it gives up the one under way. Without a signing key they
   * wait for one. A failing one comes last, and only one of them in each call: it may take minutes until it fails again.
   */
  async makeDue(stopping: AbortSignal): Promise<void> {
    const { pool, keys } = this.#options;
    const due = await listWithoutBook(pool);
    this.#failing.keepOnly(due);
    const again = due.find(campaignId => this.#failing.has(campaignId) && this.#failing.isDue(campaignId));
    const fresh = due.filter(campaignId => !this.#failing.has(campaignId));
    for (const campaignId of again === undefined ? fresh : [...fresh, again]) {
      if (stopping.aborted || keys.keyAt('books', Date.now()) === undefined) return;
      if (!(await this.#tryBook(campaignId, stopping))) return;
    }
  }

  /** Returns whether to go on with other campaigns: not if the server is away. */
  async #tryBook(campaignId: number, stopping: AbortSignal): Promise<boolean> {
    try {
      // Otherwise another engine is at it: what failed here may fail there too, and stays known as failing.
      if (await makeBook(this.#options, campaignId, stopping)) this.#failing.succeeded(campaignId);
      return true;
    } catch (error) {
      if (stopping.aborted) {
        this.#options.log.info(
          { campaignId },
          'gave up a book to stop; it is made anew after the next start',
        );
        return false;
      }
      this.#failing.failed(campaignId, error, 'a book could not be made');
      return !isTransient(error);
    }
  }
}

/** Whether the book is made, or refused for good: not if another engine has taken it. */
async function makeBook(
  { pool, keys, saltSecret, log }: BookJobOptions,
  campaignId: number,
  stopping: AbortSignal,
): Promise<boolean> {
  try {
    const bytes = await transactionUntil(pool, stopping, async client => {
      const campaign = await takeForBook(client, campaignId);
      if (campaign === undefined) return undefined;
      const ledger = await LedgerBook.open(client, campaign, saltSecret);
      const logHead = await readLastLogHead(client);
      const raises = await readRaises(client, campaignId);
      const input = inputOf(campaign, ledger, keys, { logHead, raises });
      const written = await saveParts(client, campaignId, input);
      await insertBook(client, campaignId, written);
      return written;
    });
    if (bytes !== undefined) log.info({ campaignId, bytes }, 'book created');
    return bytes !== undefined;
  } catch (error) {
    if (!(error instanceof BookRefused)) throw error;
    log.error({ campaignId, reason: error.message }, 'cannot create a book');
    await refuseBook(pool, campaignId, error.message);
    return true;
  }
}

async function saveParts(db: Queryable, campaignId: number, input: BookInput): Promise<number> {
  let part = 0;
  let bytes = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  const save = async (): Promise<void> => {
    await insertBookPart(db, campaignId, part, Buffer.concat(held));
    part += 1;
    bytes += heldBytes;
    held = [];
    heldBytes = 0;
  };
  const book = bookBytes(input);
  try {
    for await (const chunk of gzipped(book)) {
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= PART_BYTES) await save();
    }
  } finally {
    // If it failed here, a step of the book may be under way, with its next statements: after it, there are none.
    await book.return(undefined);
  }
  if (heldBytes > 0) await save();
  return bytes;
}

function inputOf(
  campaign: BookCampaign,
  ledger: LedgerBook,
  keys: KeyRing,
  { logHead, raises }: Pick<BookInput, 'raises'> & { readonly logHead: SignedLogHead | undefined },
): BookInput {
  const rules: { readonly [key: string]: CanonicalValue } = JSON.parse(campaign.rules);
  const { poolRoot, poolCount } = campaign;
  const draw = campaign.kind === 'raffle' ? drawOf(campaign, rules) : undefined;
  return {
    campaign: campaign.campaignId,
    closedAtUs: campaign.closesAt.getTime() * 1000,
    untilUs: ledger.untilUs,
    epochs: ledger.epochs,
    keys: keys.publicKeys(),
    rules,
    rulesHash: campaign.rulesHash,
    ...(raises === undefined ? {} : { raises }),
    ...(logHead === undefined ? {} : { operatorLog: { ...logHead, at: logHead.at.toISOString() } }),
    slices: ledger.slices(),
    entries: ledger.entries(),
    ...(campaign.hasClaims ? { moves: ledger.moves() } : {}),
    ...(draw === undefined ? {} : { draw }),
    ...(poolRoot === null || poolCount === null ? {} : { frozen: { poolRoot, poolCount } }),
    sign: message => {
      const key = keys.keyAt('books', Date.now());
      if (key === undefined) throw new Error('no key for books is left');
      return { keyId: key.id, signature: sign(null, message, key.privateKey) };
    },
  };
}

function drawOf(campaign: BookCampaign, rules: { readonly [key: string]: CanonicalValue }): BookDraw {
  const { randomness, seed, signature, drandRound, frozenAt } = campaign;
  if (randomness === null || seed === null) {
    throw new BookRefused('the seed of the draw does not follow from the rules of the raffle');
  }
  if (signature === null) return { randomness, seed, source: { secret: randomness } };
  const announced = roundOf(rules);
  if (drandRound === null || drandRound === announced || frozenAt === null) {
    return { randomness, seed, source: { round: announced, signature } };
  }
  const frozenAtUs = frozenAt.getTime() * 1000;
  return { randomness, seed, source: { round: drandRound, signature, frozenAtUs } };
}

function roundOf(rules: { readonly [key: string]: CanonicalValue }): number {
  const round = Reflect.get(Object(Reflect.get(Object(rules.draw), 'randomness')), 'round');
  if (typeof round === 'number') return round;
  throw new BookRefused('the rules do not name the drand round that was used');
}
