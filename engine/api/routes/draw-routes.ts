/** Terms of a raffle's entrants before the draw; afterwards the proof, and prizes that are passed on. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { rehearsal, transaction } from '../../../sql/database.ts';
import { passOn } from '../../../sql/statements/draws/alternates.ts';
import { readProof } from '../../../sql/statements/draws/draws.ts';
import { type EntrantTerms, listTerms, saveTerms } from '../../../sql/statements/draws/entrant-terms.ts';
import { findCampaign, refuseArchived, unknownCampaign } from '../../campaigns/find-campaign.ts';
import { endOffer, endWouldBe, extendOffer } from '../../campaigns/offers.ts';
import { type FieldFault, fieldFault, invalidRequest, Problem } from '../../contract/api/problem.ts';
import { MAX_USER_ID_BYTES } from '../../contract/record/record.ts';
import { makeCode } from '../../settling/judges/codes.ts';
import { CampaignPath } from '../contract/campaign-schemas.ts';
import { DeadlineBody, PassOnBody } from '../contract/draw-schemas.ts';
import { EntrantBody, EntrantsQuery, MAX_ENTRANTS } from '../contract/entrant-schemas.ts';
import { JSON_MEDIA_TYPE, operations } from '../contract/operations.ts';
import type { ApiDeps } from '../deps.ts';
import { noteAct } from '../http/acts.ts';
import { readBody, readList, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { isDryRun } from '../http/preconditions.ts';
import { addRoute } from '../http/routing.ts';

/** Parts of a proof read at a time, some hundred KB each. */
const PROOF_PARTS = 4;

export function addDrawRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.setEntrants, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const terms = readTerms(request.body);
    const dryRun = isDryRun(request);
    const result = await saveTerms(deps.pool, id, terms, dryRun ? rehearsal : transaction);
    switch (result) {
      case 'saved':
        return { entrants: terms.length, ...(dryRun ? { dry_run: true } : {}) };
      case 'unknown':
        throw unknownCampaign(id);
      case 'not a raffle':
        throw new Problem(
          'conflict',
          `Campaign ${id} is not a raffle: only entrants of a raffle have terms.`,
        );
      case 'closed':
        throw new Problem('conflict', `Campaign ${id} is closed: terms can no longer change.`);
    }
  });

  addRoute(app, operations.listEntrants, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const query = readParameters(EntrantsQuery, request.query);
    await findCampaign(deps.pool, id);
    await refuseArchived(deps.pool, id, 'The terms of entrants of campaign');
    const { rows, next } = await readPage(
      query,
      limit => listTerms(deps.pool, { campaignId: id, after: query.after ?? '', limit }),
      ({ userId }) => userId,
    );
    const entrants = rows.map(({ userId, tickets, group, excluded }) => ({
      user: userId,
      tickets,
      group,
      excluded,
    }));
    return { entrants, next };
  });

  addRoute(app, operations.passOn, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const { serial, reason, holder } = readBody(PassOnBody, request.body);
    const dryRun = isDryRun(request);
    const inTransaction = dryRun ? rehearsal : transaction;
    const passed = await passOn(deps.pool, id, { serial, reason, holder, code: makeCode() }, inTransaction);
    if ('userId' in passed) {
      const { waitlistPosition, userId, passedFrom, tier } = passed;
      const shown = { serial, tier, alternate: waitlistPosition, user: userId, passed_from: passedFrom };
      if (dryRun) return { ...shown, dry_run: true };
      return noted(request, shown);
    }
    switch (passed.why) {
      case 'unknown campaign':
        throw unknownCampaign(id);
      case 'not drawn':
        throw new Problem('conflict', `Campaign ${id} is not a drawn raffle.`);
      case 'no such serial':
        throw new Problem('conflict', `Campaign ${id} has no winner with serial ${serial}.`, {
          errors: [fieldFault('serial', serial, 'the serial of a winner')],
        });
      case 'no alternate':
        throw new Problem('conflict', `Campaign ${id} has no alternate left.`);
      case 'has a deadline':
        if (dryRun) return { ...(await endWouldBe(deps, id, { serial, holder })), dry_run: true };
        return noted(request, await endOffer(deps, id, { serial, reason, holder }, stopping));
      case 'another holder':
        throw new Problem(
          'conflict',
          holder === undefined
            ? `The prize with serial ${serial} was already passed on; name its holder to pass it on again.`
            : `The prize with serial ${serial} belongs to another holder.`,
          { holder: passed.holder },
        );
    }
  });

  addRoute(app, operations.extendOffer, async request => {
    const { id } = readParameters(CampaignPath, request.params);
    const wanted = readBody(DeadlineBody, request.body);
    noteAct(request, { serial: wanted.serial });
    return await extendOffer(deps, await findCampaign(deps.pool, id), wanted);
  });

  addRoute(app, operations.getProof, async (request, reply) => {
    const { id } = readParameters(CampaignPath, request.params);
    await findCampaign(deps.pool, id);
    const first = await readProof(deps.pool, id, 0, PROOF_PARTS);
    if (first.length === 0) {
      throw new Problem('no-proof', `Campaign ${id} is not a raffle with a draw proof.`);
    }
    reply.type(JSON_MEDIA_TYPE);
    return Readable.from(proofText(deps, id, first));
  });
}

/** Notes who has the prize now. */
function noted<T extends { readonly serial: number; readonly alternate: number }>(
  request: FastifyRequest,
  passed: T,
): T {
  const { serial, alternate } = passed;
  noteAct(request, { serial, alternate });
  return passed;
}

/** A proof never changes once it exists, so its parts need not be read in one snapshot. */
async function* proofText(
  deps: ApiDeps,
  campaignId: number,
  first: readonly string[],
): AsyncGenerator<string, void> {
  let parts = first;
  for (let read = 0; parts.length > 0; ) {
    yield* parts;
    read += parts.length;
    parts = await readProof(deps.pool, campaignId, read, PROOF_PARTS);
  }
}

/** Checks what no single member shows: the length of ids in bytes, and that no user occurs twice. */
function readTerms(body: unknown): EntrantTerms[] {
  const given = readList(EntrantBody, body, MAX_ENTRANTS);
  const faults: FieldFault[] = [];
  const seen = new Set<string>();
  for (const [index, { user }] of given.entries()) {
    const field = `[${index}].user`;
    if (Buffer.byteLength(user) > MAX_USER_ID_BYTES) {
      faults.push(fieldFault(field, user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`));
    }
    if (seen.has(user)) faults.push(fieldFault(field, user, 'a user who is not yet in the list'));
    seen.add(user);
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return given.map(({ user, tickets = 1, group = null, excluded = null }) => ({
    userId: user,
    tickets,
    group,
    excluded,
  }));
}
