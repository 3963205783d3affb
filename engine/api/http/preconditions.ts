/**
 * What a request for a change carries besides its body: the version it is based on, and whether it is a dry run.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { etagOf, preconditionFailed, type Versioned } from '../../campaigns/precondition.ts';
import { Problem } from '../../contract/api/problem.ts';
import { DryRunQuery } from '../contract/schedule-schemas.ts';
import { noteDryRun } from './acts.ts';
import { readParameters } from './input.ts';

/** Whether the request asks for a dry run, which is not logged as an act. Throws Problem invalid-request. */
export function isDryRun(request: FastifyRequest): boolean {
  const dryRun = readParameters(DryRunQuery, request.query).dryRun === 'true';
  if (dryRun) noteDryRun(request);
  return dryRun;
}

export function withEtag(reply: FastifyReply, thing: Versioned): void {
  reply.header('etag', etagOf(thing));
}

/**
 * Compares If-Match (RFC 9110, 13.1.1) with the current version: strong, so a weak tag never matches. `name` begins a sentence.
 * Returns the version that the change is based on; undefined for any (`*`). Throws Problem precondition-required if the header
 * is missing, precondition-failed if it names other versions.
 */
export function requireMatch(request: FastifyRequest, thing: Versioned, name: string): number | undefined {
  const given = request.headers['if-match'];
  const etag = etagOf(thing);
  if (given === undefined) {
    throw new Problem(
      'precondition-required',
      'The If-Match header is missing: send the ETag of the version that you read.',
      { errors: [{ field: 'if-match', expected: `${etag}, the ETag that it has now` }] },
    );
  }
  const tags = given.split(',').map(tag => tag.trim());
  if (tags.includes('*')) return undefined;
  if (tags.includes(etag)) return thing.version;
  throw preconditionFailed(given, thing, name);
}
