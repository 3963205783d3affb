/** What each role may do: the table that the API checks, and that OpenAPI and OPERATING.md show. */
import { ROLES, type Role } from '../../sql/statements/operators/operator-tokens.ts';

export { ROLES, type Role };

export const permissions = {
  self: {
    roles: ['viewer', 'editor', 'drawer', 'owner'],
    means: 'See who one is, list and end own sessions, change the own password, make own recovery codes',
  },
  read: {
    roles: ['viewer', 'editor', 'drawer', 'owner'],
    means:
      'Read campaigns, entries, outcomes, coupons, redemptions, rooms, blocks, clocks, dead letters and what operators did',
  },
  // Beside campaigns, it shows e-mail addresses, sessions and their networks. A viewer needs none of that to watch a campaign. A
  // drawer decides who gets prizes, which nobody should who can look up whose entry it is.
  support: {
    roles: ['editor', 'owner'],
    means:
      'Find a person by id, e-mail address, code, serial or receipt, and read their account, sessions, entries and redemptions',
  },
  edit: {
    roles: ['editor', 'owner'],
    means:
      'Create, change, announce, pause, close, cancel and archive campaigns; templates, coupons, rooms and blocks',
  },
  draw: {
    roles: ['drawer', 'owner'],
    means: "Set the terms of a raffle's entrants, pass prizes on, end and extend offers",
  },
  approve: {
    roles: ['editor', 'drawer', 'owner'],
    means: 'Approve and withdraw what waits for a second operator, if the role permits that itself',
  },
  administer: {
    roles: ['owner'],
    means:
      'Invite, change, disable and enable operators; make and revoke tokens of operators and shops; declare which clock is right',
  },
} as const satisfies Readonly<Record<string, { readonly roles: readonly Role[]; readonly means: string }>>;

export type Permission = keyof typeof permissions;

export function permissionsOf(role: Role): readonly Permission[] {
  return (Object.keys(permissions) as Permission[]).filter(permission => mayDo(role, permission));
}

/** Whether every role has the permission. */
export function isEverybodys(permission: Permission): boolean {
  return ROLES.every(role => mayDo(role, permission));
}

export function mayDo(role: Role, permission: Permission): boolean {
  const allowed: readonly Role[] = permissions[permission].roles;
  return allowed.includes(role);
}

/** Why an operator may not do what needs the permission; for the problem `forbidden`. */
export function refusalOf(
  { name, role }: { readonly name: string; readonly role: Role },
  permission: Permission,
): {
  readonly detail: string;
  readonly role: Role;
  readonly permission: Permission;
  readonly roles: readonly Role[];
} {
  const { roles } = permissions[permission];
  const detail = `${name} has the role ${role}; this needs the permission ${permission} (${roles.join(', ')}).`;
  return { detail, role, permission, roles: [...roles] };
}
