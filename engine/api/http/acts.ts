/**
 * The log of acts: one line for each request that has changed something, with the name of its operator. A dry run changes
 * nothing and has none. Versions and clock statements have the name in the ledger as well; everything else only here.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiDeps } from '../deps.ts';
import { operatorOf } from './authentication.ts';

type Members = Readonly<Record<string, unknown>>;

const noted = new WeakMap<FastifyRequest, Members>();
const dryRuns = new WeakSet<FastifyRequest>();

/** Adds members to the line of a request: what its URL does not say. */
export function noteAct(request: FastifyRequest, members: Members): void {
  noted.set(request, members);
}

/** The request is answered without a change. */
export function noteDryRun(request: FastifyRequest): void {
  dryRuns.add(request);
}

export function logActs(app: FastifyInstance, { log }: Pick<ApiDeps, 'log'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    if (request.routeOptions.config.needs === undefined || method === 'GET' || method === 'HEAD') return;
    if (reply.statusCode >= 300 || dryRuns.has(request)) return;
    log.info({ by: operatorOf(request).name, method, url, ...noted.get(request) }, 'an operator acted');
  });
}
