/** Schemas of accounts of operators: login, enrolment, sessions, and what owners do with accounts; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { grace, MADE_AT } from '../../../contract/api/examples/story.ts';
import { MOST_CHARACTERS, PASSWORD_EXPECTED } from '../../../contract/passwords/password-rules.ts';
import { permissionsOf, ROLES } from '../../../operators/roles.ts';
import { exact, MAX_REASON_CHARACTERS, oneOf, orNull, time, whole } from '../schemas.ts';
import { OperatorJson, operatorName } from '../tokens/token-schemas.ts';

/** Postgres' greatest integer. */
const GREATEST_ID = 2 ** 31 - 1;
/** `fairline_link_` and 32 zero bytes: nobody's link. */
const LINK = `fairline_link_${'A'.repeat(43)}`;
/** What a long text takes in a body; its meaning is checked later. */
const MOST_SEALED_CHARACTERS = 200;

/** A member that an answer never repeats: see `writeOnly` in ../../http/input.ts. */
function hidden(mostCharacters: number, description: string, expected: string) {
  return Type.String({
    minLength: 1,
    maxLength: mostCharacters,
    writeOnly: true,
    description,
    'x-expected': expected,
  });
}

const code = () =>
  hidden(40, 'Six digits of the authenticator, or a recovery code', 'six digits, or a recovery code');
const link = () => hidden(100, 'The token of the link: what stands behind its #', 'the token of a link');
const password = (description: string) => hidden(4 * MOST_CHARACTERS, description, PASSWORD_EXPECTED);
const reason = () =>
  Type.Optional(
    Type.String({
      maxLength: MAX_REASON_CHARACTERS,
      description: 'For the operator log. Do not name people in it',
      'x-expected': `text of at most ${MAX_REASON_CHARACTERS} characters`,
    }),
  );

export const LoginBody = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'In any letter case',
      'x-expected': 'the name of an account',
    }),
    password: password('The password of the account'),
    code: code(),
  },
  { ...exact, examples: [{ name: grace.name, password: grace.password, code: '492039' }] },
);

const graceInSession = {
  ...{ name: grace.name, role: 'owner', token: null, account: grace.account, session: grace.session },
  permissions: [...permissionsOf('owner')],
} as const;
export const loggedInExample = graceInSession;

export const EnrolmentBody = Type.Object({ token: link() }, { ...exact, examples: [{ token: LINK }] });

export const EnrolmentJson = Type.Object(
  {
    name: orNull(Type.String({ description: 'Null: the holder of the link chooses it' })),
    role: oneOf(ROLES, 'The role that the account has'),
    expires_at: time('The link is refused from then on'),
    totp_secret: Type.String({
      description: 'In base32, to type into an authenticator: TOTP, SHA-1, 6 digits, 30 s',
    }),
    totp_uri: Type.String({ description: 'The same as a URI, to open on the device of the authenticator' }),
    totp_qr: Type.String({
      description: 'The URI as a QR code: an SVG image of black paths, without a size',
    }),
    enrolment: Type.String({ description: 'To be sent back with a code. It works with this link alone' }),
  },
  {
    ...exact,
    examples: [
      {
        ...{ name: null, role: 'owner', expires_at: grace.linkExpiresAt, totp_secret: 'A'.repeat(32) },
        totp_uri: `otpauth://totp/fairline:owner?issuer=fairline&secret=${'A'.repeat(32)}&algorithm=SHA1&digits=6&period=30`,
        totp_qr: '<svg viewBox="0 0 53 53" xmlns="http://www.w3.org/2000/svg"><path d="M4 4h1v1H4Z"/></svg>',
        enrolment: 'A'.repeat(64),
      },
    ],
  },
);
export type EnrolmentJson = Static<typeof EnrolmentJson>;

export const CompletionBody = Type.Object(
  {
    token: link(),
    enrolment: hidden(
      MOST_SEALED_CHARACTERS,
      'As POST /v1/operator/enrolment answered it',
      'what POST /v1/operator/enrolment has answered',
    ),
    code: hidden(40, 'The present code of the authenticator that has the secret', 'six digits'),
    password: password('Not among the most common ones, and not made of the name'),
    name: Type.Optional(operatorName()),
  },
  {
    ...exact,
    examples: [
      {
        ...{ token: LINK, enrolment: 'A'.repeat(64), code: '492039' },
        ...{ password: grace.password, name: grace.name },
      },
    ],
  },
);

const recoveryCodes = () =>
  Type.Array(Type.String(), {
    description:
      'Each stands in for a code of the authenticator once. In this answer alone: only hashes are stored',
  });
const RECOVERY_CODES = ['7QWJ-2M0K-XR5T-9DHC', 'B3N8-VE61-FZ4P-GS0A'];

export const EnrolledJson = Type.Object(
  { ...OperatorJson.properties, recovery_codes: recoveryCodes() },
  { ...exact, examples: [{ ...graceInSession, recovery_codes: RECOVERY_CODES }] },
);

export const CodeBody = Type.Object(
  { code: hidden(40, 'The next code of the authenticator', 'six digits') },
  { ...exact, examples: [{ code: '492039' }] },
);

