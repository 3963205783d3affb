/** The statements of sql/statements/progress/availability.ts. */
import type { Availability } from '../../../../../../sql/statements/progress/availability.ts';
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { ONE_ROW } from '../common.ts';

const NEVER_AVAILABLE: Availability = { availableMs: 0, throughMs: 0, watermarkMs: 0 };

const readAvailability: Statement = (tables, by) =>
  rowsOf([tables.availability.get(ONE_ROW, by) ?? NEVER_AVAILABLE]);

const moveAvailability: Statement = (tables, by, values) => {
  const held = tables.availability.get(ONE_ROW, by) ?? NEVER_AVAILABLE;
  const [availableMs, throughMs, watermarkMs] = [values.number(1), values.number(2), values.number(3)];
  const isHeld = held.throughMs === values.number(4) && held.watermarkMs === values.number(5);
  if (!isHeld || held.availableMs > availableMs) return NOTHING;
  tables.availability.write(ONE_ROW, { availableMs, throughMs, watermarkMs }, by);
  const fromMs = availableMs + held.throughMs - held.availableMs;
  const outage = { fromMs, toMs: throughMs, outageMs: throughMs - availableMs };
  if (held.throughMs > 0 && fromMs < throughMs) tables.outages.write(String(fromMs), outage, by);
  return changed(1);
};

export const AVAILABILITY_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [
    /^select available_ms as "availableMs", through_ms as "throughMs", watermark_ms as "watermarkMs" from availability$/,
    readAvailability,
  ],
  [/^update availability set available_ms = \$1/, moveAvailability],
];
