/** The pages of lists: both APIs answer with the rows of a page and, as `next`, the `after` of the page behind it. */

export interface Page<Row, Cursor> {
  readonly rows: readonly Row[];
  /** null on the last page. */
  readonly next: Cursor | null;
}

/**
 * The page of at most `limit` rows that `found` begins with; any row behind them shows that there is a next page.
 * `cursorOf`: the `after` of the page behind this row.
 */
export function pageOf<Row, Cursor>(
  found: readonly Row[],
  limit: number,
  cursorOf: (last: Row) => Cursor,
): Page<Row, Cursor> {
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  return { rows, next: last === undefined ? null : cursorOf(last) };
}
