/**
 * What the statements of sql/statements/claims but offers.ts, and those of sql/statements/draws/alternates.ts and
 * sql/statements/entries/grants.ts that pass on what was not claimed, do to the simulated ledger, each beside the words its text begins with. ledger.test.ts holds them against PostgreSQL.
 */
import {
  type CampaignRow,
  CHECK_VIOLATION,
  type ClaimantRow,
  type ClaimRow,
  ConstraintError,
  changed,
  FOREIGN_KEY_VIOLATION,
  type LedgerTables,
  type MoveRow,
  NOTHING,
  rowsOf,
  type Statement,
  UNIQUE_VIOLATION,
  type Values,
} from './ledger-tables.ts';
import { changeCampaign } from './statements-campaigns.ts';
import { entriesBetween, insertAsked, keyOf, nextAlternates, writeAlternates } from './statements-entries.ts';
import type { Transaction } from './table.ts';

const ONE_ROW = 'one';

const insertClaims = insertAsked(
  tables => tables.claims,
  asked => ({ ...asked, decided: false }),
  held => !held.decided,
);

/** By their numbers. */
export function claimantsOf(tables: LedgerTables, by: Transaction, campaignId: number): ClaimantRow[] {
  return tables.claimants
    .rows(by)
    .filter(row => row.campaignId === campaignId)
    .sort((a, b) => a.number - b.number);
}

/** Writes a claimant, if the table's constraints and its guard let it. */
export function writeClaimant(tables: LedgerTables, by: Transaction, row: ClaimantRow): void {
  const old = tables.claimants.get(keyOfClaimant(row), by);
  const others = claimantsOf(tables, by, row.campaignId).filter(({ number }) => number !== row.number);
  const ways: Readonly<Record<string, readonly string[]>> = {
    waitlisted: ['offered', 'left'],
    offered: ['claimed', 'lapsed', 'declined'],
  };
  if (old !== undefined && old.state !== row.state && !ways[old.state]?.includes(row.state))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_states');
  const hadOffer = old !== undefined && old.serial !== null;
  if (hadOffer && (old.serial !== row.serial || old.offeredUs !== row.offeredUs))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_keep');
  const holds = ({ state }: ClaimantRow): boolean => state === 'offered' || state === 'claimed';
  if (others.some(({ userId }) => userId === row.userId))
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_user');
  if (holds(row) && others.some(other => holds(other) && other.serial === row.serial))
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_holder');
  if (tables.entries.get(keyOf(row), by) === undefined)
    throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'claimants', 'claimants_campaign_id_user_id_fkey');
  if (row.serial !== null && tables.grants.get(`${row.campaignId}/${row.serial}`, by) === undefined)
    throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'claimants', 'claimants_campaign_id_serial_fkey');
  checkDeadline(tables, by, old, row);
  if (row.endingUs !== null && (row.endedEarly === null || row.endingUs > (row.claimByUs ?? 0)))
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_ending');
  tables.claimants.write(keyOfClaimant(row), row, by);
}

/** As the trigger claimants_deadline does. */
function checkDeadline(
  tables: LedgerTables,
  by: Transaction,
  old: ClaimantRow | undefined,
  row: ClaimantRow,
): void {
  const { state, offeredUs, claimByUs } = row;
  if (state !== 'offered' || offeredUs === null || claimByUs === null) return;
  const breaks = (constraint: string): never => {
    throw new ConstraintError(CHECK_VIOLATION, 'claimants', constraint);
  };
  if (old?.state === 'offered') {
    const [wasUs, wasEnding] = [old.claimByUs ?? 0, old.endingUs !== null];
    if (claimByUs > wasUs && (!row.deadlineMoved || wasEnding)) breaks('claimants_extended');
    if (claimByUs < wasUs && !wasEnding) breaks('claimants_told');
    if (wasEnding && row.endingUs !== old.endingUs) breaks('claimants_ending_once');
    return;
  }
  const campaign = tables.campaigns.get(String(row.campaignId), by);
  const withinS = campaign?.rules == null ? undefined : JSON.parse(campaign.rules).claim_within_s;
  if (withinS !== undefined && claimByUs > offeredUs + withinS * 1_000_000 - (campaign?.unheardUs ?? 0))
    breaks('claimants_within');
  const throughMs = tables.hearing.get(ONE_ROW, by)?.throughMs ?? 0;
  if (throughMs > 0 && offeredUs > throughMs * 1_000 + 3_000_000) breaks('claimants_heard');
}

