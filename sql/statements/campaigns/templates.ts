/** Statements on templates of campaigns. */
import type { Queryable } from '../../database.ts';

export interface Template {
  readonly templateId: number;
  readonly name: string;
  /** A body of POST /v1/campaigns, without its times. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly madeBy: string;
  readonly madeAt: Date;
}

const TEMPLATE_COLUMNS = `template_id as "templateId", name, body, made_by as "madeBy", made_at as "madeAt"`;

/** Undefined if there is one of this name. */
export async function insertTemplate(
  db: Queryable,
  { name, body, madeBy }: Pick<Template, 'name' | 'body' | 'madeBy'>,
): Promise<Template | undefined> {
  const { rows } = await db.query<Template>(
    `insert into campaign_templates (name, body, made_by) values ($1, $2, $3)
     on conflict (name) do nothing returning ${TEMPLATE_COLUMNS}`,
    [name, JSON.stringify(body), madeBy],
  );
  return rows[0];
}

export async function getTemplate(db: Queryable, templateId: number): Promise<Template | undefined> {
  const { rows } = await db.query<Template>(
    `select ${TEMPLATE_COLUMNS} from campaign_templates where template_id = $1`,
    [templateId],
  );
  return rows[0];
}

/** Templates above `after`, by id, at most `limit`. */
export async function listTemplates(
  db: Queryable,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Template[]> {
  const { rows } = await db.query<Template>(
    `select ${TEMPLATE_COLUMNS} from campaign_templates where template_id > $1 order by template_id limit $2`,
    [Math.min(page.after, 2 ** 31 - 1), page.limit],
  );
  return rows;
}
