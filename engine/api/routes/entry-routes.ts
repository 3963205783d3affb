/** Entries with their outcomes, by page and as a stream of CSV, and dead letters. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Campaign } from '../../../sql/statements/campaigns/campaigns.ts';
import { listOutcomes, type Outcome, streamOutcomes } from '../../../sql/statements/entries/outcomes.ts';
import { listDeadLetters } from '../../../sql/statements/progress/dead-letters-page.ts';
import { findCampaign, refuseArchived } from '../../campaigns/find-campaign.ts';
import { faultsText, fieldFault, Problem } from '../../contract/api/problem.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { EntriesQuery, ExportQuery } from '../contract/entry-schemas.ts';
import { JSON_MEDIA_TYPE, operations } from '../contract/operations.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { preferredType } from '../http/content-negotiation.ts';
import { CSV_MEDIA_TYPE, entriesCsv } from '../http/csv.ts';
import { readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { addRoute } from '../http/routing.ts';
import { entryJson } from './campaign-json.ts';

/** Each export holds a connection and a snapshot of the ledger until its reader is done; more would starve the rest. */
export const MAX_EXPORTS = 2;

export function addEntryRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  const exports = new Set<Readable>();
  stopping.addEventListener('abort', () => {
    for (const stream of exports) stream.destroy(new Error('the engine stops'));
  });

  async function find(parameters: unknown): Promise<Campaign> {
    const { id } = readParameters(CampaignPath, parameters);
    const campaign = await findCampaign(deps.pool, id);
    await refuseArchived(deps.pool, id, 'The entries of campaign');
    return campaign;
  }

  async function sendCsv(
    reply: FastifyReply,
    campaign: Campaign,
    outcome: Outcome | undefined,
  ): Promise<Readable> {
    if (exports.size >= MAX_EXPORTS) {
      const detail = `${MAX_EXPORTS} exports are running; retry when one has ended.`;
      throw new Problem('overloaded', detail, {}, { 'retry-after': '10' });
    }
    const chunks = streamOutcomes(deps.pool, campaign.campaignId, outcome);
    const stream = Readable.from(entriesCsv(campaign, chunks));
    exports.add(stream);
    stream.once('close', () => {
      exports.delete(stream);
      // If the stream ended before its first chunk, nothing else releases the connection.
      chunks.return().catch(error => deps.log.warn({ err: error }, 'cannot end an export'));
    });
    reply
      .type(`${CSV_MEDIA_TYPE}; charset=utf-8; header=present`)
      .header('content-disposition', `attachment; filename="campaign-${campaign.campaignId}-entries.csv"`);
    return stream;
  }

  addRoute(app, operations.listEntries, async (request, reply) => {
    const query = readParameters(EntriesQuery, request.query);
    const type = preferredType(request.headers.accept, [JSON_MEDIA_TYPE, CSV_MEDIA_TYPE]);
    if (type === undefined) {
      const expected = `${JSON_MEDIA_TYPE} or ${CSV_MEDIA_TYPE}`;
      const errors = [fieldFault('accept', request.headers.accept, expected)];
      throw new Problem('not-acceptable', `Not acceptable: ${faultsText(errors)}.`, { errors });
    }
    const campaign = await find(request.params);
    reply.header('vary', 'accept');
    if (type === CSV_MEDIA_TYPE) return await sendCsv(reply, campaign, query.outcome);
    const { campaignId } = campaign;
    const { after = -1, outcome } = query;
    const { rows, next } = await readPage(
      query,
      limit => listOutcomes(deps.pool, { campaignId, after, limit, outcome }),
      ({ stamp }) => stamp,
    );
    return { entries: rows.map(entry => entryJson(entry, campaign)), next };
  });

  addRoute(app, operations.exportEntries, async (request, reply) => {
    const query = readParameters(ExportQuery, request.query);
    return await sendCsv(reply, await find(request.params), query.outcome);
  });

  addRoute(app, operations.listDeadLetters, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listDeadLetters(deps.pool, { after: query.after ?? 0, limit }),
      ({ deadLetterId }) => deadLetterId,
    );
    const records = rows.map(record => ({
      id: record.deadLetterId,
      log_name: record.logName,
      partition: record.partition,
      position: record.position,
      item: record.item ?? null,
      reason: record.reason,
      record_base64: record.recordBase64,
      recorded_at: record.recordedAt.toISOString(),
    }));
    return { records, next };
  });
}
