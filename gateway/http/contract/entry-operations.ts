/** Operations on the caller's own entry. */
import { drop } from '../../../engine/contract/api/examples/story.ts';
import type { Operation } from '../operation.ts';
import { noLookUp } from '../problem-examples.ts';
import { ClaimAccepted, EntryAccepted, EntryBody, EntryView, WithdrawalAccepted } from './entries.ts';
import { streamExample } from './events.ts';
import { ASKER_PROBLEMS } from './problems.ts';

export const entryOperations: readonly Operation[] = [
  {
    id: 'enter',
    method: 'post',
    path: '/v1/campaigns/{id}/entries',
    summary:
      'Enter a campaign. The entry is stamped on arrival; 202 means that it is in the log and counts. Retrying is always safe.',
    ticket: true,
    body: EntryBody,
    answers: { 202: EntryAccepted, 200: EntryView },
    problems: [
      ...ASKER_PROBLEMS,
      'blocked',
      'request-timeout',
      'not-open-yet',
      'closed',
      'cancelled',
      'paused',
      'sold-out',
      'already-withdrawn',
      'archived',
      'payload-too-large',
      'unsupported-media-type',
      'too-many-requests',
      'overloaded',
    ],
  },
  {
    id: 'getOwnEntry',
    method: 'get',
    path: '/v1/campaigns/{id}/entries/me',
    summary: "Read the caller's entry",
    ticket: true,
    answers: { 200: EntryView },
    problems: [...ASKER_PROBLEMS, 'no-entry', 'archived'],
    problemExamples: noLookUp,
  },
  {
    id: 'withdraw',
    method: 'delete',
    path: '/v1/campaigns/{id}/entries/me',
    summary:
      "Withdraw the caller's entry. Final: the user cannot enter this campaign again. An open offer is declined " +
      'and passes to the next in line at once.',
    ticket: true,
    answers: { 202: WithdrawalAccepted },
    problems: [
      ...ASKER_PROBLEMS,
      'no-entry',
      'already-withdrawn',
      'already-settled',
      'cancelled',
      'closed',
      'archived',
      'too-many-requests',
      'overloaded',
    ],
    problemExamples: noLookUp,
  },
  {
    id: 'claim',
    method: 'post',
    path: '/v1/campaigns/{id}/entries/me/claim',
    summary:
      'Claim an offer of a campaign with claim_within_s. The claim is stamped on arrival; 202 means that it is in the log. ' +
      'Retrying is always safe and gets the same answer.',
    ticket: true,
    answers: { 202: ClaimAccepted },
    problems: [
      ...ASKER_PROBLEMS,
      'blocked',
      'no-entry',
      'nothing-to-claim',
      'claim-lapsed',
      'already-withdrawn',
      'archived',
      'too-many-requests',
      'overloaded',
    ],
    problemExamples: noLookUp,
  },
  {
    id: 'watchQueue',
    method: 'get',
    path: '/v1/campaigns/{id}/queue',
    summary:
      'Follow the position live, as server-sent events: `position` {position, ahead} (of a room also eta) whenever ahead falls, `stalled` while an ' +
      'outage on our side stops the queue, and last `outcome` {position, outcome, serial, code}. Where claims ' +
      'are required, before the outcome: `waitlisted` {position, waitlist_position} whenever the latter falls, and `offer` {position, ' +
      'serial, code, claim_by, seconds_left}, again when an outage has extended it. `paused` {notice} and `resumed` {} when the ' +
      'campaign is; a cancelled outcome has the notice too. Last-Event-ID is honoured; ' +
      'after the outcome a reconnect is answered with 204, so that an EventSource stops.',
    ticket: true,
    query: ['last_event_id'],
    answers: { 200: 'text/event-stream', 204: 'nothing' },
    examples: { 200: streamExample },
    problems: [...ASKER_PROBLEMS, 'no-entry', 'archived', 'too-many-watchers'],
    problemExamples: {
      'no-entry': {
        detail: `You have no entry in campaign ${drop.id}; enter with POST /v1/campaigns/${drop.id}/entries.`,
      },
    },
  },
];
