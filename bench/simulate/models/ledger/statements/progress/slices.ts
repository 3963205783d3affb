/** The statements of sql/statements/books/slices.ts. */
import { changed, rowsOf, type Statement } from '../../statement.ts';
import { Blocked } from '../../table.ts';

const insertSlices: Statement = (tables, by, values) => {
  const [gateways, incarnations, numbers, firsts, lasts] = [1, 2, 3, 4, 5].map(number =>
    values.numbers(number),
  );
  const [heads, items] = [values.buffers(6), values.buffers(7)];
  let inserted = 0;
  for (const [index, gateway] of (gateways ?? []).entries()) {
    const incarnation = incarnations?.[index] ?? 0;
    const sliceNumber = numbers?.[index] ?? 0;
    const key = `${gateway}/${incarnation}/${sliceNumber}`;
    const holder = tables.slices.heldBy(key, by);
    if (holder !== undefined) throw new Blocked(holder);
    if (tables.slices.get(key, by) !== undefined) continue;
    const [firstUs, lastUs] = [firsts?.[index] ?? 0, lasts?.[index] ?? 0];
    const [signedHead, bytes] = [heads[index] ?? Buffer.alloc(0), items[index] ?? Buffer.alloc(0)];
    tables.slices.write(
      key,
      { gateway, incarnation, sliceNumber, firstUs, lastUs, signedHead, items: bytes },
      by,
    );
    inserted += 1;
  }
  return changed(inserted);
};

const findSlices: Statement = (tables, by, values) => {
  const [gateway, instantUs] = [values.number(1), values.number(2)];
  const rows = tables.slices
    .rows(by)
    .filter(row => row.gateway === gateway && row.firstUs <= instantUs && row.lastUs >= instantUs);
  return rowsOf(rows.sort((a, b) => a.lastUs - b.lastUs));
};

export const SLICE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into slices .* on conflict do nothing$/, insertSlices],
  [/^select gateway, incarnation, slice_number as "sliceNumber", first_us as "firstUs"/, findSlices],
];
