/**
 * Receipts of entries that are in the ledger: for those who ask again, or look at their entry. The slice is read back and
 * its tree built again, which gives the same receipt as the first answer had. The last few slices are kept, as whoever
 * asks at the same moment was often stamped at the same moment.
 */
import type { Logger } from 'pino';
import type { BoardCampaign } from '../engine/contract/board/board.ts';
import { SliceReceipts } from '../engine/contract/receipt.ts';
import {
  decodeItems,
  ITEM_ENTRY,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_BIT,
} from '../engine/contract/record.ts';
import { decodeSignedHead } from '../engine/contract/slice-head.ts';
import { SliceTree } from '../engine/contract/slice-tree.ts';
import { gatewayOf, instantOf } from '../engine/contract/stamp.ts';
import { findSlice, type SliceRow } from '../sql/slices.ts';
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

export class KeptReceipts {
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #tree: SliceTree;
  readonly #kept: KeptSlice[] = [];

  /** `saltSecret`: RECEIPT_SALT_SECRET. */
  constructor(ledger: Ledger, saltSecret: string, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
    // Not the one that slices are signed with: that one is as large as a burst makes it, and always of the last slice.
    this.#tree = new SliceTree(saltSecret);
  }

  /**
   * The receipt of the user's entry with this stamp, as JSON. Undefined when there is none: the ledger does not answer
   * in time or has not taken the slice in yet, or the slice was not signed. Never rejects.
   */
  async find(
    { campaignId, opensAtUs }: BoardCampaign,
    userId: string,
    stamp: number,
  ): Promise<string | undefined> {
    const slice = await this.#slice(gatewayOf(stamp), instantOf(stamp, opensAtUs));
    if (slice === undefined) return undefined;
    const leaf = slice.items.findIndex(
      item =>
        item.stamp === stamp &&
        item.userId === userId &&
        item.campaignId === campaignId &&
        item.kind === ITEM_ENTRY,
    );
    const { source = SOURCE_ARRIVAL } = slice.items[leaf] ?? {};
    return leaf < 0 ? undefined : slice.receipts.textOf(leaf, ITEM_ENTRY, campaignId, stamp, source);
  }

  async #slice(gateway: number, instantUs: number): Promise<KeptSlice | undefined> {
    const known = this.#kept.find(
      each => each.gateway === gateway && each.firstUs <= instantUs && instantUs <= each.lastUs,
    );
    if (known !== undefined) return known;
    try {
      const row = await this.#ledger.ask(db => findSlice(db, gateway, instantUs));
      return row === undefined ? undefined : this.#keep(row);
    } catch (error) {
      if (!(error instanceof LedgerUnavailable))
        this.#log.error({ err: error, gateway }, 'a slice of the ledger is wrong');
      return undefined;
    }
  }

  #keep({ gateway, firstUs, lastUs, items: bytes, signedHead }: SliceRow): KeptSlice | undefined {
    const { count, root } = decodeSignedHead(signedHead);
    const items = decodeItems(bytes, 0, count, SOURCE_BIT);
    if (!this.#tree.build(bytes, count).root().equals(root)) {
      this.#log.error(
        { gateway, firstUs },
        'a slice was signed with another RECEIPT_SALT_SECRET: it has no receipts here',
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
