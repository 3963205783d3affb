/**
 * Who is blocked, on the board: one list with a revision. A gateway reads it with the board when it changes, which is seldom, and
 * confirms the revision that it acts on with its next read.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { BlockList } from '../../../../sql/statements/operators/blocks.ts';
import type { Keys } from '../keys.ts';
import { type RedisClient, scriptFrom } from '../redis.ts';

/** Blocks that are in force: gateways read the list as a whole, some 40 bytes each. */
export const MOST_BLOCKS = 10_000;

const Blocked = Type.Object({
  /** By exact id. */
  users: Type.Array(Type.String()),
  /** In CIDR notation. */
  networks: Type.Array(Type.String()),
});
export type Blocked = Static<typeof Blocked>;

const shape = Compile(Blocked);
const publishScript = scriptFrom(new URL('./publish-blocks.lua', import.meta.url));

/** Resolves once the board of `epoch` has this or a later revision; rejects if Redis holds another board. */
export async function publishBlocks(
  redis: RedisClient,
  keys: Keys,
  epoch: number,
  { revision, users, networks }: BlockList,
): Promise<void> {
  const list = JSON.stringify({ users, networks });
  const published = await publishScript(redis, [keys.boardState, keys.boardBlocks], [epoch, revision, list]);
  if (published === -1) throw new Error(`Redis holds no board of epoch ${epoch}`);
}

/** The list in an answer of read.lua: an empty text stands for nobody. */
export function readBlocked(text: string): Blocked {
  return text === '' ? { users: [], networks: [] } : shape.Parse(JSON.parse(text));
}

const MARK = 'blocks.';

/** How a reader confirms a revision, among what it holds; '' for none. */
export function holdsBlocks(revision: number): string {
  return revision === 0 ? '' : `${MARK}${revision}`;
}

/** Whether a reader that holds this acts on this revision or a later one. */
export function confirmsBlocks(holds: readonly string[], revision: number): boolean {
  return holds.some(each => each.startsWith(MARK) && Number(each.slice(MARK.length)) >= revision);
}
