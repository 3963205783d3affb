/** The statements of sql/statements/operators/operator-log.ts that acts need; hashes are left out, as nothing here reads them. */
import { changed, type Statement } from '../../statement.ts';

/** The only row of the head, which is the lock under which rows are numbered. */
const HEAD = 'head';

const insertAct: Statement = (tables, by, values) => {
  const { operatorLog, operatorLogHead } = tables;
  // Blocked while another transaction has written it.
  const seq = (operatorLogHead.get(HEAD, by) ?? 0) + 1;
  operatorLogHead.write(HEAD, seq, by);
  const row = {
    ...{ seq, operator: values.text(1), tokenId: values.optional(2), role: values.text(3) },
    ...{ action: values.text(4), target: values.text(5), reason: values.optionalText(6) },
    details: values.text(7),
  };
  operatorLog.write(String(seq), row, by);
  return changed(1);
};

const listActs: Statement = (tables, by, values) => {
  const rows = tables.operatorLog
    .rows(by)
    .filter(({ seq }) => seq > values.number(1))
    .sort((a, b) => a.seq - b.seq)
    .slice(0, values.number(2));
  return { rows, rowCount: rows.length };
};

export const OPERATOR_LOG_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into operator_log \(/, insertAct],
  [/ from operator_log where seq > \$1 order by seq limit \$2$/, listActs],
];
