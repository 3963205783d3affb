/**
 * Finding a person and reading what the ledger has about them, for those who help customers. Each read writes an act in its
 * transaction: who asked, by what, and how many were found. Whom it was about is in no log: neither an address nor an id.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Queryable } from '../../../../sql/database.ts';
import { listRedemptions } from '../../../../sql/statements/coupons/redemption-list.ts';
import { listFanSessions } from '../../../../sql/statements/fans/fan-sessions.ts';
import { readPersonAccount, readPersonBlock } from '../../../../sql/statements/people/person-account.ts';
import { readLastRefunds } from '../../../../sql/statements/people/person-redemptions.ts';
import { findCampaign } from '../../../campaigns/find-campaign.ts';
import { notedRead } from '../../../operators/noted-read.ts';
import { readPersonCampaigns } from '../../../people/campaigns.ts';
import { findPeople } from '../../../people/find.ts';
import { readUserId, readWanted } from '../../../people/wanted.ts';
import { operations } from '../../contract/operations.ts';
import {
  FindBody,
  MOST_REFUNDS,
  PersonBody,
  type PersonRedemptionPage,
  PersonRedemptionsBody,
} from '../../contract/people/people-schemas.ts';
import { campaignsLimit, PersonCampaignsBody } from '../../contract/people/person-campaign-schemas.ts';
import type { ApiDeps } from '../../deps.ts';
import { noteRead } from '../../http/acts.ts';
import { actorOf } from '../../http/authentication.ts';
import { readBody } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';
import { redemptionJson } from '../coupons/redemption-routes.ts';
import { foundJson, personCampaignJson, personJson } from './person-json.ts';

export function addPeopleRoutes(app: FastifyInstance, deps: ApiDeps): void {
  /** Reads in a transaction that notes who read. `details`: of the act, nothing about a person. */
  async function reading<T>(
    request: FastifyRequest,
    read: (db: Queryable) => Promise<T>,
    details: (of: T) => Readonly<Record<string, unknown>>,
  ): Promise<T> {
    noteRead(request);
    return await notedRead(deps.pool, actorOf(request), { target: 'people', read, details });
  }

  addRoute(app, operations.findPeople, async request => {
    const wanted = readWanted(readBody(FindBody, request.body));
    const found = await reading(
      request,
      async db => {
        if (wanted.by === 'serial') await findCampaign(db, wanted.campaignId, 'campaign');
        return await findPeople(db, wanted);
      },
      ({ people }) => ({ by: wanted.by, found: people.length }),
    );
    return foundJson(found);
  });

  addRoute(app, operations.readPerson, async request => {
    const userId = readUserId(readBody(PersonBody, request.body).user);
    const person = await reading(
      request,
      async db => ({
        userId,
        account: await readPersonAccount(db, userId),
        sessions: await listFanSessions(db, userId),
        block: await readPersonBlock(db, userId),
      }),
      ({ account, sessions }) => ({ account: account !== undefined, sessions: sessions.length }),
    );
    return personJson(person);
  });

  addRoute(app, operations.listPersonCampaigns, async request => {
    const body = readBody(PersonCampaignsBody, request.body);
    const userId = readUserId(body.user);
    const look = { after: body.after ?? 0, limit: campaignsLimit(body), archived: body.archived ?? false };
    const { campaigns, elsewhere, next } = await reading(
      request,
      db => readPersonCampaigns(db, deps, userId, look),
      found => ({ campaigns: found.campaigns.length }),
    );
    return { campaigns: campaigns.map(personCampaignJson), archived_elsewhere: elsewhere, next };
  });

  addRoute(app, operations.listPersonRedemptions, async (request): Promise<PersonRedemptionPage> => {
    const body = readBody(PersonRedemptionsBody, request.body);
    const user = readUserId(body.user);
    const { rows, next, refunds } = await reading(
      request,
      async db => {
        const page = await readPage(
          body,
          limit => listRedemptions(db, { user }, { after: body.after ?? 0, limit }),
          ({ redemptionId }) => redemptionId,
        );
        const ids = page.rows.map(({ redemptionId }) => redemptionId);
        return { ...page, refunds: await readLastRefunds(db, ids, MOST_REFUNDS) };
      },
      ({ rows: { length } }) => ({ redemptions: length }),
    );
    const byRedemption = new Map<number, { amount: number; at: string }[]>();
    for (const { redemptionId, amount, refundedAt } of refunds) {
      const own = byRedemption.get(redemptionId) ?? [];
      own.push({ amount, at: refundedAt.toISOString() });
      byRedemption.set(redemptionId, own);
    }
    const redemptions = rows.map(row => ({
      ...redemptionJson(row),
      refunds: byRedemption.get(row.redemptionId) ?? [],
    }));
    return { redemptions, next };
  });
}
