/** The statements of sql/statements/entries/grants.ts. */
import {
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import { Blocked } from '../../table.ts';
import { keyOf } from '../common.ts';

const insertGrants: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const userIds = values.texts(3);
  const codes = values.texts(4);
  const serials = values.numbers(2);
  for (const [index, serial] of serials.entries()) {
    const userId = userIds[index] ?? '';
    const key = `${campaignId}/${serial}`;
    const holder = tables.grants.heldBy(key, by);
    if (holder !== undefined) throw new Blocked(holder);
    const isTaken =
      tables.grants.get(key, by) !== undefined ||
      tables.grants.rows(by).some(row => row.campaignId === campaignId && row.userId === userId);
    if (isTaken) throw new ConstraintError(UNIQUE_VIOLATION, 'grants', 'grants_pkey or grants_user');
    if (tables.entries.get(keyOf({ campaignId, userId }), by) === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'grants', 'grants_campaign_id_user_id_fkey');
    tables.grants.write(key, { campaignId, serial, userId, code: codes[index] ?? '' }, by);
  }
  return changed(serials.length);
};

const readGrants: Statement = (tables, by, values) => {
  const [campaignId, after, limit] = [values.number(1), values.number(2), values.number(3)];
  const last = tables.campaigns.get(String(campaignId), by)?.grantedCount ?? 0;
  const rows = tables.grants
    .rows(by)
    .filter(row => row.campaignId === campaignId && row.serial > after && row.serial <= last);
  rows.sort((a, b) => a.serial - b.serial);
  return rowsOf(rows.slice(0, limit).map(({ serial, userId, code }) => ({ serial, userId, code })));
};

export const GRANT_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^insert into grants \(campaign_id, serial, user_id, code, tier\)/, insertGrants],
  [
    /^select serial, user_id as "userId", code from grants where campaign_id = \$1 and serial > \$2/,
    readGrants,
  ],
];
