/**
 * The gateway's HTTP server. An existing path answers an unsupported method with 405 and Allow.
 */
import uws, { type TemplatedApp } from 'uWebSockets.js';
import type { EnteringParts } from '../entry/entries.ts';
import { type ConnectionParts, limitConnections, refuseMethod, refusePath } from './fallbacks.ts';
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
  app.any('/*', (res, req) => refusePath(handling, res, req));
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
