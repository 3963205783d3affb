/** The service itself: liveness, readiness, metrics, contract. */
import type { FastifyInstance } from 'fastify';
import { Problem } from '../../contract/api/problem.ts';
import { messageOf } from '../../contract/process/message-of.ts';
import { openApiDocument } from '../contract/openapi.ts';
import { operations } from '../contract/operations.ts';
import type { ApiDeps, Readiness } from '../deps.ts';
import { addRoute } from '../http/routing.ts';

export function addServiceRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.livez, async () => ({ ok: true }));

  addRoute(app, operations.readyz, async () => {
    const { ok, checks } = await readiness(deps);
    if (ok) return { ok, checks };
    const faults = Object.entries(checks).filter(([, state]) => state !== 'ok');
    const detail = faults.map(([name, state]) => `${name}: ${state}`).join('; ');
    throw new Problem(
      'unavailable',
      detail || 'The engine is not ready.',
      { checks },
      { 'retry-after': '1' },
    );
  });

  addRoute(app, operations.metrics, async (_request, reply) => {
    reply.type(deps.registry.contentType);
    return await deps.registry.metrics();
  });

  const document = openApiDocument();
  addRoute(app, operations.openapi, async () => document);
}

async function readiness(deps: ApiDeps): Promise<Readiness> {
  try {
    return await deps.ready();
  } catch (error) {
    return { ok: false, checks: { engine: messageOf(error) } };
  }
}
