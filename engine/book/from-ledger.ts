/**
 * What a book is made of, read from the ledger in pages: at any time a few slices and a page of entries are in memory,
 * and of every slice that the book has, where it is.
 *
 * An entry's slice is one of those of its gateway that its instant lies within: one, or a few that overlap, where proxies
 * note when requests were there. The entries come in stamp order, so of each gateway the last few slices are kept.
 */
import {
  type BookCampaign,
  type DecidedEntry,
  readBookMoves,
  readDecided,
  readKnownStamps,
  readSliceItems,
  readSlicesWithin,
  type SlicePlace,
} from '../../sql/books.ts';
import type { Queryable } from '../../sql/database.ts';
import type { SliceRow } from '../../sql/slices.ts';
import { saltOf, whoOf } from '../contract/leaf.ts';
import {
  decodeItems,
  ITEM_ENTRY,
  type ItemSource,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_BIT,
} from '../contract/record.ts';
import { decodeSignedHead } from '../contract/slice-head.ts';
import { SliceTree } from '../contract/slice-tree.ts';
import { gatewayOf, instantOf } from '../contract/stamp.ts';
import { TermsBinder } from '../draw/terms.ts';
import { type BookEntry, type BookMove, type BookOutcome, BookRefused, type BookSlice } from './book.ts';

/** A slice is some kilobytes, 300 KB at most. */
const SLICES_A_PAGE = 100;
const ENTRIES_A_PAGE = 20_000;
/** Slices of one gateway that overlap follow each other within some tens of milliseconds. */
const SLICES_KEPT = 8;

/** A slice of the book: where it stands in the ledger and when it was. */
interface Known extends SlicePlace {
  readonly index: number;
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** A slice that entries are being found in: its leaves by their stamps. */
interface Current {
  readonly known: Known;
  readonly leaves: ReadonlyMap<number, Leaf>;
}

interface Leaf {
  readonly leaf: number;
  readonly source: ItemSource;
}

export class LedgerBook {
  readonly #db: Queryable;
  readonly #campaign: BookCampaign;
  readonly #saltSecret: string;
  readonly #tree: SliceTree;
  readonly #terms: TermsBinder;
  readonly #opensAtUs: number;
  /** By gateway, in the order of their instants. */
  readonly #slices = new Map<number, Known[]>();
  readonly #current = new Map<number, Current[]>();
  #count = 0;

  /** `saltSecret`: RECEIPT_SALT_SECRET. All is read over `db`, in one transaction. */
  constructor(db: Queryable, campaign: BookCampaign, saltSecret: string) {
    this.#db = db;
    this.#campaign = campaign;
    this.#saltSecret = saltSecret;
    this.#tree = new SliceTree(saltSecret);
    this.#terms = new TermsBinder(campaign.campaignId, saltSecret);
    this.#opensAtUs = campaign.opensAt.getTime() * 1000;
  }

