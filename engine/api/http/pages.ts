import { type Page, pageOf } from '../../contract/api/page.ts';
import { pageLimit } from '../contract/schemas.ts';

/**
 * The page that a query asks for. `list`: reads at most so many of its rows; it is asked for one more than the page holds.
 * `cursorOf`: the `after` of the page behind this row.
 */
export async function readPage<Row, Cursor>(
  query: { readonly limit?: number },
  list: (limit: number) => Promise<readonly Row[]>,
  cursorOf: (last: Row) => Cursor,
): Promise<Page<Row, Cursor>> {
  const limit = pageLimit(query);
  return pageOf(await list(limit + 1), limit, cursorOf);
}
