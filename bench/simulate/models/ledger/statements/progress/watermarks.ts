/** The statements of sql/statements/progress/watermarks.ts. */
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { Blocked } from '../../table.ts';
import { ONE_ROW } from '../common.ts';

export const NO_WATERMARK = { watermarkUs: 0, epoch: 0 };

const raiseWatermark: Statement = (tables, by, values) => {
  const held = tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK;
  if (held.epoch !== values.number(2)) return NOTHING;
  const holder = tables.watermarks.heldBy(ONE_ROW, by);
  if (holder !== undefined) throw new Blocked(holder);
  tables.watermarks.write(
    ONE_ROW,
    { ...held, watermarkUs: Math.max(held.watermarkUs, values.number(1)) },
    by,
  );
  return changed(1);
};

const readWatermark: Statement = (tables, by) =>
  rowsOf([{ watermark_us: (tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK).watermarkUs }]);

const beginEpoch: Statement = (tables, by, values) => {
  const holder = tables.watermarks.heldBy(ONE_ROW, by);
  if (holder !== undefined) throw new Blocked(holder);
  const held = tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK;
  if (held.epoch >= values.number(1)) return NOTHING;
  tables.watermarks.write(ONE_ROW, { ...held, epoch: values.number(1) }, by);
  return changed(1);
};

const readEpoch: Statement = (tables, by) =>
  rowsOf([{ epoch: (tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK).epoch }]);

const nextEpoch: Statement = (tables, by, values) => {
  const incarnations = tables.gateways.rows(by).map(row => Math.floor(row.incarnation / values.number(1)));
  tables.epochSequence = Math.max(tables.epochSequence + 1, ...incarnations.map(epoch => epoch + 1));
  return rowsOf([{ epoch: tables.epochSequence }]);
};

const raiseEpoch: Statement = (tables, _by, values) => {
  tables.epochSequence = Math.max(tables.epochSequence + 1, values.number(1));
  return rowsOf([{ setval: tables.epochSequence }]);
};

export const WATERMARK_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^update watermarks set watermark_us = greatest\(watermark_us, \$1\) where epoch = \$2$/, raiseWatermark],
  [/^update watermarks set epoch = \$1 where epoch < \$1$/, beginEpoch],
  [/^select epoch from watermarks$/, readEpoch],
  [/^select watermark_us from watermarks$/, readWatermark],
  [/^select setval\('registry_epoch', greatest\(nextval\('registry_epoch'\), \$1/, raiseEpoch],
  [/^select setval\('registry_epoch', greatest\( nextval/, nextEpoch],
];