  /**
   * The slices with items of the campaign, by gateway, incarnation and number, and between two of an incarnation those
   * without, by their heads alone. Throws BookRefused for one that was signed with another salt secret.
   */
  async *slices(): AsyncGenerator<BookSlice> {
    let between: SliceRow[] = [];
    let last: SliceRow | undefined;
    for await (const row of this.#rows()) {
      if (last?.gateway !== row.gateway || last.incarnation !== row.incarnation) between = [];
      const { count } = decodeSignedHead(row.signedHead);
      const items = decodeItems(row.items, 0, count, SOURCE_BIT);
      if (!items.some(item => item.campaignId === this.#campaign.campaignId)) {
        // Before the first of an incarnation there is nothing to lead up to.
        if (last?.gateway === row.gateway && last.incarnation === row.incarnation) between.push(row);
        continue;
      }
      for (const { signedHead } of between) {
        this.#count += 1;
        yield { signedHead };
      }
      between = [];
      last = row;
      yield await this.#slice(row, items);
    }
  }

  /** The entries in stamp order; to be taken when the slices have been. Throws BookRefused for one without a slice. */
  async *entries(): AsyncGenerator<BookEntry> {
    let after = -1;
    for (;;) {
      const page = await readDecided(this.#db, this.#campaign.campaignId, after, ENTRIES_A_PAGE);
      for (const entry of page) yield await this.#entry(entry);
      const last = page.at(-1);
      if (last === undefined || page.length < ENTRIES_A_PAGE) return;
      after = last.stamp;
    }
  }

  /** Where there are claims: what has become of offers, to be taken when the entries have been. */
  async *moves(): AsyncGenerator<BookMove> {
    for (let after = 0; ; ) {
      const page = await readBookMoves(this.#db, this.#campaign.campaignId, after, ENTRIES_A_PAGE);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < ENTRIES_A_PAGE) return;
      after = last.moveNumber;
    }
  }

  async *#rows(): AsyncGenerator<SliceRow> {
    const window = { fromUs: this.#opensAtUs, toUs: this.#campaign.closesAt.getTime() * 1000 };
    let after: SlicePlace = { gateway: -1, incarnation: 0, sliceNumber: 0 };
    for (;;) {
      const page = await readSlicesWithin(this.#db, window, after, SLICES_A_PAGE);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < SLICES_A_PAGE) return;
      after = last;
    }
  }

  async #slice(row: SliceRow, items: readonly LogItem[]): Promise<BookSlice> {
    const { campaignId } = this.#campaign;
    const { gateway, incarnation, sliceNumber, firstUs, lastUs, signedHead } = row;
    const tree = this.#tree.build(row.items, items.length);
    if (!tree.root().equals(decodeSignedHead(signedHead).root)) {
      throw new BookRefused(`slice ${sliceNumber} of gateway ${gateway} was signed with another salt secret`);
    }
    const leafHashes = items.map((_, leaf) => tree.leaf(leaf));
    const own = items.filter(item => item.campaignId === campaignId && item.kind === ITEM_ENTRY);
    const known = await readKnownStamps(
      this.#db,
      campaignId,
      own.map(({ stamp }) => stamp),
    );
    const slices = this.#slices.get(gateway) ?? [];
    slices.push({
      gateway,
      incarnation,
      sliceNumber,
      index: this.#count,
      count: items.length,
      firstUs,
      lastUs,
    });
    this.#slices.set(gateway, slices);
    this.#count += 1;
    return {
      signedHead,
      items: items.map((item, leaf) => ({
        leafHash: leafHashes[leaf] ?? Buffer.alloc(0),
        isShown: item.campaignId === campaignId && item.kind === ITEM_ENTRY && known.has(item.stamp),
      })),
    };
  }

  async #entry(entry: DecidedEntry): Promise<BookEntry> {
    const { campaignId } = this.#campaign;
    const { stamp, userId, tickets, group } = entry;
    const { slice, leaf, source } = await this.#place(stamp);
    return {
      stamp,
      source,
      who: whoOf(saltOf(this.#saltSecret, campaignId, userId), userId),
      slice,
      leaf,
      decided: outcomeOf(this.#campaign.kind, entry),
      tickets,
      ...(group === null ? {} : { group: this.#terms.groupHash(group) }),
    };
  }

  async #place(stamp: number): Promise<Leaf & { readonly slice: number }> {
    const gateway = gatewayOf(stamp);
    const instantUs = instantOf(stamp, this.#opensAtUs);
    for (const known of this.#slices.get(gateway) ?? []) {
      if (instantUs < known.firstUs || instantUs > known.lastUs) continue;
      const found = (await this.#leaves(known)).get(stamp);
      if (found !== undefined) return { ...found, slice: known.index };
    }
    throw new BookRefused(`the entry with stamp ${stamp} is in no signed slice`);
  }

  async #leaves(known: Known): Promise<Current['leaves']> {
    const kept = this.#current.get(known.gateway) ?? [];
    const current = kept.find(each => each.known === known);
    if (current !== undefined) return current.leaves;
    const bytes = await readSliceItems(this.#db, known);
    if (bytes === undefined) throw new Error(`slice ${known.sliceNumber} of ${known.gateway} has gone`);
    const leaves = leavesOf(bytes, known.count, this.#campaign.campaignId);
    this.#current.set(known.gateway, [{ known, leaves }, ...kept].slice(0, SLICES_KEPT));
    return leaves;
  }
}

function leavesOf(bytes: Buffer, count: number, campaignId: number): Current['leaves'] {
  const leaves = new Map<number, Leaf>();
  for (const [leaf, item] of decodeItems(bytes, 0, count, SOURCE_BIT).entries()) {
    if (item.campaignId !== campaignId || item.kind !== ITEM_ENTRY) continue;
    leaves.set(item.stamp, { leaf, source: item.source ?? SOURCE_ARRIVAL });
  }
  return leaves;
}

function outcomeOf(kind: BookCampaign['kind'], entry: DecidedEntry): BookOutcome {
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
