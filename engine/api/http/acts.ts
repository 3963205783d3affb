/**
 * The record of an act is its row in the ledger (../../operators/acts.ts). The engine's log has a line for each request that
 * succeeded, except reads and dry runs. It is outside the ledger: after a restore, which loses rows, it shows what was done since
 * the backup.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiDeps } from '../deps.ts';
import { knownOperator } from './authentication.ts';
import { isChange } from './session-cookie.ts';

type Members = Readonly<Record<string, unknown>>;

const noted = new WeakMap<FastifyRequest, Members>();
const unchanging = new WeakSet<FastifyRequest>();

/** Adds members to the line of a request: what its URL does not say. */
export function addToLine(request: FastifyRequest, members: Members): void {
  noted.set(request, members);
}

/** The request is answered without a change. */
export function noteDryRun(request: FastifyRequest): void {
  unchanging.add(request);
}

/** The request reads, although it is a POST: what it asks about must not be in a URL. */
export function noteRead(request: FastifyRequest): void {
  unchanging.add(request);
}

export function logActs(app: FastifyInstance, { log }: Pick<ApiDeps, 'log'>): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request;
    const operator = knownOperator(request);
    if (operator === undefined || !isChange(method) || reply.statusCode >= 300 || unchanging.has(request))
      return;
    log.info({ by: operator.name, method, url, ...noted.get(request) }, 'an operator acted');
  });
}
