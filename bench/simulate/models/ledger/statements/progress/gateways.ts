/** The statements of sql/statements/progress/gateways.ts. */
import type { GatewayRow } from '../../../../../../sql/statements/progress/gateways.ts';
import { changed, rowsOf, type Statement } from '../../statement.ts';
import { Blocked } from '../../table.ts';
import { ONE_ROW } from '../common.ts';
import { NO_WATERMARK } from './watermarks.ts';

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
  const rows = tables.gateways
    .rows(by)
    .filter(row => !row.backfilled || registered.includes(row.incarnation));
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
    backfilled: false,
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

const markAllBackfilled: Statement = (tables, by, values) => {
  const rows = tables.gateways
    .rows(by)
    .filter(row => row.state === 'ended' && !row.backfilled && row.incarnation <= values.number(1));
  for (const row of rows) tables.gateways.write(keyOf(row), { ...row, backfilled: true }, by);
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

export const GATEWAY_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ from gateways where incarnation = any \(\$1::bigint\[\]\)$/, readIncarnations],
  [/ from gateways where incarnation = any \(\$1::bigint\[\]\) or \(log_name = \$2/, readProgress],
  [/^select watermarks\.epoch, held\.\* from watermarks left join/, readBounds],
  [/^insert into gateways as held/, saveProgress],
  [
    /^update gateways set backfilled = true where gateway = \$1 and incarnation = \$2 and state = 'ended'$/,
    changeGateways(row => row.state === 'ended', { backfilled: true }),
  ],
  [
    /^update gateways set backfilled = true where state = 'ended' and not backfilled and incarnation <= \$1$/,
    markAllBackfilled,
  ],
  [
    /^update gateways set state = 'ended', ended_at = now\(\) where gateway = \$1/,
    changeGateways(row => row.state === 'live', { state: 'ended' }),
  ],
  [/^select coalesce\(max\(through_us\), 0\) as through_us from gateways/, readLatestPromise],
  [/^select exists \(select from gateways where incarnation > \$1\) as found$/, hasIncarnationAbove],
];
