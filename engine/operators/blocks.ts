/**
 * Blocks users and networks: what they enter, claim or redeem from then on is refused. It goes on in these steps.
 *
 * 1. `noted`: the ledger has the block. From this commit on it refuses redemptions of a blocked user, whatever gateways know. The commit waits for
 *    the redemptions that are being decided, and others wait for it (`blocked_users` in 0038_kill_switches.sql), so none is committed later.
 * 2. `told`: the board shows it. Gateways read that within BOARD_INTERVAL_MS and a round trip, and refuse.
 * 3. `in force`: each gateway with a lease has confirmed that it acts on it. A gateway that is silent keeps the block from being in
 *    force until its lease is revoked, so no clock is trusted. A block is never refused or taken back: an engine that could not tell
 *    everybody leaves it to the next turn of any engine (`resumeBlocks`).
 *
 * ../campaigns/telling/tell-then-act.ts says why this is not one of its notices.
 *
 * What a gateway has accepted before it knew was accepted before the block, like everything else from before: it stays in the queue and
 * is decided in its order, because anybody can recompute that order from the book. So a block never changes a draw, and the last word is
 * that of step 1: a code that such an entry wins cannot be used.
 *
 * Nor does a block give one operator what the two-person rule reserves to two: in a campaign with that rule, claims of blocked users are accepted,
 * so their offers do not lapse to others.
 */
import type { Logger } from 'pino';
import { type Pool, transaction } from '../../sql/database.ts';
import {
  type Block,
  type BlockOf,
  findBlock,
  getBlock,
  insertBlock,
  liftBlock,
  lockBlocks,
  noteInForce,
  readUntoldRevision,
} from '../../sql/statements/operators/blocks.ts';
import { fieldFault, Problem } from '../contract/api/problem.ts';
import { MOST_BLOCKS } from '../contract/redis/board/blocks.ts';
import { type Actor, noteAct } from './acts.ts';

export interface BlockDeps {
  readonly pool: Pool;
  readonly blocks: BlockTelling;
  readonly leaseMs: number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

export interface BlockTelling {
  /** Puts the ledger's list on the board; resolves with its epoch, and rejects if gateways may not be able to read it. */
  readonly tell: () => Promise<number>;
  /** The gateways that have not confirmed this revision, under the epoch of their registry; undefined while it is closed. */
  readonly missing: (
    revision: number,
  ) => Promise<{ readonly epoch: number; readonly missing: readonly string[] } | undefined>;
}

const POLL_MS = 20;
/** An operator waits this long for silent gateways, whose leases are over by then; the block goes on by itself after that. */
const WAIT_LEASES = 2;

/**
 * Blocks somebody, and resolves with the block once it is in force; with `inForceAt` null if gateways cannot be told right now, or
 * on a stop. Throws Problem conflict if exactly this user or network is blocked already, or too many are.
 */
export async function block(
  deps: BlockDeps,
  of: BlockOf,
  reason: string,
  actor: Actor,
  stopping: AbortSignal,
): Promise<Block> {
  const made = await transaction(deps.pool, async db => {
    const count = await lockBlocks(db);
    const known = await findBlock(db, of);
    if (known !== undefined) throw blockedAlready(known);
    if (count >= MOST_BLOCKS) throw tooMany();
    const row = await insertBlock(db, of, { reason, madeBy: actor.name });
    await noteAct(db, actor, { target: targetOf(row), reason, details: { of: kindOf(row) } });
    return row;
  });
  await waitInForce(deps, made.revision, stopping);
  return await findBlockById(deps.pool, made.blockId);
}

/** Lifts a block, once; resolves like `block`. Throws Problem unknown-block. */
export async function lift(
  deps: BlockDeps,
  blockId: number,
  reason: string,
  actor: Actor,
  stopping: AbortSignal,
): Promise<Block> {
  const lifted = await transaction(deps.pool, async db => {
    await lockBlocks(db);
    const row = await liftBlock(db, blockId, { liftedBy: actor.name, liftReason: reason });
    if (row !== undefined)
      await noteAct(db, actor, { target: targetOf(row), reason, details: { of: kindOf(row) } });
    return row;
  });
  if (lifted === undefined) return await findBlockById(deps.pool, blockId);
  await waitInForce(deps, lifted.revision, stopping);
  return lifted;
}

/** Throws Problem unknown-block. */
export async function findBlockById(pool: Pool, blockId: number): Promise<Block> {
  const found = await getBlock(pool, blockId);
  if (found !== undefined) return found;
  throw new Problem('unknown-block', `Block ${blockId} does not exist.`, {
    errors: [fieldFault('id', blockId, 'the number of an existing block')],
  });
}

/** Goes on telling gateways. Every engine calls it from time to time; rejects if they cannot be told. */
export async function resumeBlocks(deps: BlockDeps): Promise<void> {
  const revision = await readUntoldRevision(deps.pool);
  if (revision === undefined) return;
  const told = await deps.blocks.tell();
  if (isInForce(told, await deps.blocks.missing(revision))) await noteTold(deps, revision);
}

/** Tells the list once, as it may be long, and then only asks who has confirmed it; once more whenever another board has begun. */
async function waitInForce(deps: BlockDeps, revision: number, stopping: AbortSignal): Promise<void> {
  const untilMs = performance.now() + WAIT_LEASES * deps.leaseMs;
  let told: number | undefined;
  while (!stopping.aborted) {
    try {
      told ??= await deps.blocks.tell();
      const confirmed = await deps.blocks.missing(revision);
      if (isInForce(told, confirmed)) return await noteTold(deps, revision);
      if (confirmed !== undefined && confirmed.epoch !== told) told = undefined;
    } catch (error) {
      deps.log.warn({ err: error, revision }, 'cannot tell the gateways of a block yet');
      return;
    }
    if (performance.now() >= untilMs) return;
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
}

type Confirmed = Awaited<ReturnType<BlockTelling['missing']>>;

/** Whether every gateway of the epoch that was told acts on the revision. */
function isInForce(told: number, confirmed: Confirmed): boolean {
  return confirmed?.epoch === told && confirmed.missing.length === 0;
}

async function noteTold({ pool, log }: BlockDeps, revision: number): Promise<void> {
  await noteInForce(pool, revision);
  log.info({ revision }, 'every gateway acts on the list of blocks');
}

/** Never the user or the network: the log is read by everybody who checks it. */
function targetOf({ blockId }: Block): string {
  return `block ${blockId}`;
}

function kindOf({ userId }: Block): 'user' | 'network' {
  return userId === null ? 'network' : 'user';
}

function blockedAlready({ blockId, userId, network }: Block): Problem {
  const [field, value] = userId === null ? ['network', network] : ['user', userId];
  return new Problem(
    'conflict',
    `It is blocked already, by block ${blockId}. Lift that first for another reason.`,
    {
      errors: [fieldFault(field, value, 'one that is not blocked')],
    },
  );
}

function tooMany(): Problem {
  return new Problem(
    'conflict',
    `${MOST_BLOCKS} blocks are in force, which is the limit. Lift some, or block a network in place of many users.`,
  );
}
