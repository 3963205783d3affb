/** Passes and visits of waiting rooms, for users and for shops. */
import { room } from '../../../engine/contract/api/examples/story.ts';
import { faultsText, fieldFault, secretFault } from '../../../engine/contract/api/problem.ts';
import { invalidExample } from '../../../engine/contract/api/problem-examples.ts';
import type { Operation } from '../operation.ts';
import { noPasses, unauthenticatedShop, visitorLeft } from '../problem-examples.ts';
import { ASKER_PROBLEMS } from './problems.ts';
import { PassView, ReportBody, VisitView } from './rooms.ts';

const otherPass = secretFault('pass', 'of another room', `a pass for campaign ${room.id}`);

export const roomOperations: readonly Operation[] = [
  {
    id: 'getPass',
    method: 'post',
    path: '/v1/campaigns/{id}/pass',
    summary:
      'Issue a pass to a user whom a waiting room has admitted: a JWT to show to the shop. A repeated call issues a new one for ' +
      'the same admission.',
    ticket: true,
    answers: { 200: PassView },
    problems: [...ASKER_PROBLEMS, 'blocked', 'no-room', 'no-pass', 'pass-used', 'archived', 'not-configured'],
    problemExamples: {
      ...noPasses,
      'no-pass': {
        detail: `It is not your turn in campaign ${room.id}; GET /v1/campaigns/${room.id}/queue reports when it is.`,
      },
      'not-configured': {
        detail: 'The gateways have no key to sign passes.',
        errors: [
          fieldFault(
            'SIGNING_KEYS_DIR',
            undefined,
            'a directory with a key for passes; `npm run keys -- rotate passes` creates one',
          ),
        ],
      },
    },
  },
  {
    id: 'reportVisit',
    method: 'post',
    path: '/v1/campaigns/{id}/reports',
    summary:
      'Report a pass or visit from the shop: the pass was used, the customer has left, or the visit has expired',
    ticket: false,
    shop: true,
    body: ReportBody,
    answers: { 200: VisitView },
    problems: [
      ...ASKER_PROBLEMS,
      'other-shop',
      'no-room',
      'no-entry',
      'no-pass',
      'pass-used',
      'pass-refused',
      'archived',
      'request-timeout',
      'payload-too-large',
      'unsupported-media-type',
      'not-configured',
    ],
    problemExamples: {
      ...noPasses,
      ...unauthenticatedShop,
      'invalid-request': invalidExample([
        fieldFault('serial', 1, 'no value, as the pass names it'),
        fieldFault('pass', undefined, 'a pass, as event is used'),
      ]),
      'no-entry': {
        detail: `Campaign ${room.id} has no admission 999.`,
        errors: [fieldFault('serial', 999, 'the number of an admission, from the pass or visit')],
      },
      'no-pass': visitorLeft,
      'pass-refused': {
        detail: `Invalid pass: ${faultsText([otherPass])}.`,
        errors: [otherPass],
      },
      'payload-too-large': {
        detail: 'The body is larger than 4096 bytes.',
        errors: [fieldFault('body', '5000 bytes', 'at most 4096 bytes')],
      },
    },
  },
  {
    id: 'checkVisitor',
    method: 'get',
    path: '/v1/campaigns/{id}/check',
    summary:
      "Check whether to admit the customer of a request to the shop, for nginx' auth_request. Pass and visit are read from the " +
      'cookies fairline_pass and fairline_visit, the headers X-Fairline-Pass and X-Fairline-Visit, or the pass as ?pass= in ' +
      'X-Original-URI. A valid pass is marked as used, and the answer sets the visit with Set-Cookie.',
    ticket: false,
    shop: true,
    answers: { 204: 'nothing' },
    problems: [...ASKER_PROBLEMS, 'other-shop', 'no-room', 'pass-refused', 'not-configured'],
    problemExamples: {
      ...noPasses,
      unauthenticated: {
        detail: 'The request has no pass and no visit.',
        errors: [
          fieldFault('cookie fairline_pass', undefined, 'a pass, in the cookie or as ?pass= of the page'),
        ],
      },
      'pass-refused': visitorLeft,
    },
  },
];