function keyOfClaimant({ campaignId, number }: { readonly campaignId: number; readonly number: number }) {
  return `${campaignId}/${number}`;
}

const insertClaimants: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const [numbers, userIds, serials, places] = [
    values.numbers(2),
    values.texts(3),
    values.numbers(4),
    values.numbers(5),
  ];
  for (const [index, number] of numbers.entries()) {
    if (tables.claimants.get(keyOfClaimant({ campaignId, number }), by) !== undefined)
      throw new ConstraintError(UNIQUE_VIOLATION, 'claimants', 'claimants_pkey');
    const serial = serials[index] || null;
    const row: ClaimantRow = {
      campaignId,
      number,
      userId: userIds[index] ?? '',
      place: places[index] || null,
      state: serial === null ? 'waitlisted' : 'offered',
      serial,
      offeredUs: serial === null ? null : values.number(6),
      claimByUs: serial === null ? null : values.number(7),
      endedUs: null,
      endingUs: null,
      endedEarly: null,
      deadlineMoved: false,
      moveNumber: 0,
      isPassedOn: false,
    };
    writeClaimant(tables, by, row);
  }
  return changed(numbers.length);
};

/** PostgreSQL looks at foreign keys behind all rows of a statement. */
const insertWaiting: Statement = (tables, by, values) => {
  let failed: ConstraintError | undefined;
  const attempt = (write: () => unknown): void => {
    try {
      write();
    } catch (error) {
      if (!(error instanceof ConstraintError && error.code === FOREIGN_KEY_VIOLATION)) throw error;
      failed ??= error;
    }
  };
  attempt(() => insertClaimants(tables, by, values));
  attempt(() => writeAlternates(tables, by, values.number(1), values.numbers(8), values.texts(9)));
  if (failed !== undefined) throw failed;
  return changed(values.numbers(2).length);
};

/** The stamps of what users of a campaign ask for and is due, by user. */
function dueOf(
  rows: readonly { readonly campaignId: number; readonly userId: string; readonly stamp: number }[],
  campaignId: number,
  through: number,
): Map<string, number> {
  const due = rows.filter(row => row.campaignId === campaignId && row.stamp <= through);
  return new Map(due.map(({ userId, stamp }) => [userId, stamp]));
}

const readDueClaimants: Statement = (tables, by, values) => {
  const [campaignId, through, lapseUs] = [values.number(1), values.number(2), values.number(3)];
  const [unheardUs, limit] = [values.number(4), values.number(5)];
  const claimed = dueOf(
    tables.claims.rows(by).filter(({ decided }) => !decided),
    campaignId,
    through,
  );
  const leaving = dueOf(
    tables.withdrawals.rows(by).filter(({ honoured }) => honoured === null),
    campaignId,
    through,
  );
  const claimants = claimantsOf(tables, by, campaignId);
  const lapsing = claimants
    .filter(({ state, claimByUs }) => state === 'offered' && (claimByUs ?? 0) <= lapseUs - unheardUs)
    .sort((a, b) => (a.claimByUs ?? 0) - (b.claimByUs ?? 0) || a.number - b.number)
    .slice(0, limit);
  const due = claimants.filter(
    row => claimed.has(row.userId) || leaving.has(row.userId) || lapsing.includes(row),
  );
  return rowsOf(
    due.map(({ number, state, serial, claimByUs, userId }) => ({
      number,
      state,
      serial,
      claimByUs: claimByUs === null ? null : claimByUs + unheardUs,
      claimStamp: claimed.get(userId) ?? null,
      leaveStamp: leaving.get(userId) ?? null,
    })),
  );
};

