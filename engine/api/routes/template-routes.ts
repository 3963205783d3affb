/** Templates: campaigns without their times, to be created again. */
import type { FastifyInstance } from 'fastify';
import { listTemplates, type Template } from '../../../sql/statements/campaigns/templates.ts';
import { clockMs } from '../../campaigns/deps.ts';
import { findTemplate, makeTemplate, templateTarget } from '../../campaigns/templates.ts';
import { isoOfMs } from '../../contract/api/instants.ts';
import { operations } from '../contract/operations.ts';
import { AgainBody, NewTemplateBody, TemplateCampaign, TemplatePath } from '../contract/schedule-schemas.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { addRoute } from '../http/routing.ts';
import { bodyAgain, makeCampaign } from './make-campaign.ts';
import { readNewCampaign } from './new-campaign.ts';

const HOUR_MS = 3_600_000;

export function addTemplateRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.createTemplate, async (request, reply) => {
    const { name, campaign } = readBody(NewTemplateBody, request.body);
    const body = readBody(TemplateCampaign, campaign);
    const nowMs = await clockMs(deps);
    // With some valid times, the template must be a campaign that can be created.
    readNewCampaign(bodyAgain(body, { closes_at: isoOfMs(nowMs + HOUR_MS) }), nowMs);
    const template = await makeTemplate(deps.pool, { name, body }, actorOf(request));
    addToLine(request, { templateId: template.templateId });
    reply.code(201).header('location', `${operations.listTemplates.path}/${template.templateId}`);
    return templateJson(template);
  });

  addRoute(app, operations.listTemplates, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listTemplates(deps.pool, { after: query.after ?? 0, limit }),
      ({ templateId }) => templateId,
    );
    return { templates: rows.map(templateJson), next };
  });

  addRoute(app, operations.getTemplate, async request => {
    const { id } = readParameters(TemplatePath, request.params);
    return templateJson(await findTemplate(deps.pool, id));
  });

  addRoute(app, operations.useTemplate, async (request, reply) => {
    const { id } = readParameters(TemplatePath, request.params);
    const again = readBody(AgainBody, request.body);
    const terms = readBody(TemplateCampaign, (await findTemplate(deps.pool, id)).body);
    return await makeCampaign(deps, request, reply, bodyAgain(terms, again), templateTarget(id));
  });
}

function templateJson({ templateId, name, body, madeBy, madeAt }: Template) {
  return { id: templateId, name, campaign: body, made_by: madeBy, made_at: madeAt.toISOString() };
}
