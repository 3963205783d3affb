/**
 * The contents of a book, read from the ledger in pages. One page of slices or entries is in memory at a time, some 20 MB at
 * most, however many there are: a temporary table of the transaction keeps where each entry lies. Besides, each incarnation
 * takes some hundred bytes, and there are as many as gateways were started since the opening.
 *
 * Slices in the time of the book are shown with all their items, including those of other campaigns: if the book showed only
 * the heads of some, an entry could be hidden in one.
 */
import type { Queryable } from '../../sql/database.ts';
import {
  type BookWindow,
  type ChainOfBook,
  closeLocations,
  type EntryLocations,
  type LocatedEntry,
  makeLocations,
  readChainPage,
  readChains,
  readEpochs,
  readLastWithdrawal,
  readLocated,
  type SliceOfBook,
  saveLocations,
} from '../../sql/statements/books/book-chains.ts';
import { type BookCampaign, readBookMoves, readKnownStamps } from '../../sql/statements/books/books.ts';
import { pagesOf } from '../../sql/statements/pages.ts';
import { leafData, saltOf, whoOf } from '../contract/record/leaf.ts';
import {
  decodeItems,
  ITEM_ENTRY,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_BIT,
} from '../contract/record/record.ts';
import { decodeSignedHead } from '../contract/record/slice-head.ts';
import { SliceTree } from '../contract/record/slice-tree.ts';
import { instantOf } from '../contract/record/stamp.ts';
import { TermsHasher } from '../draw/terms.ts';
import {
  type BookEntry,
  type BookEpoch,
  type BookItem,
  type BookMove,
  type BookOutcome,
  BookRefused,
  type BookSlice,
} from './book.ts';
import { accountFor } from './epochs.ts';

/** A slice is some kilobytes, 300 KB at most. */
const SLICES_A_PAGE = 64;
const ENTRIES_A_PAGE = 20_000;
/** The first slice of an incarnation has the number 1. */
const BEFORE_ALL_SLICES = 0;

/** A book's account of gateways as a whole. */
interface Account {
  readonly window: BookWindow;
  readonly chains: readonly ChainOfBook[];
  readonly epochs: readonly BookEpoch[];
}

/** A slice with those of its items that are shown. */
interface ReadSlice {
  readonly signedHead: Buffer;
  readonly items?: readonly LogItem[];
}

export class LedgerBook {
  readonly untilUs: number;
  readonly epochs: readonly BookEpoch[];
  readonly #db: Queryable;
  readonly #campaign: BookCampaign;
  readonly #saltSecret: string;
  readonly #tree: SliceTree;
  readonly #terms: TermsHasher;
  readonly #window: BookWindow;
  readonly #chains: readonly ChainOfBook[];
  #count = 0;

  private constructor(db: Queryable, campaign: BookCampaign, saltSecret: string, account: Account) {
    this.#db = db;
    this.#campaign = campaign;
    this.#saltSecret = saltSecret;
    this.#tree = new SliceTree(saltSecret);
    this.#terms = new TermsHasher(campaign.campaignId, saltSecret);
    this.#window = account.window;
    this.#chains = account.chains;
    this.untilUs = account.window.toUs;
    this.epochs = account.epochs;
  }

  /** `saltSecret`: RECEIPT_SALT_SECRET. Everything is read over `db`, in one transaction. */
  static async open(db: Queryable, campaign: BookCampaign, saltSecret: string): Promise<LedgerBook> {
    const window = await windowOf(db, campaign);
    const chains = await readChains(db, window);
    const epochs = accountFor(await readEpochs(db), chains, window.fromUs);
    await makeLocations(db);
    return new LedgerBook(db, campaign, saltSecret, { window, chains, epochs });
  }

