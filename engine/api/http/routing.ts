import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { nameOf, permissionFor } from '../contract/needs.ts';
import { type Operation, SECURED_PREFIX } from '../contract/operations.ts';

/** Adds the route of an operation. The handler resolves with the body; an error it throws becomes a problem. */
export function addRoute(
  app: FastifyInstance,
  operation: Operation,
  handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): void {
  const { method, path, bodyLimitBytes } = operation;
  const needs = permissionFor(operation);
  if (needs === undefined && path.startsWith(SECURED_PREFIX) && operation.isOpen !== true)
    throw new Error(`anybody could ask for ${path}`);
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    handler,
    config: { operation: nameOf(operation), ...(needs === undefined ? {} : { needs }) },
    ...(bodyLimitBytes === undefined ? {} : { bodyLimit: bodyLimitBytes }),
  });
}
