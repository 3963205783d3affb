/**
 * The gateway's HTTP server. An existing path answers an unsupported method with 405 and Allow.
 */
import uws, { type HttpRequest, type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { GatewayConfig } from '../config.ts';
import type { EnteringParts } from '../entry/entries.ts';
import { Reply } from './reply.ts';
import type { RefusalParts } from './requests.ts';
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

export interface ConnectionParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'MAX_CONNECTIONS'>;
  readonly connections: { count: number };
}

export interface AppParts {
  readonly connections: ConnectionParts;
  /** For each request, whatever its route. */
  readonly handling: HandlerParts;
  readonly routes: RouteParts;
}

export interface EntriesAppParts {
  readonly handling: HandlerParts;
  readonly entering: EnteringParts;
}

const METHOD_NAMES: Readonly<Record<Method, string>> = { get: 'GET', post: 'POST', del: 'DELETE' };

/** Sets up the routes and the cap on connections. */
export function buildApp({ connections, handling, routes }: AppParts): TemplatedApp {
  const app = uws.App();
  limitConnections(app, connections);
  for (const [path, methods] of Object.entries(routesOf(routes))) addRoute(app, handling, path, methods);
  app.any('/*', (res, req) => {
    const path = req.getUrl();
    const fault = fieldFault('path', path, 'a path listed in /openapi.json');
    new Reply(res).problem('not-found', `No route at ${fault.value}.`, {
      members: { errors: [fault] },
    });
  });
  return app;
}

/** A server with the route for entries only, for the warm-up of a gateway. */
export function buildEntriesApp({ handling, entering }: EntriesAppParts): TemplatedApp {
  const app = uws.App();
  addRoute(app, handling, ENTRIES_PATH, entriesMethods(entering));
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

function refuseMethod(parts: RefusalParts, res: HttpResponse, req: HttpRequest, allow: string): void {
  const method = req.getCaseSensitiveMethod();
  parts.metrics.refuse('method');
  const fault = fieldFault('method', method, allow);
  new Reply(res).problem('method-not-allowed', `${method} is not allowed here; use ${allow}.`, {
    members: { errors: [fault] },
    headers: { allow },
  });
}

function limitConnections(app: TemplatedApp, { connections, config, metrics }: ConnectionParts): void {
  const opensOrCloses = (res: HttpResponse, change: number): void => {
    connections.count += change;
    if (change > 0 && connections.count > config.MAX_CONNECTIONS) {
      metrics.refuse('connections');
      res.close();
    }
  };
  app.filter((res, change) => opensOrCloses(res, Number(change)));
}
