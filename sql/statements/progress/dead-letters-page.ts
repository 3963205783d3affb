/** Reading back dead letters, for operators. */
import type { Queryable } from '../../database.ts';

export interface DeadLetterRow {
  readonly deadLetterId: number;
  readonly logName: string;
  readonly partition: number;
  readonly position: string;
  readonly item: number | null;
  readonly reason: string;
  readonly recordBase64: string;
  readonly recordedAt: Date;
}

/** Dead letters with a greater id than `after`, by id, at most `limit`. */
export async function listDeadLetters(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly DeadLetterRow[]> {
  const { rows } = await db.query<DeadLetterRow>(
    `select dead_letter_id as "deadLetterId", log_name as "logName", partition, position, item, reason,
            translate(encode(record, 'base64'), e'\\n', '') as "recordBase64", recorded_at as "recordedAt"
       from dead_letters where dead_letter_id > $1 order by dead_letter_id limit $2`,
    [page.after, page.limit],
  );
  return rows;
}
