/**
 * What the statements of sql/statements/progress/gateways.ts, sql/statements/progress/availability.ts,
 * sql/statements/progress/log-partitions.ts, sql/statements/progress/log-writers.ts,
 * sql/statements/progress/dead-letters.ts, sql/statements/books/slices.ts and sql/statements/progress/watermarks.ts do to
 * the simulated ledger, each beside the words its text begins with. ledger.test.ts holds them against PostgreSQL.
 */
import type { Heard } from '../../../../sql/statements/progress/availability.ts';
import type { GatewayRow } from '../../../../sql/statements/progress/gateways.ts';
import { changed, NOTHING, rowsOf, type Statement } from './ledger-tables.ts';
import { Blocked } from './table.ts';

const ONE_ROW = 'one';

function keyOf(row: { readonly gateway: number; readonly incarnation: number }): string {
  return `${row.gateway}/${row.incarnation}`;
}

const readIncarnations: Statement = (tables, by, values) => {
  const wanted = values.numbers(1);
  return rowsOf(tables.gateways.rows(by).filter(row => wanted.includes(row.incarnation)));
};

const readProgress: Statement = (tables, by, values) => {
  const wanted = values.numbers(1);
  const [logName, partition, perEpoch] = [values.text(2), values.number(3), values.number(4)];
  return rowsOf(
    tables.gateways
      .rows(by)
      .filter(
        row =>
          wanted.includes(row.incarnation) ||
          (row.logName === logName && row.partition === partition && row.incarnation % perEpoch === 0),
      ),
  );
};

const readBounds: Statement = (tables, by, values) => {
  const registered = values.numbers(1);
  const { epoch } = tables.watermarks.get(ONE_ROW, by) ?? NO_WATERMARK;
  const rows = tables.gateways.rows(by).filter(row => !row.repaired || registered.includes(row.incarnation));
  rows.sort((a, b) => a.incarnation - b.incarnation || a.gateway - b.gateway);
  return rowsOf(rows.length === 0 ? [{ epoch, incarnation: null }] : rows.map(row => ({ epoch, ...row })));
};

const saveProgress: Statement = (tables, by, values) => {
  const state = values.text(5) === 'ended' ? 'ended' : 'live';
  const row: GatewayRow = {
    gateway: values.number(1),
    incarnation: values.number(2),
    logName: values.text(3),
    partition: values.number(4),
    state,
    throughUs: values.number(6),
    rankedUs: values.number(7),
    sliceNumber: values.number(8),
    repaired: false,
  };
  const holder = tables.gateways.heldBy(keyOf(row), by);
  if (holder !== undefined) throw new Blocked(holder);
  const held = tables.gateways.get(keyOf(row), by);
  tables.gateways.write(
    keyOf(row),
    held === undefined
      ? row
      : {
          ...held,
          state: held.state === 'ended' ? 'ended' : state,
          throughUs: Math.max(held.throughUs, row.throughUs),
          rankedUs: Math.max(held.rankedUs, row.rankedUs),
          sliceNumber: Math.max(held.sliceNumber, row.sliceNumber),
        },
    by,
  );
  return changed(1);
};

/** Changes the gateways that `which` chooses. */
const changeGateways =
  (which: (row: GatewayRow) => boolean, change: Partial<GatewayRow>): Statement =>
  (tables, by, values) => {
    const named =
      values.raw(1) === undefined ? undefined : { gateway: values.number(1), incarnation: values.number(2) };
    let count = 0;
    for (const row of tables.gateways.rows(by)) {
      if (!which(row) || (named !== undefined && keyOf(named) !== keyOf(row))) continue;
      tables.gateways.write(keyOf(row), { ...row, ...change }, by);
      count += 1;
    }
    return changed(count);
  };

const markAllRepaired: Statement = (tables, by, values) => {
  const rows = tables.gateways
    .rows(by)
    .filter(row => row.state === 'ended' && !row.repaired && row.incarnation <= values.number(1));
  for (const row of rows) tables.gateways.write(keyOf(row), { ...row, repaired: true }, by);
  return changed(rows.length);
};

