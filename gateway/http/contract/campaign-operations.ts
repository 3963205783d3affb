/** Campaigns, their books and their proofs. */
import { fieldFault } from '../../../engine/contract/api/problem.ts';
import { invalidExample } from '../../../engine/contract/api/problem-examples.ts';
import type { Operation } from '../operation.ts';
import { noBooks } from '../problem-examples.ts';
import { bookHeaders, CampaignList, CampaignView, DrawProof, RangeHeaders } from './campaigns.ts';
import { CAMPAIGN_PROBLEMS } from './problems.ts';

export const campaignOperations: readonly Operation[] = [
  {
    id: 'listCampaigns',
    method: 'get',
    path: '/v1/campaigns',
    summary: 'List all campaigns by number',
    ticket: false,
    query: ['after', 'limit'],
    answers: { 200: CampaignList },
    problems: ['invalid-request'],
    problemExamples: {
      'invalid-request': invalidExample([fieldFault('limit', '1000', 'a whole number from 1 to 100')]),
    },
  },
  {
    id: 'getCampaign',
    method: 'get',
    path: '/v1/campaigns/{id}',
    summary: 'Read a campaign',
    ticket: false,
    answers: { 200: CampaignView },
    problems: [...CAMPAIGN_PROBLEMS],
  },
  {
    id: 'getBook',
    method: 'get',
    path: '/v1/campaigns/{id}/book',
    summary:
      'Download the signed book of a decided campaign: entries, slices, rules and outcomes. Gzip of NDJSON; ' +
      '`npm run verify` in a checkout of fairline checks it. A book never changes, so a download can be continued.',
    ticket: false,
    headers: RangeHeaders,
    answers: { 200: 'application/gzip', 206: 'application/gzip', 304: 'nothing' },
    answerHeaders: bookHeaders,
    problems: [
      'invalid-request',
      'unknown-campaign',
      'no-book',
      'not-decided-yet',
      'precondition-failed',
      'range-not-satisfiable',
      'unavailable',
    ],
    problemExamples: noBooks,
  },
  {
    id: 'getProof',
    method: 'get',
    path: '/v1/campaigns/{id}/proof',
    summary: 'Read the proof of a raffle: everything needed to repeat its draw',
    ticket: false,
    answers: { 200: DrawProof },
    problems: ['invalid-request', 'unknown-campaign', 'no-proof', 'not-decided-yet', 'unavailable'],
    problemExamples: noBooks,
  },
];
