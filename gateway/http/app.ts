/**
 * The gateway's HTTP server. An existing path answers an unsupported method with 405 and Allow.
 */
import uws, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { EntryParts } from '../entry/entry-answers.ts';
import { Reply } from './reply.ts';
import {
  ENTRIES_PATH,
  entriesMethods,
  type HandlerParts,
  type Method,
  type Methods,
  type RouteParts,
  routesOf,
  runHandler,
} from './routes.ts';

const METHOD_NAMES: Readonly<Record<Method, string>> = { get: 'GET', post: 'POST', del: 'DELETE' };

/** Sets up the routes and the cap on connections. */
export function buildApp(parts: RouteParts): TemplatedApp {
  const app = uws.App();
  limitConnections(app, parts);
  for (const [path, methods] of Object.entries(routesOf(parts))) addRoute(app, parts, path, methods);
  app.any('/*', (res, req) => {
    const path = req.getUrl();
    const fault = fieldFault('path', path, 'a path listed in /openapi.json');
    new Reply(res).problem('not-found', `No route at ${fault.value}.`, {
      members: { errors: [fault] },
    });
  });
  return app;
}

/** A server that takes entries, and knows nothing else: what a gateway warms itself up with. */
export function buildEntriesApp(parts: EntryParts & HandlerParts): TemplatedApp {
  const app = uws.App();
  addRoute(app, parts, ENTRIES_PATH, entriesMethods(parts));
  return app;
}

function addRoute(app: TemplatedApp, parts: HandlerParts, path: string, methods: Methods): void {
  const allow: string[] = [];
  for (const method of ['get', 'post', 'del'] as const) {
    const handler = methods[method];
    if (handler === undefined) continue;
    allow.push(METHOD_NAMES[method]);
    app[method](path, (res, req) => runHandler(parts, handler, res, req));
  }
  app.any(path, (res, req) => refuseMethod(parts, res, req, allow.join(', ')));
}

function refuseMethod(parts: HandlerParts, res: HttpResponse, req: HttpRequest, allow: string): void {
  const method = req.getCaseSensitiveMethod();
  parts.metrics.refuse('method');
  const fault = fieldFault('method', method, allow);
  new Reply(res).problem('method-not-allowed', `${method} is not allowed here; use ${allow}.`, {
    members: { errors: [fault] },
    headers: { allow },
  });
}

function limitConnections(app: TemplatedApp, parts: RouteParts): void {
  const { connections, config, metrics } = parts;
  const opensOrCloses = (res: HttpResponse, change: number): void => {
    connections.count += change;
    if (change > 0 && connections.count > config.MAX_CONNECTIONS) {
      metrics.refuse('connections');
      res.close();
    }
  };
  app.filter((res, change) => opensOrCloses(res, Number(change)));
}