const readDueInstants: Statement = (tables, by, values) => {
  const [campaignId, through, openedUs] = [values.number(1), values.number(2), values.number(3)];
  const [unheardUs, lapseUs, limit] = [values.number(4), values.number(5), values.number(6)];
  const claimants = new Map(claimantsOf(tables, by, campaignId).map(row => [row.userId, row]));
  const deadlineOf = (row: ClaimantRow | undefined): number | undefined =>
    row?.state === 'offered' && row.claimByUs !== null ? row.claimByUs + unheardUs : undefined;
  const isDue = (userId: string, atUs: number): boolean => {
    const deadlineUs = deadlineOf(claimants.get(userId));
    return deadlineUs === undefined || deadlineUs <= lapseUs || atUs <= deadlineUs;
  };
  const asked = [
    ...tables.claims.rows(by).filter(({ decided }) => !decided),
    ...tables.withdrawals
      .rows(by)
      .filter(({ honoured, userId }) => honoured === null && claimants.has(userId)),
  ].filter(row => row.campaignId === campaignId && row.stamp <= through);
  const instants = [
    ...asked
      .map(({ userId, stamp }) => ({ userId, atUs: openedUs + Math.floor(stamp / 1_024) }))
      .filter(({ userId, atUs }) => isDue(userId, atUs))
      .map(({ atUs }) => atUs),
    ...[...claimants.values()].flatMap(row => {
      const deadlineUs = deadlineOf(row);
      return deadlineUs !== undefined && deadlineUs <= lapseUs ? [deadlineUs] : [];
    }),
  ].sort((a, b) => a - b);
  const range = { campaignId, after: values.number(7), through: values.number(8), limit: 1 };
  return rowsOf([
    {
      firstUs: instants[0] ?? null,
      tooManyUs: instants[limit - 1] ?? null,
      anyEntries: entriesBetween(tables, by, range).length > 0,
      anyFreed: [...claimants.values()].some(isFree),
    },
  ]);
};

/** What was offered to them is free. */
function isFree({ state, isPassedOn }: ClaimantRow): boolean {
  return (state === 'lapsed' || state === 'declined') && !isPassedOn;
}

const decideClaims: Statement = (tables, by, values) => {
  const [campaignId, through] = [values.number(1), values.number(2)];
  const open = openOffers(tables, by, campaignId);
  const isDue = (row: ClaimRow): boolean =>
    row.campaignId === campaignId && !row.decided && row.stamp <= through && !open.has(row.userId);
  const due = tables.claims.rows(by).filter(isDue);
  for (const row of due) tables.claims.write(keyOf(row), { ...row, decided: true }, by);
  return changed(due.length);
};

/** Who has an open offer. */
function openOffers(tables: LedgerTables, by: Transaction, campaignId: number): ReadonlySet<string> {
  const offered = claimantsOf(tables, by, campaignId).filter(({ state }) => state === 'offered');
  return new Set(offered.map(({ userId }) => userId));
}

const refuseOfClaimants: Statement = (tables, by, values) => {
  const [campaignId, through] = [values.number(1), values.number(2)];
  const users = new Set(
    claimantsOf(tables, by, campaignId)
      .filter(({ state }) => state !== 'offered')
      .map(({ userId }) => userId),
  );
  const due = tables.withdrawals
    .rows(by)
    .filter(
      row =>
        row.campaignId === campaignId &&
        row.honoured === null &&
        row.stamp <= through &&
        users.has(row.userId),
    );
  for (const row of due) tables.withdrawals.write(keyOf(row), { ...row, honoured: false }, by);
  return changed(due.length);
};

/** Notes a move of a claimant; of an end, when it came. */
export function noteMove(
  tables: LedgerTables,
  by: Transaction,
  { campaignId, moveNumber, number, serial }: ClaimantRow,
  state: MoveRow['state'],
  atUs: number,
): void {
  const key = `${campaignId}/${moveNumber}`;
  if (tables.moves.get(key, by) !== undefined)
    throw new ConstraintError(UNIQUE_VIOLATION, 'claimant_moves', 'claimant_moves_pkey');
  tables.moves.write(key, { campaignId, moveNumber, number, state, serial, atUs }, by);
}

/** Where there is another one. */
function replaceCode(tables: LedgerTables, by: Transaction, row: ClaimantRow, code: string): void {
  const key = `${row.campaignId}/${row.serial}`;
  const grant = tables.grants.get(key, by);
  if (code !== '' && grant !== undefined) tables.grants.write(key, { ...grant, code }, by);
}

const saveMoves: Statement = (tables, by, values) => {
  const [campaignId, after, unheardUs] = [values.number(1), values.number(2), values.number(6)];
  const [states, instants, codes] = [values.texts(4), values.numbers(5), values.texts(7)];
  const moved: ClaimantRow[] = [];
  for (const [index, number] of values.numbers(3).entries()) {
    const old = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
    if (old === undefined) continue;
    const endedUs = instants[index] ?? 0;
    const claimByUs = old.claimByUs === null ? null : old.claimByUs + unheardUs;
    const state = states[index] as ClaimantRow['state'];
    const row: ClaimantRow = { ...old, state, endedUs, claimByUs, moveNumber: after + index + 1 };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, state, endedUs);
    replaceCode(tables, by, row, codes[index] ?? '');
    moved.push(row);
  }
  return rowsOf(moved.filter(isFree).map(freedSerial));
};

