/**
 * Writes into the ledger of an engine what a gateway with many signed slices leaves there: one chain of slices, the ended
 * gateway, and the entries of one campaign. Items that are not entries of this campaign belong to another one, as most do in a
 * service with many campaigns.
 */
import type { Pool } from '../../../sql/database.ts';
import { insertSlices, type SliceRow } from '../../../sql/statements/books/slices.ts';
import { INCARNATIONS_PER_EPOCH, readEpoch } from '../../../sql/statements/progress/watermarks.ts';
import { signingKey } from '../../contract/keys/signing-keys.ts';
import { ITEM_ENTRY, RecordEncoder } from '../../contract/record/record.ts';
import { chainHash, NO_PREVIOUS, signSliceHead } from '../../contract/record/slice-head.ts';
import { SliceTree } from '../../contract/record/slice-tree.ts';

export interface LedgerTerms {
  /** The key that the gateways sign with. */
  readonly signingKey: string;
  readonly saltSecret: string;
  readonly campaign: number;
  /** The campaign of the items that are not entries of `campaign`. */
  readonly otherCampaign: number;
  /** The opening of both campaigns. */
  readonly opensAtUs: number;
  readonly slices: number;
  readonly itemsASlice: number;
  /** At most one per slice. */
  readonly entries: number;
}

/** A gateway number that no gateway beside it has or is given. */
const GATEWAY = 1_000;
const NUMBER = 100;
const ITEMS_A_STATEMENT = 5_000;

/** `say`: called with the progress, now and then. */
export async function fillLedger(
  pool: Pool,
  terms: LedgerTerms,
  say: (line: string) => void = () => undefined,
): Promise<void> {
  const incarnation = (await readEpoch(pool)) * INCARNATIONS_PER_EPOCH + NUMBER;
  let rows: SliceRow[] = [];
  let made = 0;
  for (const row of slicesOf(terms, incarnation)) {
    rows.push(row);
    made += 1;
    if (rows.length * terms.itemsASlice < ITEMS_A_STATEMENT && made < terms.slices) continue;
    await insertSlices(pool, rows);
    rows = [];
    if (made % 500_000 === 0) say(`${made} slices are in the ledger`);
  }
  await pool.query(
    `insert into gateways (gateway, incarnation, log_name, partition, state, through_us, ranked_us, slice_number, backfilled, ended_at)
     select $1, $2, log_name, partition, 'ended', $3, $3, $4, true, now() from log_partitions limit 1`,
    [GATEWAY, incarnation, instantOf(terms, terms.slices, terms.itemsASlice - 1), terms.slices],
  );
  await pool.query('analyze slices');
  await pool.query(
    `insert into entries (campaign_id, user_id, stamp)
     select $1, 'user-' || number, ((number * $2::bigint - 1) * $5::bigint + 1) * 1024 + $3
       from generate_series(1, $4::bigint) as number`,
    [terms.campaign, stepOf(terms), GATEWAY, terms.entries, terms.itemsASlice],
  );
  await pool.query('analyze entries');
}

/** Items are one microsecond apart, from the opening on; `index`: of the item in its slice. */
function instantOf({ opensAtUs, itemsASlice }: LedgerTerms, sliceNumber: number, index: number): number {
  return opensAtUs + (sliceNumber - 1) * itemsASlice + index + 1;
}

/** The first item of every `stepOf`-th slice is an entry of the campaign. */
function stepOf({ slices, entries }: LedgerTerms): number {
  return Math.floor(slices / entries);
}

function* slicesOf(terms: LedgerTerms, incarnation: number): Generator<SliceRow> {
  const key = signingKey(terms.signingKey, { use: 'slices', fromMs: 0, revokedMs: undefined });
  const tree = new SliceTree(terms.saltSecret);
  const encoder = new RecordEncoder();
  const step = stepOf(terms);
  let previous: Uint8Array = NO_PREVIOUS;
  for (let sliceNumber = 1; sliceNumber <= terms.slices; sliceNumber++) {
    const number = sliceNumber / step;
    const isEntry = Number.isInteger(number) && number <= terms.entries;
    encoder.begin(true);
    for (let index = 0; index < terms.itemsASlice; index++) {
      const stamp = (instantOf(terms, sliceNumber, index) - terms.opensAtUs) * 1_024 + GATEWAY;
      if (isEntry && index === 0) encoder.add(ITEM_ENTRY, terms.campaign, stamp, `user-${number}`);
      else encoder.add(ITEM_ENTRY, terms.otherCampaign, stamp, `other-${stamp}`);
    }
    const items = Buffer.from(encoder.items);
    const firstUs = instantOf(terms, sliceNumber, 0);
    const lastUs = instantOf(terms, sliceNumber, terms.itemsASlice - 1);
    const position = { gateway: GATEWAY, incarnation, sliceNumber, firstUs, lastUs };
    const count = terms.itemsASlice;
    const root = tree.build(items, count).root();
    const signedHead = signSliceHead({ ...position, count, root, previous }, key.keyId, key.privateKey);
    previous = chainHash(signedHead);
    yield { ...position, signedHead, items };
  }
}
