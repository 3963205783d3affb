/** The statements of sql/statements/operators/blocks.ts that run without an operator; no simulated operator blocks anybody. */
import { NOTHING, rowsOf, type Statement } from '../../statement.ts';

const readBlockList: Statement = () => rowsOf([{ revision: 0, users: [], networks: [] }]);
const readUntoldRevision: Statement = () => NOTHING;
const readBlockedUsers: Statement = () => NOTHING;

export const BLOCK_STATEMENTS: readonly (readonly [RegExp, Statement])[] = [
  [/^select revision, array\(select user_id from blocks /, readBlockList],
  [/^select revision from block_list where in_force < revision$/, readUntoldRevision],
  [/ from blocked_users\(\$1::text\[\]\) as user_id$/, readBlockedUsers],
];