function freedSerial({ serial, userId, endedEarly, state }: ClaimantRow) {
  return { serial, holder: userId, reason: endedEarly ?? state };
}

const readFreed: Statement = (tables, by, values) => {
  const freed = claimantsOf(tables, by, values.number(1))
    .filter(isFree)
    .sort((a, b) => a.moveNumber - b.moveNumber)
    .slice(0, values.number(2));
  return rowsOf(freed.map(freedSerial));
};

interface Passed {
  readonly serial: number;
  readonly place: number;
  readonly userId: string;
  readonly passedFrom: string;
}

function passOn(tables: LedgerTables, by: Transaction, values: Values): readonly Passed[] {
  const campaignId = values.number(1);
  const [serials, holders] = [values.numbers(2), values.texts(3)];
  const [codes, limit] = [values.texts(5), values.number(6)];
  const isOfIt = (row: { readonly campaignId: number }): boolean => row.campaignId === campaignId;
  const next = nextAlternates(tables, by, campaignId).slice(0, limit);
  const passed = next.slice(0, serials.length).map(({ place, userId }, index) => {
    const serial = serials[index] ?? 0;
    tables.passedOn.write(`${campaignId}/${place}`, { campaignId, place, serial }, by);
    const grant = tables.grants.get(`${campaignId}/${serial}`, by);
    if (grant === undefined)
      throw new ConstraintError(FOREIGN_KEY_VIOLATION, 'passed_on', 'passed_on_campaign_id_serial_fkey');
    const others = tables.grants.rows(by).filter(row => isOfIt(row) && row.serial !== serial);
    if (others.some(other => other.userId === userId))
      throw new ConstraintError(UNIQUE_VIOLATION, 'grants', 'grants_user');
    tables.grants.write(`${campaignId}/${serial}`, { ...grant, userId, code: codes[index] ?? '' }, by);
    return { serial, place, userId, passedFrom: holders[index] ?? '' };
  });
  return passed;
}

const offerToNext: Statement = (tables, by, values) => {
  const [campaignId, after] = [values.number(1), values.number(7)];
  const [offeredUs, claimByUs] = [values.number(8), values.number(9)];
  const passed = passOn(tables, by, values);
  const claimants = new Map(claimantsOf(tables, by, campaignId).map(row => [row.userId, row]));
  let count = 0;
  for (const [index, { serial, userId }] of passed.entries()) {
    const old = claimants.get(userId);
    if (old === undefined) continue;
    const row: ClaimantRow = {
      ...old,
      state: 'offered',
      serial,
      offeredUs,
      claimByUs,
      moveNumber: after + index + 1,
    };
    writeClaimant(tables, by, row);
    noteMove(tables, by, row, 'offered', offeredUs);
    count += 1;
  }
  // A row that this statement has written already is left as it is.
  const isOffered = new Set(passed.map(({ userId }) => userId));
  for (const { passedFrom: userId } of passed) {
    if (isOffered.has(userId)) continue;
    const row = claimants.get(userId);
    if (row === undefined) continue;
    if (row.state !== 'lapsed' && row.state !== 'declined')
      throw new ConstraintError(CHECK_VIOLATION, 'claimants', 'claimants_passed_on');
    writeClaimant(tables, by, { ...row, isPassedOn: true });
  }
  return changed(count);
};

const areAllDecided: Statement = (tables, by, values) =>
  rowsOf([{ over: !claimantsOf(tables, by, values.number(1)).some(({ state }) => state === 'offered') }]);

function lacksUnheard({ finishedAt, rules, unheardSeenUs }: CampaignRow, unheardUs: number): boolean {
  const hasClaims = rules !== null && JSON.parse(rules).claim_within_s !== undefined;
  return hasClaims && finishedAt === null && (unheardSeenUs === null || unheardSeenUs < unheardUs);
}