export const PasswordBody = Type.Object(
  {
    password: password('The present password of the account'),
    code: code(),
    new_password: password('Not among the most common ones, not made of the name, and not the present one'),
  },
  {
    ...exact,
    examples: [{ password: grace.password, code: '492039', new_password: 'seven lamps in the old mill' }],
  },
);

export const RecoveryCodesJson = Type.Object(
  { recovery_codes: recoveryCodes() },
  { ...exact, examples: [{ recovery_codes: RECOVERY_CODES }] },
);

export const SessionJson = Type.Object(
  {
    id: Type.Integer(),
    current: Type.Boolean({ description: 'Whether it is that of this request' }),
    user_agent: Type.String({ description: 'As the browser called itself at the login' }),
    made_at: time('The login'),
    expires_at: time('It ends then, whether it is used or not'),
    last_used_at: time('Up to a minute old'),
  },
  exact,
);
export type SessionJson = Static<typeof SessionJson>;

export const SessionsJson = Type.Object(
  { sessions: Type.Array(SessionJson, { description: 'The latest first, a hundred at most' }) },
  {
    ...exact,
    examples: [
      {
        sessions: [
          {
            ...{ id: grace.session, current: true, user_agent: 'Mozilla/5.0', made_at: MADE_AT },
            ...{ expires_at: grace.sessionExpiresAt, last_used_at: MADE_AT },
          },
        ],
      },
    ],
  },
);

export const SessionPath = Type.Object({ id: whole(1, GREATEST_ID, 'The session') }, exact);
export const OperatorPath = Type.Object({ id: whole(1, GREATEST_ID, 'The account') }, exact);

export const InvitationBody = Type.Object(
  { name: operatorName(), role: oneOf(ROLES, 'What the operator may do') },
  { ...exact, examples: [{ name: grace.name, role: 'owner' }] },
);
export const RoleBody = Type.Object(
  { role: oneOf(ROLES, 'What the operator may do from the next request on') },
  { ...exact, examples: [{ role: 'editor' }] },
);
export const ReasonBody = Type.Object({ reason: reason() }, { ...exact, examples: [{ reason: 'has left' }] });

const accountExample = {
  ...{ id: grace.account, name: grace.name, role: 'owner', made_by: 'operator', made_at: MADE_AT },
  ...{ enrolled_at: MADE_AT, last_login_at: MADE_AT, disabled_at: null, disabled_by: null },
  link: null,
  ...{ issuer: null, subject: null },
} as const;
export const invitedExample = { ...accountExample, enrolled_at: null, last_login_at: null } as const;
export const demotedExample = { ...accountExample, role: 'editor' } as const;
export const disabledExample = {
  ...accountExample,
  ...{ disabled_at: grace.sessionExpiresAt, disabled_by: 'operator' },
} as const;

const linkMaker = () =>
  Type.String({
    description: 'The link ends when they are disabled, stop being an owner, or their token is revoked',
  });
const linkEnd = () => time('The link is refused from then on');

export const AccountJson = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String({ description: 'It never changes, and no other account ever has it' }),
    role: oneOf(ROLES, 'What the operator may do'),
    made_by: Type.String(),
    made_at: time('The invitation, or the first login at the identity provider'),
    enrolled_at: orNull(time('Null until the link was used')),
    last_login_at: orNull(time('Null until then')),
    disabled_at: orNull(time('No login and no session since then; null if it is not disabled')),
    disabled_by: orNull(Type.String()),
    link: orNull(Type.Object({ made_by: linkMaker(), expires_at: linkEnd() }, exact)),
    issuer: orNull(
      Type.String({
        description:
          'The identity provider that keeps password, second factor and role; null: the account has its own',
      }),
    ),
    subject: orNull(Type.String({ description: 'Whose account it is at the provider' })),
  },
  { ...exact, examples: [accountExample] },
);
export type AccountJson = Static<typeof AccountJson>;

export const AccountPage = Type.Object(
  {
    operators: Type.Array(AccountJson),
    next: Type.Union([Type.Integer(), Type.Null()], {
      description: 'The `after` of the next page; null on the last page',
    }),
  },
  { ...exact, examples: [{ operators: [accountExample], next: null }] },
);

const linkMembers = {
  token: Type.String({ description: 'Of the link, in this answer alone: only its hash is stored' }),
  path: Type.String({
    description: 'The link, at the address of an engine. Browsers do not send what follows #',
  }),
  made_by: linkMaker(),
  expires_at: linkEnd(),
};
const linkExample = {
  ...{ token: LINK, path: `/enrol#${LINK}` },
  ...{ made_by: 'operator', expires_at: grace.linkExpiresAt },
} as const;

export const LinkJson = Type.Object(linkMembers, { ...exact, examples: [linkExample] });
export type LinkJson = Static<typeof LinkJson>;

export const InvitedJson = Type.Object(
  { ...AccountJson.properties, link: Type.Object(linkMembers, exact) },
  { ...exact, examples: [{ ...invitedExample, link: linkExample }] },
);
