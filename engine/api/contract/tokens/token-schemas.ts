/** Schemas of the routes of operators and their tokens; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { ann, drop, MADE_AT } from '../../../contract/api/examples/story.ts';
import { type Permission, permissions, permissionsOf, ROLES } from '../../../operators/roles.ts';
import { exact, instant, oneOf, orNull, time, whole } from '../schemas.ts';

const MAX_NAME_CHARACTERS = 100;
/** Postgres' greatest integer. */
const GREATEST_ID = 2 ** 31 - 1;

/** One spelling for each name, so that two names never look alike: in NFC, without invisible marks. `whose` says who has it. */
export function tokenName(whose: string) {
  const schema = Type.String({
    minLength: 1,
    maxLength: MAX_NAME_CHARACTERS,
    description: `${whose}. No control or format characters, no white space at its ends, in Unicode NFC`,
    'x-expected': `text of 1 to ${MAX_NAME_CHARACTERS} characters in NFC, without control and format characters or white space at its ends`,
  });
  return Type.Refine(
    schema,
    name =>
      !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/u.test(name) &&
      name === name.trim() &&
      name === name.normalize('NFC'),
  );
}

/** Of an account or a token of an operator. */
export function operatorName() {
  return tokenName('Who acts with it; recorded with what they do');
}

export const NewTokenBody = Type.Object(
  {
    name: operatorName(),
    role: oneOf(ROLES, 'What the token may do; `permissions` of GET /v1/operator shows it'),
    expires_at: Type.Optional(instant('In a year when absent; in five years at most')),
  },
  {
    ...exact,
    examples: [{ name: ann.name, role: 'viewer', expires_at: ann.expiresAt }],
  },
);

export const TokenPath = Type.Object({ id: whole(1, GREATEST_ID, 'The token') }, exact);

const tokenExample = {
  ...{ id: ann.token, name: ann.name, role: 'viewer', made_by: 'operator', made_at: MADE_AT },
  ...{ expires_at: ann.expiresAt, last_used_at: ann.lastUsedAt, revoked_at: null, revoked_by: null },
} as const;
export const revokedExample = { ...tokenExample, revoked_at: drop.closesAt, revoked_by: 'operator' } as const;

export const TokenJson = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    role: oneOf(ROLES, 'What the token may do'),
    made_by: Type.String(),
    made_at: time('When it was made'),
    expires_at: time('Refused from then on'),
    last_used_at: orNull(time('Up to a minute old; null if it was never used')),
    revoked_at: orNull(time('Refused since then; null if it is not revoked')),
    revoked_by: orNull(Type.String()),
  },
  { ...exact, examples: [tokenExample] },
);
export type TokenJson = Static<typeof TokenJson>;

export const MadeToken = Type.Object(
  {
    ...TokenJson.properties,
    token: Type.String({ description: 'The token itself, in this answer alone: only its hash is stored' }),
  },
  {
    ...exact,
    // 32 zero bytes: nobody's token.
    examples: [{ ...tokenExample, last_used_at: null, token: `fairline_${'A'.repeat(43)}` }],
  },
);

export const TokenPage = Type.Object(
  {
    tokens: Type.Array(TokenJson),
    next: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The `after` of the next page; null on the last page',
    }),
  },
  { ...exact, examples: [{ tokens: [tokenExample], next: null }] },
);

const names = Object.keys(permissions) as Permission[];

export const OperatorJson = Type.Object(
  {
    name: Type.String({ description: 'Recorded with everything that this operator does' }),
    role: oneOf(ROLES, 'The role of the token or account'),
    token: orNull(
      Type.Integer({ description: 'Its id; null in a session, and for the OPERATOR_TOKEN of the engines' }),
    ),
    account: orNull(Type.Integer({ description: 'The id of the account; null for a token' })),
    session: orNull(Type.Integer({ description: 'The id of the session; null for a token' })),
    permissions: Type.Array(oneOf(names, 'What the role may do')),
  },
  {
    ...exact,
    examples: [
      {
        ...{ name: ann.name, role: 'viewer', token: ann.token, account: null, session: null },
        permissions: [...permissionsOf('viewer')],
      },
    ],
  },
);
