/** Operations on blocks. */
import { fieldFault } from '../../../contract/api/problem.ts';
import { json, type Operation, SECURED, shownBy, WITH_BODY } from '../operation.ts';
import { PageQuery } from '../schemas.ts';
import { BlockBody, BlockJson, BlockPage, BlockPath, LiftBody, liftedExample } from './block-schemas.ts';

export const blockOperations = {
  createBlock: {
    method: 'POST',
    path: '/v1/blocks',
    summary:
      'Block a user or a network: new entries, claims (but not of campaigns with `two_person`), passes and redemptions are refused. What they have ' +
      'stays. Answers when every gateway refuses, mostly within 0.1 s.',
    body: BlockBody,
    answer: json(201, 'Blocked', BlockJson, { location: 'The URL of the block' }),
    problems: [...SECURED, ...WITH_BODY, 'conflict'],
    problemExamples: {
      conflict: {
        detail: 'It is blocked already, by block 3. Lift that first for another reason.',
        errors: [fieldFault('network', '203.0.113.0/24', 'one that is not blocked')],
      },
    },
  },
  listBlocks: {
    method: 'GET',
    path: '/v1/blocks',
    summary: 'List blocks by id, a page at a time, also those that were lifted',
    query: PageQuery,
    answer: json(200, 'A page', BlockPage),
    problems: SECURED,
  },
  getBlock: {
    method: 'GET',
    path: '/v1/blocks/{id}',
    summary: 'Read a block',
    parameters: BlockPath,
    answer: json(200, 'The block', BlockJson),
    problems: [...SECURED, 'unknown-block'],
  },
  liftBlock: {
    method: 'POST',
    path: '/v1/blocks/{id}/lift',
    summary: 'Lift a block; one that is lifted stays as it is',
    parameters: BlockPath,
    body: LiftBody,
    answer: shownBy(json(200, 'Lifted', BlockJson), liftedExample),
    problems: [...SECURED, ...WITH_BODY, 'unknown-block'],
  },
} as const satisfies Readonly<Record<string, Operation>>;
