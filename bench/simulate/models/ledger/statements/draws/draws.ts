/** The statements of sql/statements/draws/draws.ts. */
import type { LedgerTables } from '../../ledger-tables.ts';
import {
  ConstraintError,
  changed,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
} from '../../statement.ts';
import type { Transaction } from '../../table.ts';
import { updating } from '../campaigns/changing.ts';
import { selectedBy } from '../campaigns/selected.ts';
import { entriesBetween, keyOf, rangeOf } from '../common.ts';

const readDrawState: Statement = (tables, by, values) => {
  const row = tables.campaigns.get(String(values.number(1)), by);
  if (row === undefined) return NOTHING;
  const { rules, nonce, poolRoot, frozenCount: poolCount, randomness, signature, seed, frozenAt } = row;
  // Simulated raffles are drawn by commitment.
  const drandRound = null;
  const state = { rules, nonce, poolRoot, poolCount, randomness, signature, drandRound, seed, frozenAt };
  // The table stock_raises has a row for each of them.
  const raises = tables.versions
    .rows(by)
    .filter(
      ({ campaignId, action, state: decided }) =>
        campaignId === row.campaignId && action === 'raise' && decided === 'effective',
    ).length;
  return rowsOf([{ ...state, ...writtenOf(tables, by, row.campaignId), raises }]);
};

/** How much of a drawing has been written. */
function writtenOf(tables: LedgerTables, by: Transaction, ofCampaign: number) {
  const isOfIt = ({ campaignId }: { readonly campaignId: number }): boolean => campaignId === ofCampaign;
  const serials = tables.grants.rows(by).filter(isOfIt);
  const alternates = tables.alternates.rows(by).filter(isOfIt);
  const parts = tables.proofs.rows(by).filter(isOfIt);
  return {
    winnersWritten: Math.max(0, ...serials.map(({ serial }) => serial)),
    alternatesWritten: Math.max(0, ...alternates.map(({ waitlistPosition }) => waitlistPosition)),
    partsWritten: Math.max(0, ...parts.map(({ part }) => part + 1)),
  };
}

const closePool = updating((old, values, now) =>
  old.frozenAt === null ? { frozenAt: now, goneCount: values.number(2) } : undefined,
);

const saveFrozen = updating((old, values, now) =>
  old.frozenAt === null
    ? undefined
    : { frozenAt: now, frozenCount: values.number(2), poolRoot: values.bytes(3) },
);

const saveRevealed = updating((old, values) =>
  old.seed !== null || old.cancelledStamp !== null
    ? undefined
    : {
        randomness: values.bytes(2),
        signature: values.optionalBytes(3),
        seed: values.bytes(4),
        seedSource: values.text(5),
      },
);

const saveAnnouncement = updating((old, values) =>
  old.rules === null ? { rules: values.text(2), nonce: values.optionalBytes(3) } : undefined,
);

const insertProof: Statement = (tables, by, values) => {
  const key = `${values.number(1)}/${values.number(2)}`;
  if (tables.proofs.get(key, by) !== undefined)
    throw new ConstraintError(UNIQUE_VIOLATION, 'draw_proofs', 'draw_proofs_pkey');
  tables.proofs.write(key, { campaignId: values.number(1), part: values.number(2) }, by);
  return changed(1);
};

const listUnannounced: Statement = (tables, by) =>
  rowsOf(
    tables.campaigns
      .rows(by)
      .filter(
        ({ rules, kind, finishedAt, stage }) =>
          rules === null && kind !== 'room' && finishedAt === null && stage !== 'draft',
      )
      .map(selectedBy(tables, by)),
  );

/** In the simulator no entrant has individual terms: each has one ticket, and none is excluded. */
const readPool: Statement = (tables, by, values) => {
  const { limit, ...range } = rangeOf(values);
  const rows = entriesBetween(tables, by, { ...range, limit: Number.POSITIVE_INFINITY }).filter(
    row => tables.withdrawals.get(keyOf(row), by)?.honoured !== true,
  );
  return rowsOf(
    rows.slice(0, limit).map(({ userId, stamp }) => ({
      userId,
      stamp,
      source: Math.floor(stamp / 1024) % 2,
      tickets: 1,
      group: null,
      excluded: null,
    })),
  );
};

export const DRAW_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [
    /^select rules, nonce, pool_root as "poolRoot", .* from campaigns where campaign_id = \$1$/,
    readDrawState,
  ],
  [/ from campaigns where rules is null and kind <> 'room'/, listUnannounced],
  [/^update campaigns set frozen_at = clock_timestamp\(\), gone_count = \$2/, closePool],
  [/^update campaigns set frozen_at = clock_timestamp\(\), frozen_count = \$2/, saveFrozen],
  [/^update campaigns set randomness = \$2, signature = \$3, seed = \$4/, saveRevealed],
  [/^update campaigns set rules = \$2, nonce = \$3/, saveAnnouncement],
  [/^insert into draw_proofs \(campaign_id, part, text\)/, insertProof],
  [/^select e.user_id as "userId", e.stamp, \(\(e.stamp >> 10\) & 1\)::integer as source/, readPool],
];
