export type Cell = string | number | undefined;

/** Rows under a heading, as text: the first column to the left, the others to the right; undefined is a dash. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [heading, ...rows.map(row => heading.map((_, column) => shown(row[column])))];
  const widths = heading.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)));
  const rule = widths.map(width => '-'.repeat(width));
  return [lines[0] ?? [], rule, ...lines.slice(1)]
    .map(line =>
      line
        .map((text, column) =>
          column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function shown(cell: Cell): string {
  if (cell === undefined) return '–';
  return typeof cell === 'string' ? cell : number(cell);
}

/** A whole number above 100, else three significant digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