  /**
   * The chains, by gateway, incarnation and slice number. Throws BookRefused for a slice that was signed with another salt
   * secret.
   */
  async *slices(): AsyncGenerator<BookSlice> {
    for (const chain of this.#chains) {
      const pages = pagesOf({
        after: BEFORE_ALL_SLICES,
        limit: SLICES_A_PAGE,
        read: (after, limit) => readChainPage(this.#db, chain, this.#window, after, limit),
        keyOf: ({ sliceNumber }) => sliceNumber,
      });
      for await (const page of pages) yield* await this.#page(page);
    }
    await closeLocations(this.#db);
  }

  /** The entries in stamp order; read them after the slices. Throws BookRefused for an entry without a slice. */
  async *entries(): AsyncGenerator<BookEntry> {
    const pages = pagesOf({
      after: -1,
      limit: ENTRIES_A_PAGE,
      read: (after, limit) => readLocated(this.#db, this.#campaign.campaignId, after, limit),
      keyOf: ({ stamp }) => stamp,
    });
    for await (const page of pages) for (const entry of page) yield this.#entry(entry);
  }

  /** Where claims are required: the moves of offers; read them after the entries. */
  async *moves(): AsyncGenerator<BookMove> {
    const pages = pagesOf({
      after: 0,
      limit: ENTRIES_A_PAGE,
      read: (after, limit) => readBookMoves(this.#db, this.#campaign.campaignId, after, limit),
      keyOf: ({ moveNumber }) => moveNumber,
    });
    for await (const page of pages) yield* page;
  }

  /** Records where the entries of these slices lie, and converts each slice into what the book shows. */
  async #page(page: readonly SliceOfBook[]): Promise<readonly BookSlice[]> {
    const slices = page.map(slice => this.#read(slice));
    const stamps = slices.flatMap(({ items = [] }) => items.filter(item => this.#isEntry(item)));
    const known = await readKnownStamps(
      this.#db,
      this.#campaign.campaignId,
      stamps.map(({ stamp }) => stamp),
    );
    const locations = locationsOf(slices, this.#count, item => this.#isEntry(item) && known.has(item.stamp));
    this.#count += slices.length;
    if (locations.stamps.length > 0) await saveLocations(this.#db, locations);
    return slices.map(({ signedHead, items }) => ({
      signedHead,
      ...(items === undefined ? {} : { items: items.map(item => this.#shown(item, known)) }),
    }));
  }

  #isEntry({ campaignId, kind }: LogItem): boolean {
    return campaignId === this.#campaign.campaignId && kind === ITEM_ENTRY;
  }

  #shown(item: LogItem, known: ReadonlySet<number>): BookItem {
    if (this.#isEntry(item) && known.has(item.stamp)) return 'entry';
    return leafData(item, this.#whoOf(item.campaignId, item.userId));
  }

  #whoOf(campaignId: number, userId: string): Buffer {
    return whoOf(saltOf(this.#saltSecret, campaignId, userId), userId);
  }

  #read({ signedHead, sliceNumber, isShown, items: bytes }: SliceOfBook): ReadSlice {
    // Retried, because the campaign may be restored: archives keep what a pending book needs.
    if (isShown && bytes === null) throw new Error(`the items of slice ${sliceNumber} were archived`);
    if (bytes === null) return { signedHead };
    const { count, gateway, root } = decodeSignedHead(signedHead);
    if (!this.#tree.build(bytes, count).root().equals(root))
      throw new BookRefused(`slice ${sliceNumber} of gateway ${gateway} was signed with another salt secret`);
    return { signedHead, items: decodeItems(bytes, 0, count, SOURCE_BIT) };
  }

  #entry(entry: LocatedEntry): BookEntry {
    const { campaignId, kind } = this.#campaign;
    const { stamp, source, userId, slice, leaf, tickets, group } = entry;
    if (slice === null) throw new BookRefused(`no signed slice contains the entry with stamp ${stamp}`);
    return {
      stamp,
      source,
      who: this.#whoOf(campaignId, userId),
      slice,
      leaf,
      decided: outcomeOf(kind, entry),
      tickets,
      ...(group === null ? {} : { group: this.#terms.groupHash(group) }),
    };
  }
}

/**
 * From the opening to the close, or to behind the last withdrawal that counts: a withdrawal may arrive between close and
 * settlement.
 */
async function windowOf(db: Queryable, { campaignId, opensAt, closesAt }: BookCampaign): Promise<BookWindow> {
  const fromUs = opensAt.getTime() * 1000;
  const closesAtUs = closesAt.getTime() * 1000;
  const stamp = await readLastWithdrawal(db, campaignId);
  return {
    fromUs,
    toUs: stamp === undefined ? closesAtUs : Math.max(closesAtUs, instantOf(stamp, fromUs) + 1),
  };
}

function locationsOf(
  slices: readonly ReadSlice[],
  first: number,
  isLine: (item: LogItem) => boolean,
): EntryLocations {
  const locations = {
    stamps: [] as number[],
    slices: [] as number[],
    leaves: [] as number[],
    sources: [] as number[],
  };
  slices.forEach(({ items = [] }, index) => {
    items.forEach((item, leaf) => {
      if (!isLine(item)) return;
      locations.stamps.push(item.stamp);
      locations.slices.push(first + index);
      locations.leaves.push(leaf);
      locations.sources.push(item.source ?? SOURCE_ARRIVAL);
    });
  });
  return locations;
}

function outcomeOf(kind: BookCampaign['kind'], entry: LocatedEntry): BookOutcome {
  const { isWithdrawn, serial, tier, alternate, excluded } = entry;
  if (isWithdrawn) return { outcome: 'withdrawn' };
  if (kind === 'coupon') {
    if (serial !== null) return { outcome: 'granted', serial };
    return alternate === null ? { outcome: 'sold_out' } : { outcome: 'waitlisted', alternate };
  }
  if (excluded !== null) return { outcome: 'excluded', reason: excluded };
  if (serial !== null) return { outcome: 'won', serial, tier: tier ?? 0 };
  return alternate === null ? { outcome: 'not_drawn' } : { outcome: 'alternate', alternate };
}
