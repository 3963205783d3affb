/** Reads from the ledger a page at a time. */

/** A campaign of which rows are read that have greater numbers than `after`. */
export interface Behind {
  readonly campaignId: number;
  readonly after: number;
}

export interface Paging<Row, Key> {
  /** A key before all wanted rows. */
  readonly after: Key;
  readonly limit: number;
  /** Rows with greater keys than `after`, in that order, at most `limit`. */
  readonly read: (after: Key, limit: number) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => Key;
}

/** Yields pages until one is not full; none of them is empty. */
export async function* pagesOf<Row, Key>({
  after,
  limit,
  read,
  keyOf,
}: Paging<Row, Key>): AsyncGenerator<readonly Row[], void> {
  for (let key = after; ; ) {
    const page = await read(key, limit);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < limit) return;
    key = keyOf(last);
  }
}
