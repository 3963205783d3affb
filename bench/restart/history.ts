/** The history of a service that ran for long: finished campaigns and their entries. */
import pg from 'pg';
import type { Fairline } from '../system/fairline.ts';
import { inMs } from '../system/operator.ts';
import { until } from '../system/waiting.ts';

export interface HistoryTerms {
  readonly campaigns: number;
  readonly entries: number;
}

const STOCK = 100;
/** Time allowed for making a campaign, and for inserting an entry: all must be done before the campaigns close. */
const CAMPAIGN_MS = 60;
const ENTRY_MS = 0.05;
const SPARE_MS = 20_000;
const FINISHED_LIMIT_MS = 1_200_000;

/** Makes the campaigns as in service; the entries go into the ledger by one statement. */
export async function makeHistory(
  { operator, site }: Fairline,
  { campaigns, entries }: HistoryTerms,
  say: (line: string) => void,
): Promise<void> {
  const perCampaign = Math.floor(entries / campaigns);
  const closes_at = inMs(campaigns * CAMPAIGN_MS + entries * ENTRY_MS + SPARE_MS);
  const ids: number[] = [];
  for (let number = 0; number < campaigns; number++) {
    const { id } = await operator.create({ kind: 'coupon', title: `Old ${number}`, stock: STOCK, closes_at });
    ids.push(id);
  }
  say(`${campaigns} campaigns are made; ${perCampaign * campaigns} entries are put in`);
  const client = new pg.Client({ connectionString: site.databaseUrl });
  await client.connect();
  try {
    await client.query(
      `insert into entries (campaign_id, user_id, stamp)
       select id, 'old-' || number, number * 1024
         from unnest($1::integer[]) as id, generate_series(1, $2::bigint) as number`,
      [ids, perCampaign],
    );
    await client.query('analyze entries');
    say('all are put in; the engine decides them');
    await until('the end of all old campaigns', { everyMs: 500, limitMs: FINISHED_LIMIT_MS }, async () => {
      const { rows } = await client.query(
        'select count(*)::integer as open from campaigns where finished_at is null',
      );
      return rows[0]?.open === 0 || undefined;
    });
  } finally {
    await client.end();
  }
}
