/**
 * Operations on people who enter. They read and change nothing, and are a POST all the same: a user id or an e-mail address in a
 * URL would be in the logs of every proxy on the way.
 */
import { nothingToFindBy } from '../../../people/wanted.ts';
import { json, ON_CAMPAIGN, type Operation, SECURED, WITH_BODY } from '../operation.ts';
import { exampleOf, unknownCampaignIn } from '../problem-examples.ts';
import {
  FindBody,
  FoundJson,
  PersonBody,
  PersonJson,
  PersonRedemptionPage,
  PersonRedemptionsBody,
} from './people-schemas.ts';
import { PersonCampaignsBody, PersonCampaignsPage } from './person-campaign-schemas.ts';

export const peopleOperations = {
  findPeople: {
    method: 'POST',
    path: '/v1/people/search',
    summary:
      'Find a person by exact user id, e-mail address, code, serial or receipt, over all campaigns. The search is not stored or ' +
      'logged; the operator log says who searched and by what, never for whom.',
    body: FindBody,
    answer: json(200, 'Who was found; nobody is no error', FoundJson),
    problems: [...ON_CAMPAIGN, ...WITH_BODY],
    problemExamples: { ...exampleOf(nothingToFindBy()), ...unknownCampaignIn('campaign') },
  },
  readPerson: {
    method: 'POST',
    path: '/v1/people/account',
    summary: "Read a person's account, valid sessions and block. Nothing of them is an answer too.",
    body: PersonBody,
    answer: json(200, 'What there is', PersonJson),
    problems: [...SECURED, ...WITH_BODY],
  },
  listPersonCampaigns: {
    method: 'POST',
    path: '/v1/people/campaigns',
    summary:
      'List the campaigns in which the ledger has anything of a person, by id, a page at a time: their entry with its position, ' +
      'outcome and receipt, withdrawal, claim, offer, grant, and visit of a room',
    body: PersonCampaignsBody,
    answer: json(200, 'A page', PersonCampaignsPage),
    problems: [...SECURED, ...WITH_BODY],
  },
  listPersonRedemptions: {
    method: 'POST',
    path: '/v1/people/redemptions',
    summary: "List a person's reservations and redemptions with their refunds, by id, a page at a time",
    body: PersonRedemptionsBody,
    answer: json(200, 'A page', PersonRedemptionPage),
    problems: [...SECURED, ...WITH_BODY],
  },
} as const satisfies Readonly<Record<string, Operation>>;
