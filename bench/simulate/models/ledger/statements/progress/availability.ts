/** The statements of sql/statements/progress/availability.ts. */
import type { Heard } from '../../../../../../sql/statements/progress/availability.ts';
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { ONE_ROW } from '../common.ts';

const NEVER_HEARD: Heard = { heardMs: 0, throughMs: 0 };

const readHeard: Statement = (tables, by) => rowsOf([tables.hearing.get(ONE_ROW, by) ?? NEVER_HEARD]);

const moveHeard: Statement = (tables, by, values) => {
  const held = tables.hearing.get(ONE_ROW, by) ?? NEVER_HEARD;
  const [heardMs, throughMs] = [values.number(1), values.number(2)];
  if (held.throughMs !== values.number(3) || held.heardMs > heardMs) return NOTHING;
  tables.hearing.write(ONE_ROW, { heardMs, throughMs }, by);
  const fromMs = heardMs + held.throughMs - held.heardMs;
  const outage = { fromMs, toMs: throughMs, unheardMs: throughMs - heardMs };
  if (held.throughMs > 0 && fromMs < throughMs) tables.outages.write(String(fromMs), outage, by);
  return changed(1);
};

export const AVAILABILITY_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select heard_ms as "heardMs", through_ms as "throughMs" from hearing$/, readHeard],
  [/^update hearing set heard_ms = \$1/, moveHeard],
];
