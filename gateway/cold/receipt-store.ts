/**
 * Receipts of entries in the ledger, for repeated entries and for reading one's own entry. The slice is read back and its
 * tree rebuilt, which gives the same receipt as the first answer. The last few slices are cached, because users who ask at
 * the same moment were often stamped at the same moment.
 */
import type { Logger } from 'pino';
import { SliceReceipts } from '../../engine/contract/record/receipt.ts';
import {
  decodeItems,
  ITEM_ENTRY,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_BIT,
} from '../../engine/contract/record/record.ts';
import { decodeSignedHead } from '../../engine/contract/record/slice-head.ts';
import { SliceTree } from '../../engine/contract/record/slice-tree.ts';
import { gatewayOf, instantOf } from '../../engine/contract/record/stamp.ts';
import type { BoardCampaign } from '../../engine/contract/redis/board/board.ts';
import { findSlices, type SliceRow } from '../../sql/statements/books/slices.ts';
import { type Ledger, LedgerUnavailable } from './ledger.ts';

interface KeptSlice {
  readonly gateway: number;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly items: readonly LogItem[];
  readonly receipts: SliceReceipts;
}

/** 16 slices of 400 entries are some 3 MB. */
const SLICES_KEPT = 16;

export class ReceiptStore {
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #saltSecret: string;
  /** Not the tree of the signer: that one grows with a burst and always holds the last slice. */
  #tree: SliceTree | undefined;
  readonly #kept: KeptSlice[] = [];

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(ledger: Ledger, saltSecret: string, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
    this.#saltSecret = saltSecret;
  }

  /**
   * The receipt of the user's entry with this stamp, as JSON. Undefined if there is none: the ledger does not answer in time
   * or has not ingested the slice yet, or the slice was not signed. Never rejects.
   */
  async find(
    { campaignId, opensAtUs }: BoardCampaign,
    userId: string,
    stamp: number,
  ): Promise<string | undefined> {
    const gateway = gatewayOf(stamp);
    const instantUs = instantOf(stamp, opensAtUs);
    const own = (item: LogItem): boolean =>
      item.stamp === stamp &&
      item.userId === userId &&
      item.campaignId === campaignId &&
      item.kind === ITEM_ENTRY;
    for (const slice of await this.#slicesAt(gateway, instantUs, own)) {
      const leaf = slice.items.findIndex(own);
      const { source = SOURCE_ARRIVAL } = slice.items[leaf] ?? {};
      if (leaf >= 0) return slice.receipts.textOf(leaf, ITEM_ENTRY, campaignId, stamp, source);
    }
    return undefined;
  }

  /** The cached slice with the item, or the candidates from the ledger. */
  async #slicesAt(
    gateway: number,
    instantUs: number,
    own: (item: LogItem) => boolean,
  ): Promise<readonly KeptSlice[]> {
    const known = this.#kept.find(
      each =>
        each.gateway === gateway &&
        each.firstUs <= instantUs &&
        instantUs <= each.lastUs &&
        each.items.some(own),
    );
    if (known !== undefined) return [known];
    try {
      const rows = await this.#ledger.ask(db => findSlices(db, gateway, instantUs));
      return rows.map(row => this.#keep(row)).filter(slice => slice !== undefined);
    } catch (error) {
      if (!(error instanceof LedgerUnavailable))
        this.#log.error({ err: error, gateway }, 'the ledger holds an invalid slice');
      return [];
    }
  }

  #keep({ gateway, firstUs, lastUs, items: bytes, signedHead }: SliceRow): KeptSlice | undefined {
    const { count, root } = decodeSignedHead(signedHead);
    const items = decodeItems(bytes, 0, count, SOURCE_BIT);
    this.#tree ??= new SliceTree(this.#saltSecret);
    if (!this.#tree.build(bytes, count).root().equals(root)) {
      this.#log.error(
        { gateway, firstUs },
        'a slice was signed with another RECEIPT_SALT_SECRET: no receipts for it here',
      );
      return undefined;
    }
    const receipts = new SliceReceipts(this.#tree, count, signedHead);
    const slice = { gateway, firstUs, lastUs, items, receipts };
    this.#kept.push(slice);
    if (this.#kept.length > SLICES_KEPT) this.#kept.shift();
    return slice;
  }
}
