/** Blocking users and networks. */
import type { FastifyInstance } from 'fastify';
import { type Block, type BlockOf, listBlocks } from '../../../sql/statements/operators/blocks.ts';
import { fieldFault, invalidRequest } from '../../contract/api/problem.ts';
import { MAX_USER_ID_BYTES } from '../../contract/record/record.ts';
import { block, findBlockById, lift } from '../../operators/blocks.ts';
import { BlockBody, type BlockJson, BlockPath, LiftBody } from '../contract/blocks/block-schemas.ts';
import { operations } from '../contract/operations.ts';
import { PageQuery } from '../contract/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { addToLine } from '../http/acts.ts';
import { actorOf } from '../http/authentication.ts';
import { readBody, readParameters } from '../http/input.ts';
import { readPage } from '../http/pages.ts';
import { addRoute } from '../http/routing.ts';

export function addBlockRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  addRoute(app, operations.createBlock, async (request, reply) => {
    const { reason, ...whom } = readBody(BlockBody, request.body);
    const made = await block(deps, readOf(whom), reason, actorOf(request), stopping);
    addToLine(request, { blockId: made.blockId });
    reply.code(201).header('location', `${operations.createBlock.path}/${made.blockId}`);
    return blockJson(made);
  });

  addRoute(app, operations.listBlocks, async request => {
    const query = readParameters(PageQuery, request.query);
    const { rows, next } = await readPage(
      query,
      limit => listBlocks(deps.pool, { after: query.after ?? 0, limit }),
      ({ blockId }) => blockId,
    );
    return { blocks: rows.map(blockJson), next };
  });

  addRoute(app, operations.getBlock, async request => {
    const { id } = readParameters(BlockPath, request.params);
    return blockJson(await findBlockById(deps.pool, id));
  });

  addRoute(app, operations.liftBlock, async request => {
    const { id } = readParameters(BlockPath, request.params);
    const { reason } = readBody(LiftBody, request.body);
    return blockJson(await lift(deps, id, reason, actorOf(request), stopping));
  });
}

/** Throws Problem invalid-request. */
function readOf({ user, network }: Omit<BlockBody, 'reason'>): BlockOf {
  if (user !== undefined && network === undefined) {
    if (Buffer.byteLength(user) <= MAX_USER_ID_BYTES) return { userId: user };
    throw invalidRequest([fieldFault('user', user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`)]);
  }
  if (user === undefined && network !== undefined) return { network };
  throw invalidRequest([
    network === undefined
      ? fieldFault('user', undefined, 'a user id, or a network instead')
      : fieldFault('network', network, 'no value beside a user: a block is of one of them'),
  ]);
}

function blockJson(of: Block): BlockJson {
  return {
    id: of.blockId,
    ...(of.userId === null ? {} : { user: of.userId }),
    ...(of.network === null ? {} : { network: of.network }),
    reason: of.reason,
    by: of.madeBy,
    at: of.madeAt.toISOString(),
    in_force_at: of.inForceAt?.toISOString() ?? null,
    lifted_at: of.liftedAt?.toISOString() ?? null,
    lifted_by: of.liftedBy,
    lift_reason: of.liftReason,
  };
}
