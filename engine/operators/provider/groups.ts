/** Which role somebody has by the groups that an identity provider names. */
import { ROLES, type Role } from '../roles.ts';

export interface RoleOfGroup {
  readonly group: string;
  readonly role: Role;
}

const MOST_GROUPS = 100;

/** Reads `group=role,group=role`; undefined if it is anything else, or names a group twice. Empty: none. */
export function readRoles(text: string): readonly RoleOfGroup[] | undefined {
  if (text === '') return [];
  const roles: RoleOfGroup[] = [];
  for (const pair of text.split(',')) {
    const [, encoded = '', name = ''] = /^\s*([^=]*[^=\s])\s*=\s*(\w+)\s*$/.exec(pair) ?? [];
    const group = decoded(encoded);
    const role = ROLES.find(each => each === name);
    if (group === undefined || role === undefined || roles.some(each => each.group === group))
      return undefined;
    roles.push({ group, role });
  }
  return roles.length <= MOST_GROUPS ? roles : undefined;
}

function decoded(text: string): string | undefined {
  if (text === '' || !text.isWellFormed()) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * The highest role of the groups in a claim: owner, drawer, editor, viewer, in the order of ROLES from its end; undefined if none has one. Groups
 * are compared exactly. Anything but a list of texts, or one text, is no group.
 */
export function roleOfGroups(roles: readonly RoleOfGroup[], claim: unknown): Role | undefined {
  const groups = new Set<unknown>(Array.isArray(claim) ? claim : [claim]);
  const given = new Set(roles.filter(({ group }) => groups.has(group)).map(({ role }) => role));
  return ROLES.findLast(role => given.has(role));
}