function extend(tables: LedgerTables, by: Transaction, row: CampaignRow, unheardUs: number): number {
  const total = row.unheardUs + unheardUs - (row.unheardSeenUs ?? unheardUs);
  changeCampaign(tables, by, row, { unheardUs: total, unheardSeenUs: unheardUs });
  return total;
}

const extendDeadlines: Statement = (tables, by, values) => {
  const unheardUs = values.number(1);
  const row = tables.campaigns.get(String(values.number(2)), by);
  if (row === undefined || !lacksUnheard(row, unheardUs)) return NOTHING;
  return rowsOf([{ unheardUs: extend(tables, by, row, unheardUs) }]);
};

/** Those that others hold are passed over. */
const extendFreeDeadlines: Statement = (tables, by, values) => {
  const unheardUs = values.number(1);
  const due = tables.campaigns.rows(by).filter(row => lacksUnheard(row, unheardUs));
  const free = due.filter(({ campaignId }) => tables.campaigns.heldBy(String(campaignId), by) === undefined);
  for (const row of free) extend(tables, by, row, unheardUs);
  return rowsOf([{ left: due.length - free.length }]);
};

export function shownClaimant(tables: LedgerTables, by: Transaction, row: ClaimantRow) {
  const { campaignId, number, userId, state, place, serial, endedUs, deadlineMoved, moveNumber } = row;
  const claimByUs = row.endingUs === null ? row.claimByUs : Math.min(row.endingUs, row.claimByUs ?? 0);
  const holds = state === 'offered' || state === 'claimed';
  const code = holds ? (tables.grants.get(`${campaignId}/${serial}`, by)?.code ?? null) : null;
  return { number, userId, state, place, serial, code, claimByUs, deadlineMoved, endedUs, moveNumber };
}

/** Campaigns, in the order of their ids, each with the number behind which its rows are read. */
function behindOf(values: Values): readonly (readonly [campaignId: number, after: number])[] {
  const afters = values.numbers(2);
  return values
    .numbers(1)
    .map((campaignId, index) => [campaignId, afters[index] ?? 0] as const)
    .sort(([a], [b]) => a - b);
}

const readClaimants: Statement = (tables, by, values) =>
  rowsOf(
    behindOf(values).flatMap(([campaignId, after]) =>
      claimantsOf(tables, by, campaignId)
        .filter(({ number }) => number > after)
        .slice(0, values.number(3))
        .map(row => ({ campaignId, ...shownClaimant(tables, by, row) })),
    ),
  );

const readMoves: Statement = (tables, by, values) =>
  rowsOf(
    behindOf(values).flatMap(([campaignId, after]) =>
      tables.moves
        .rows(by)
        .filter(move => move.campaignId === campaignId && move.moveNumber > after)
        .sort((a, b) => a.moveNumber - b.moveNumber)
        .slice(0, values.number(3))
        .flatMap(({ moveNumber, number, state }) => {
          const row = tables.claimants.get(keyOfClaimant({ campaignId, number }), by);
          if (row === undefined) return [];
          const leftPlace = state === 'offered' || state === 'left' ? row.place : null;
          return [{ campaignId, listNumber: moveNumber, leftPlace, ...shownClaimant(tables, by, row) }];
        }),
    ),
  );

export const CLAIM_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/insert into claims as held/, insertClaims],
  [/^insert into claimants \(campaign_id, number/, insertClaimants],
  [/^with waiting as \( insert into alternates/, insertWaiting],
  [/^with asked as \( select user_id, stamp as claim_stamp/, readDueClaimants],
  [/^with claimed as \( select \$3::bigint \+ c.stamp/, readDueInstants],
  [/^update claims c set decided = true/, decideClaims],
  [/^update withdrawals w set honoured = false from claimants k/, refuseOfClaimants],
  [/ update claimants k set state = sent.state/, saveMoves],
  [/^select serial, user_id as holder, coalesce\(ended_early, state\) as reason from claimants/, readFreed],
  [/ update claimants k set state = 'offered'/, offerToNext],
  [
    /^select not exists \(select from claimants where campaign_id = \$1 and state = 'offered'\)/,
    areAllDecided,
  ],
  [/^update campaigns set unheard_us = unheard_us \+/, extendDeadlines],
  [/ update campaigns set unheard_us = unheard_us \+/, extendFreeDeadlines],
  [/^select behind.campaign_id .* and k.number > behind.after/, readClaimants],
  [/^select behind.campaign_id .* and m.move_number > behind.after/, readMoves],
];
