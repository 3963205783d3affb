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

/** A target beside the measured figure: whether it is reached. */
export interface Goal {
  readonly what: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly must: number;
  readonly aim: number;
  /** Whether less or more is better. */
  readonly better: 'less' | 'more';
}

export function goalTable(goals: readonly Goal[]): string {
  return table(
    ['what', 'measured', 'must', 'aim', ''],
    goals.map(({ what, value, unit, must, aim, better }) => {
      const bound = (limit: number): string => `${better === 'less' ? '<=' : '>='} ${limit}${unit}`;
      const reaches = (limit: number): boolean =>
        value !== undefined && (better === 'less' ? value <= limit : value >= limit);
      const verdict =
        value === undefined ? 'not measured' : reaches(aim) ? 'aim' : reaches(must) ? 'must' : 'MISSED';
      return [
        what,
        value === undefined ? undefined : `${number(value)}${unit}`,
        bound(must),
        bound(aim),
        verdict,
      ];
    }),
  );
}
