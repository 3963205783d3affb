/** Templates: campaigns without their times, to be created again. */
import type { FastifyInstance } from 'fastify';
import { transaction } from '../../../sql/database.ts';
import {
  getTemplate,
  insertTemplate,
  listTemplates,
  type Template,
} from '../../../sql/statements/campaigns/templates.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { Problem } from '../../contract/api/problem.ts';
import { noteAct } from '../../operators/acts.ts';
import { operations } from '../contract/operations.ts';
import { AgainBody, NewTemplateBody, TemplateCampaign, TemplatePath } from '../contract/schedule-schemas.ts';
import { PageQuery, pageLimit } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { addRoute } from '../http/routing.ts';
import { bodyAgain, makeCampaign } from './make-campaign.ts';
import { readNewCampaign } from './new-campaign.ts';

const HOUR_MS = 3_600_000;

export function addTemplateRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createTemplate, async (request, reply) => {
    const actor = actorOf(request);
    const { name, campaign } = readBody(NewTemplateBody, request.body);
    const body = readBody(TemplateCampaign, campaign);
    const nowMs = await clockMs(deps);
    // With some valid times, the template must be a campaign that can be created.
    readNewCampaign(bodyAgain(body, { closes_at: new Date(nowMs + HOUR_MS).toISOString() }), nowMs);
    const template = await transaction(deps.pool, async db => {
      const made = await insertTemplate(db, { name, body, madeBy: actor.name });
      if (made === undefined) {
        throw new Problem('conflict', `A template with the name "${name}" already exists.`);
      }
      await noteAct(db, actor, {
        target: templateTarget(made.templateId),
        details: { name, campaign: body },
      });
      return made;
    });
    reply.code(201).header('location', `${operations.listTemplates.path}/${template.templateId}`);
    return templateJson(template);
  });

  addRoute(app, operations.listTemplates, async request => {
    const query = readParameters(PageQuery, request.query);
    const limit = pageLimit(query);
    const found = await listTemplates(deps.pool, { after: query.after ?? 0, limit: limit + 1 });
    const templates = found.slice(0, limit).map(templateJson);
    return { templates, next: found.length > limit ? (templates.at(-1)?.id ?? null) : null };
  });

  addRoute(app, operations.getTemplate, async request => {
    const { id } = readParameters(TemplatePath, request.params);
    return templateJson(await find(deps, id));
  });

  addRoute(app, operations.useTemplate, async (request, reply) => {
    const { id } = readParameters(TemplatePath, request.params);
    const again = readBody(AgainBody, request.body);
    const terms = readBody(TemplateCampaign, (await find(deps, id)).body);
    return await makeCampaign(deps, request, reply, bodyAgain(terms, again), templateTarget(id));
  });
}

function templateTarget(templateId: number): string {
  return `template ${templateId}`;
}

async function find(deps: ApiDeps, templateId: number): Promise<Template> {
  const template = await getTemplate(deps.pool, templateId);
  if (template === undefined) throw new Problem('unknown-template', `Template ${templateId} does not exist.`);
  return template;
}

function templateJson({ templateId, name, body, madeBy, madeAt }: Template) {
  return { id: templateId, name, campaign: body, made_by: madeBy, made_at: madeAt.toISOString() };
}
