/** Reading back dead letters, for operators. */
import type { Queryable } from '../../database.ts';

export interface SetAsideRow {
  readonly setAsideId: number;
  readonly logName: string;
  readonly partition: number;
  readonly position: string;
  readonly item: number | null;
  readonly reason: string;
  readonly recordBase64: string;
  readonly setAsideAt: Date;
}

/** Dead letters with a greater id than `after`, by id, at most `limit`. */
export async function listSetAside(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly SetAsideRow[]> {
  const { rows } = await db.query<SetAsideRow>(
    `select set_aside_id as "setAsideId", log_name as "logName", partition, position, item, reason,
            translate(encode(record, 'base64'), e'\\n', '') as "recordBase64", set_aside_at as "setAsideAt"
       from set_aside where set_aside_id > $1 order by set_aside_id limit $2`,
    [page.after, page.limit],
  );
  return rows;
}