const hasIncarnationAbove: Statement = (tables, by, values) => {
  const incarnation = values.number(1);
  return rowsOf([{ found: tables.gateways.rows(by).some(row => row.incarnation > incarnation) }]);
};

const readLatestPromise: Statement = (tables, by) => {
  const live = tables.gateways.rows(by).filter(row => row.state === 'live');
  return rowsOf([{ through_us: Math.max(0, ...live.map(row => row.throughUs)) }]);
};

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

const setAside: Statement = (tables, by, values) => {
  const place = [1, 2, 3, 4].map(number => String(values.raw(number))).join('/');
  if (tables.setAside.get(place, by) !== undefined) return NOTHING;
  tables.setAside.write(place, { place, reason: values.text(5) }, by);
  return changed(1);
};

const NO_WATERMARK = { watermarkUs: 0, epoch: 0 };

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

const nextEpoch: Statement = (tables, by, values) => {
  const incarnations = tables.gateways.rows(by).map(row => Math.floor(row.incarnation / values.number(1)));
  tables.epochSequence = Math.max(tables.epochSequence + 1, ...incarnations.map(epoch => epoch + 1));
  return rowsOf([{ epoch: tables.epochSequence }]);
};

const raiseEpoch: Statement = (tables, _by, values) => {
  tables.epochSequence = Math.max(tables.epochSequence + 1, values.number(1));
  return rowsOf([{ setval: tables.epochSequence }]);
};

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

export const PROGRESS_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ from gateways where incarnation = any \(\$1::bigint\[\]\)$/, readIncarnations],
  [/ from gateways where incarnation = any \(\$1::bigint\[\]\) or \(log_name = \$2/, readProgress],
  [/^select watermarks\.epoch, held\.\* from watermarks left join/, readBounds],
  [/^insert into gateways as held/, saveProgress],
  [
    /^update gateways set repaired = true where gateway = \$1 and incarnation = \$2 and state = 'ended'$/,
    changeGateways(row => row.state === 'ended', { repaired: true }),
  ],
  [
    /^update gateways set repaired = true where state = 'ended' and not repaired and incarnation <= \$1$/,
    markAllRepaired,
  ],
  [
    /^update gateways set state = 'ended', ended_at = now\(\) where gateway = \$1/,
    changeGateways(row => row.state === 'live', { state: 'ended' }),
  ],
  [/^select coalesce\(max\(through_us\), 0\) as through_us from gateways/, readLatestPromise],
  [/^select exists \(select from gateways where incarnation > \$1\) as found$/, hasIncarnationAbove],
  [/^insert into log_partitions .* on conflict do nothing$/, beginPartition],
  [/^select next_position from log_partitions/, nextPosition],
  [/^update log_partitions set next_position = \$4/, moveOn],
  [/^select partition, next_position as position from log_partitions/, readPositions],
  [/^insert into slices .* on conflict do nothing$/, insertSlices],
  [/^select gateway, incarnation, slice_number as "sliceNumber", first_us as "firstUs"/, findSlices],
  [/^insert into set_aside .* on conflict do nothing$/, setAside],
  [/^update watermarks set watermark_us = greatest\(watermark_us, \$1\) where epoch = \$2$/, raiseWatermark],
  [/^update watermarks set epoch = \$1 where epoch < \$1$/, beginEpoch],
  [/^select epoch from watermarks$/, readEpoch],
  [/^insert into log_writers/, insertLogWriters],
  [/^select gateway, token from log_writers/, readOpenLogWriters],
  [/^update log_writers set retired_at = now\(\)/, markLogWritersRetired],
  [/^select watermark_us from watermarks$/, readWatermark],
  [/^select heard_ms as "heardMs", through_ms as "throughMs" from hearing$/, readHeard],
  [/^update hearing set heard_ms = \$1/, moveHeard],
  [/^select setval\('registry_epoch', greatest\(nextval\('registry_epoch'\), \$1/, raiseEpoch],
  [/^select setval\('registry_epoch', greatest\( nextval/, nextEpoch],
];
