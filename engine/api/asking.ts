/** What changes of campaigns are asked with: by whom, for which version, and whether for real. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Value from 'typebox/value';
import type { Campaign } from '../../sql/campaigns.ts';
import { fieldFault, invalidRequest, Problem } from '../contract/problem.ts';
import { readParameters } from './input.ts';
import { DryRunQuery, OperatorHeaders } from './schedule-schemas.ts';

/** Who asks: all operators have one token, so it is who they say they are. Throws Problem invalid-request. */
export function readOperator(request: FastifyRequest): string {
  const given = request.headers['x-operator'];
  if (given === undefined) return 'operator';
  const name = decode(String(given));
  if (name !== undefined && Value.Check(OperatorHeaders, { 'x-operator': name })) return name;
  throw invalidRequest([fieldFault('x-operator', given, 'a name of 1 to 100 characters, in UTF-8')]);
}

/** Node reads headers as bytes; a name is UTF-8. */
function decode(header: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Throws Problem invalid-request. */
export function isDryRun(request: FastifyRequest): boolean {
  return readParameters(DryRunQuery, request.query).dryRun === 'true';
}

export function etagOf({ version }: Pick<Campaign, 'version'>): string {
  return `"${version}"`;
}

export function withEtag(reply: FastifyReply, campaign: Pick<Campaign, 'version'>): void {
  reply.header('etag', etagOf(campaign));
}

/**
 * Holds If-Match (RFC 9110, 13.1.1) against the campaign: strong, so a weak tag never matches. Throws Problem
 * precondition-required where it is missing, precondition-failed where it names other versions.
 */
export function requireMatch(request: FastifyRequest, campaign: Campaign): void {
  const given = request.headers['if-match'];
  const etag = etagOf(campaign);
  if (given === undefined) {
    throw new Problem(
      'precondition-required',
      'The header If-Match is missing: it has to carry the ETag of the campaign that the change was made for.',
      { errors: [{ field: 'if-match', expected: `the ETag of the campaign, which is ${etag} now` }] },
    );
  }
  const tags = given.split(',').map(tag => tag.trim());
  if (tags.includes('*') || tags.includes(etag)) return;
  throw new Problem(
    'precondition-failed',
    `Campaign ${campaign.campaignId} is another version than the one that the change was made for: read it again.`,
    {
      version: campaign.version,
      errors: [fieldFault('if-match', given, `${etag}, if the change is still right`)],
    },
    { etag },
  );
}
