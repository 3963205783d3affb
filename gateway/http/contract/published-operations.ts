/** Keys and signed heads. */
import { fieldFault } from '../../../engine/contract/api/problem.ts';
import { invalidExample } from '../../../engine/contract/api/problem-examples.ts';
import type { Operation } from '../operation.ts';
import { HeadList, Jwks, KeyList } from './published.ts';

export const publishedOperations: readonly Operation[] = [
  {
    id: 'getPassKeys',
    method: 'get',
    path: '/.well-known/jwks.json',
    summary: 'Read the keys that sign passes and visits, as a JSON Web Key Set',
    ticket: false,
    answers: { 200: Jwks },
    problems: [],
  },
  {
    id: 'listKeys',
    method: 'get',
    path: '/v1/keys',
    summary: 'Read the public keys that sign slices and books, each with its validity period',
    ticket: false,
    answers: { 200: KeyList },
    problems: [],
  },
  {
    id: 'listHeads',
    method: 'get',
    path: '/v1/heads',
    summary:
      'List the signed heads of all slices as they are made: those after `after`, or from the first one. ' +
      'A head is never inserted before one that was already listed.',
    ticket: false,
    query: ['after'],
    answers: { 200: HeadList },
    problems: ['invalid-request', 'unavailable'],
    problemExamples: {
      'invalid-request': invalidExample([
        fieldFault('after', 'yesterday', 'the next of an earlier page, or nothing'),
      ]),
      unavailable: { detail: 'The signed heads cannot be read right now.' },
    },
  },
];
