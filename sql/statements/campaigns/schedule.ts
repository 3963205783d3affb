/** Statements on scheduled events of all campaigns, and on those that have happened. */
import type { Queryable } from '../../database.ts';
import type { CampaignKind } from './campaigns.ts';

export const SCHEDULED_KINDS = ['opening', 'closing', 'drawing'] as const;
export type ScheduledKind = (typeof SCHEDULED_KINDS)[number];

export interface Scheduled {
  readonly campaignId: number;
  readonly kind: ScheduledKind;
  readonly at: Date;
  readonly title: string;
  readonly campaignKind: CampaignKind;
  readonly timeZone: string;
  readonly version: number;
  readonly paused: boolean;
  /** A change of the campaign is being confirmed by gateways. */
  readonly isChanging: boolean;
}

export interface ScheduledPage {
  readonly from: Date;
  readonly until: Date | null;
  readonly kind: ScheduledKind | undefined;
  /** The end of the previous page. */
  readonly after:
    | { readonly at: Date; readonly campaignId: number; readonly kind: ScheduledKind }
    | undefined;
  readonly limit: number;
}

/** What is scheduled from `from` to before `until`, by time, for campaigns that are neither drafts nor finished. */
export async function listScheduled(db: Queryable, page: ScheduledPage): Promise<readonly Scheduled[]> {
  const { rows } = await db.query<Scheduled>(
    `select c.campaign_id as "campaignId", due.kind, due.at, c.title, c.kind as "campaignKind",
            c.time_zone as "timeZone", c.version, c.paused_at is not null as paused,
            c.pending is not null as "isChanging"
       from campaigns c
      cross join lateral (values
        ('opening', c.opens_at),
        ('closing', coalesce(c.closing_at, c.closes_at)),
        ('drawing', case when c.kind = 'raffle' then coalesce(c.draws_at, c.closes_at) end)) as due (kind, at)
      where c.stage = 'scheduled' and c.finished_at is null
        and due.at >= $1 and ($2::timestamptz is null or due.at < $2)
        and ($3::text is null or due.kind = $3)
        and ($4::timestamptz is null or (due.at, c.campaign_id, due.kind) > ($4, $5::integer, $6::text))
      order by due.at, c.campaign_id, due.kind limit $7`,
    [
      page.from,
      page.until,
      page.kind ?? null,
      page.after?.at ?? null,
      page.after?.campaignId ?? null,
      page.after?.kind ?? null,
      page.limit,
    ],
  );
  return rows;
}

export interface Done {
  readonly campaignId: number;
  readonly kind: 'closing' | 'drawing';
  readonly dueAt: Date;
  readonly doneAt: Date;
  readonly lateMs: number;
}

const DONE_COLUMNS = `campaign_id as "campaignId", kind, due_at as "dueAt", done_at as "doneAt", late_ms as "lateMs"`;

export async function readDone(db: Queryable, campaignId: number): Promise<readonly Done[]> {
  const { rows } = await db.query<Done>(
    `select ${DONE_COLUMNS} from scheduled_done where campaign_id = $1 order by kind`,
    [campaignId],
  );
  return rows;
}

/** Takes events that were not reported yet: each is returned once, to one engine. */
export async function takeUntold(db: Queryable): Promise<readonly Done[]> {
  const { rows } = await db.query<Done>(
    `update scheduled_done set told = true
      where (campaign_id, kind) in (
        select campaign_id, kind from scheduled_done where not told order by campaign_id, kind for update skip locked)
     returning ${DONE_COLUMNS}`,
  );
  return rows;
}
