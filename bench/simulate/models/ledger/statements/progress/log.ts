/** The statements of sql/statements/progress/log-partitions.ts, log-writers.ts and dead-letters.ts. */
import { changed, NOTHING, rowsOf, type Statement } from '../../statement.ts';
import { Blocked } from '../../table.ts';
import { ONE_ROW } from '../common.ts';
import { NO_WATERMARK } from './watermarks.ts';

const beginPartition: Statement = (tables, by, values) => {
  const [logName, partition] = [values.text(1), values.number(2)];
  const key = `${logName}/${partition}`;
  const holder = tables.positions.heldBy(key, by);
  if (holder !== undefined && tables.positions.get(key, by) === undefined) throw new Blocked(holder);
  if (tables.positions.get(key, by) !== undefined) return NOTHING;
  tables.positions.write(key, { logName, partition, position: '' }, by);
  return changed(1);
};

const nextPosition: Statement = (tables, by, values) => {
  const row = tables.positions.get(`${values.text(1)}/${values.number(2)}`, by);
  return row === undefined ? NOTHING : rowsOf([{ next_position: row.position }]);
};

const moveOn: Statement = (tables, by, values) => {
  const key = `${values.text(1)}/${values.number(2)}`;
  const row = tables.positions.get(key, by);
  if (row === undefined || row.position !== values.text(3)) return NOTHING;
  tables.positions.write(key, { ...row, position: values.text(4) }, by);
  return changed(1);
};

const readPositions: Statement = (tables, by, values) => {
  const rows = tables.positions.rows(by).filter(row => row.logName === values.text(1));
  rows.sort((a, b) => a.partition - b.partition);
  return rowsOf(rows.map(({ partition, position }) => ({ partition, position })));
};

const deadLetters: Statement = (tables, by, values) => {
  const location = [1, 2, 3, 4].map(number => String(values.raw(number))).join('/');
  if (tables.deadLetters.get(location, by) !== undefined) return NOTHING;
  tables.deadLetters.write(location, { location, reason: values.text(5) }, by);
  return changed(1);
};

const insertLogWriters: Statement = (tables, by, values) => {
  const holder = tables.watermarks.heldBy(ONE_ROW, by);
  if (holder !== undefined) throw new Blocked(holder);
  const epoch = values.number(2);
  if ((tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK).epoch !== epoch) return NOTHING;
  const logName = values.text(1);
  const tokens = values.texts(4);
  for (const [index, gateway] of values.numbers(3).entries()) {
    const token = tokens[index] ?? '';
    tables.logWriters.write(`${logName}/${token}`, { logName, token, gateway, epoch, isRetired: false }, by);
  }
  return changed(tokens.length);
};

const readOpenLogWriters: Statement = (tables, by, values) => {
  const [logName, epoch, gateway] = [values.text(1), values.number(2), values.optional(3)];
  const rows = tables.logWriters
    .rows(by)
    .filter(row => row.logName === logName && !row.isRetired && row.epoch <= epoch)
    .filter(row => gateway === null || row.gateway === gateway);
  rows.sort((a, b) => a.gateway - b.gateway || (a.token < b.token ? -1 : 1));
  return rowsOf(rows.map(({ gateway, token }) => ({ gateway, token })));
};

const markLogWritersRetired: Statement = (tables, by, values) => {
  let count = 0;
  for (const token of values.texts(2)) {
    const key = `${values.text(1)}/${token}`;
    const row = tables.logWriters.get(key, by);
    if (row === undefined || row.isRetired) continue;
    tables.logWriters.write(key, { ...row, isRetired: true }, by);
    count += 1;
  }
  return changed(count);
};

export const LOG_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into log_partitions .* on conflict do nothing$/, beginPartition],
  [/^select next_position from log_partitions/, nextPosition],
  [/^update log_partitions set next_position = \$4/, moveOn],
  [/^select partition, next_position as position from log_partitions/, readPositions],
  [/^insert into dead_letters .* on conflict do nothing$/, deadLetters],
  [/^insert into log_writers/, insertLogWriters],
  [/^select gateway, token from log_writers/, readOpenLogWriters],
  [/^update log_writers set retired_at = now\(\)/, markLogWritersRetired],
];
