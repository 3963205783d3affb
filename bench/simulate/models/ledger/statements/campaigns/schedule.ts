/** The statements of sql/statements/campaigns/campaign-versions.ts and sql/statements/campaigns/schedule.ts. */
import { createHash } from 'node:crypto';
import type {
  Target,
  Version,
  VersionAction,
} from '../../../../../../sql/statements/campaigns/campaign-versions.ts';
import type { Notice, PendingChange, Stage } from '../../../../../../sql/statements/campaigns/campaigns.ts';
import { ROLES, type Role } from '../../../../../../sql/statements/operators/operator-tokens.ts';
import { changed, NOTHING, rowsOf, type Statement, type Values } from '../../statement.ts';
import { updating } from './changing.ts';
import { taken } from './selected.ts';
import { lastVersion } from './versions.ts';

function stageOf(text: string): Stage {
  if (text === 'draft' || text === 'scheduled' || text === 'cancelled' || text === 'archived') return text;
  throw new TypeError(`${text} is no stage`);
}

const ACTIONS: readonly VersionAction[] = [
  ...(['make', 'edit', 'announce', 'pause', 'resume', 'cancel', 'close', 'archive', 'raise'] as const),
];

function actionOf(text: string): VersionAction {
  const action = ACTIONS.find(known => known === text);
  if (action === undefined) throw new TypeError(`${text} is no action`);
  return action;
}

function roleOf(text: string | null): Role | null {
  return ROLES.find(known => known === text) ?? null;
}

/** Reads eight parameters from `first` on; the notice is another one. */
function targetOf(values: Values, first: number): Omit<Target, 'notice'> {
  return {
    stage: stageOf(values.text(first)),
    title: values.text(first + 1),
    stock: values.number(first + 2),
    opensAt: values.date(first + 3),
    closesAt: values.date(first + 4),
    drawsAt: values.optionalDate(first + 5),
    timeZone: values.text(first + 6),
    paused: values.flag(first + 7),
  };
}

function noticeOf(value: unknown): Notice | null {
  const { ko, en } = Object(value);
  return typeof ko === 'string' && typeof en === 'string' ? { ko, en } : null;
}

const takeForChange: Statement = (tables, by, values) => {
  const key = String(values.number(1));
  if (tables.campaigns.get(key, by) === undefined) return NOTHING;
  tables.campaigns.lock(key, by);
  const row = tables.campaigns.get(key, by);
  return row === undefined ? NOTHING : rowsOf([taken(tables, by, row)]);
};

const insertVersion: Statement = (tables, by, values) => {
  const campaignId = values.number(1);
  const version = lastVersion(tables, by, campaignId) + 1;
  const state = values.text(15) === 'pending' ? 'pending' : 'effective';
  const row: Version = {
    ...targetOf(values, 3),
    notice: noticeOf(values.raw(18)),
    ...{ campaignId, version, action: actionOf(values.text(2)), baseVersion: values.number(11) },
    ...{
      askedBy: values.text(12),
      askedRole: roleOf(values.optionalText(16)),
      askedToken: values.optional(17),
    },
    ...{ reason: values.optionalText(13), decideBy: values.optionalDate(14) },
    ...{ askedAt: tables.now(), state, refused: null, refusal: null },
    ...(state === 'effective'
      ? { decidedAt: tables.now(), rulesHash: announcedHash(tables, by, values) }
      : { decidedAt: null, rulesHash: null }),
  };
  tables.versions.write(`${campaignId}/${version}`, row, by);
  return rowsOf([{ version }]);
};

/** Of the rules given as $19, or of those of the campaign $1. */
function announcedHash(...[tables, by, values]: Parameters<Statement>): Buffer | null {
  const rules = values.optionalText(19) ?? tables.campaigns.get(String(values.number(1)), by)?.rules ?? null;
  return rules === null ? null : createHash('sha256').update(rules).digest();
}

const readVersion: Statement = (tables, by, values) => {
  const row = tables.versions.get(`${values.number(1)}/${values.number(2)}`, by);
  return row === undefined ? NOTHING : rowsOf([row]);
};

/** Decides the pending version that $1 and $2 name. */
const deciding =
  (decided: (values: Values) => Pick<Version, 'state' | 'refused' | 'refusal' | 'rulesHash'>): Statement =>
  (tables, by, values) => {
    const key = `${values.number(1)}/${values.number(2)}`;
    const old = tables.versions.get(key, by);
    if (old === undefined) return NOTHING;
    const row = { ...old, ...decided(values), decidedAt: tables.now() };
    tables.versions.write(key, row, by);
    return { ...changed(1), rows: [row] };
  };

