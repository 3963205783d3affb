/** Templates: campaigns without their times, to be created again. */
import { type Pool, type Queryable, transaction } from '../../sql/database.ts';
import { getTemplate, insertTemplate, type Template } from '../../sql/statements/campaigns/templates.ts';
import { fieldFault, Problem } from '../contract/api/problem.ts';
import { type Actor, noteAct } from '../operators/acts.ts';

/** Stores a template. `body`: the campaign as a request would create it, checked before. Throws Problem conflict if the name is taken. */
export async function makeTemplate(
  pool: Pool,
  { name, body }: Pick<Template, 'name' | 'body'>,
  actor: Actor,
): Promise<Template> {
  return await transaction(pool, async db => {
    const made = await insertTemplate(db, { name, body, madeBy: actor.name });
    if (made === undefined) {
      throw new Problem('conflict', `A template with the name "${name}" already exists.`, {
        errors: [fieldFault('name', name, 'a name that no template has')],
      });
    }
    const details = { name, campaign: body };
    await noteAct(db, actor, { target: templateTarget(made.templateId), details });
    return made;
  });
}

/** Throws Problem unknown-template. */
export async function findTemplate(db: Queryable, templateId: number): Promise<Template> {
  const template = await getTemplate(db, templateId);
  if (template !== undefined) return template;
  throw new Problem('unknown-template', `Template ${templateId} does not exist.`, {
    errors: [fieldFault('id', templateId, 'the number of an existing template')],
  });
}

/** The template in the operator log. */
export function templateTarget(templateId: number): string {
  return `template ${templateId}`;
}