const REASONS = ['too_near', 'passed', 'gateway_silent', 'redis_away', 'changed'] as const;

const refuse = deciding(values => ({
  state: 'refused',
  refused: REASONS.find(reason => reason === values.text(3)) ?? null,
  refusal: values.text(4),
  rulesHash: null,
}));

const effect = deciding(values => {
  const rules = values.optionalText(3);
  return {
    ...{ state: 'effective', refused: null, refusal: null },
    rulesHash: rules === null ? values.optionalBytes(4) : createHash('sha256').update(rules).digest(),
  };
});

function pendingOf(value: unknown): PendingChange {
  const from = (name: keyof PendingChange): unknown => Reflect.get(Object(value), name);
  return {
    version: Number(from('version')),
    opensAtUs: Number(from('opensAtUs')),
    closesAtUs: Number(from('closesAtUs')),
    paused: from('paused') === true,
    cancelled: from('cancelled') === true,
  };
}

const setPending = updating((_old, values) => ({ pending: pendingOf(values.raw(2)) }));

const apply = updating((old, values, now) => {
  const { paused, ...target } = targetOf(values, 3);
  const isCancelled = target.stage === 'cancelled';
  return {
    ...target,
    version: values.number(2),
    pending: null,
    pausedAt: paused ? (old.pausedAt ?? now) : null,
    rules: values.optionalText(11) ?? old.rules,
    nonce: values.optionalBytes(12) ?? old.nonce,
    notice: noticeOf(values.raw(13)),
    cancelledStamp: isCancelled ? (old.cancelledStamp ?? old.settledStamp) : old.cancelledStamp,
    finishedAt: isCancelled ? (old.finishedAt ?? now) : old.finishedAt,
  };
});

const cancel = updating((old, values, now) => {
  const neverOpens = values.flag(4);
  const { opensAt, closesAt, closingAt, frozenAt, settledStamp } = old;
  const knownMs = Math.max(
    values.date(3).getTime(),
    closingAt?.getTime() ?? Number.NEGATIVE_INFINITY,
    opensAt.getTime() + 1,
  );
  const stays = neverOpens || frozenAt !== null;
  return {
    ...{ version: values.number(2), pending: null, stage: 'cancelled', cancelledStamp: settledStamp },
    closesAt: stays ? closesAt : new Date(Math.min(closesAt.getTime(), knownMs)),
    finishedAt: neverOpens ? now : null,
    notice: noticeOf(values.raw(5)),
  };
});

const listPending: Statement = (tables, by) =>
  rowsOf(
    tables.versions
      .rows(by)
      .filter(({ state }) => state === 'pending')
      .sort((a, b) => a.campaignId - b.campaignId)
      .map(version => ({ ...version, ageMs: tables.now().getTime() - version.askedAt.getTime() })),
  );

/** Skips a row that another transaction has locked. */
const takeUntold: Statement = (tables, by) => {
  const rows = tables.done
    .rows(by)
    .filter(
      ({ told, campaignId, kind }) => !told && tables.done.heldBy(`${campaignId}/${kind}`, by) === undefined,
    );
  for (const row of rows) tables.done.write(`${row.campaignId}/${row.kind}`, { ...row, told: true }, by);
  return rowsOf(
    rows.map(({ told: _, ...row }) => ({ ...row, lateMs: row.doneAt.getTime() - row.dueAt.getTime() })),
  );
};

export const SCHEDULE_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/ from campaigns where campaign_id = \$1 for no key update$/, takeForChange],
  [/^insert into campaign_versions /, insertVersion],
  [/ from campaign_versions where campaign_id = \$1 and version = \$2$/, readVersion],
  [/^update campaign_versions set state = 'effective'/, effect],
  [/^update campaign_versions set state = 'refused'/, refuse],
  [/^update campaigns set pending = \$2 /, setPending],
  [/^update campaigns set pending = null where campaign_id = \$1$/, updating(() => ({ pending: null }))],
  [/^update campaigns set version = \$2, pending = null, stage = \$3/, apply],
  [/^update campaigns set version = \$2, pending = null, stage = 'cancelled'/, cancel],
  [/ from campaign_versions where state = 'pending' order by campaign_id$/, listPending],
  [/^update scheduled_done set told = true/, takeUntold],
];
