/** What the routes of accounts take and answer: schemas that check input, type output, and define the OpenAPI document. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { ADDRESS_EXPECTED } from '../../../engine/contract/api/addresses.ts';
import { PASSWORD_EXPECTED } from '../../../engine/contract/passwords/password-rules.ts';
import { ada } from './example-fan.ts';

/** Longer texts are no addresses; the exact rules are in addresses.ts. */
const MOST_ADDRESS_CHARACTERS = 320;
/** Longer than the longest password in any normal form. */
const MOST_PASSWORD_CHARACTERS = 512;
/** A link's token is a JWT of some 300 characters. */
const MOST_TOKEN_CHARACTERS = 1_024;

const Address = Type.String({
  minLength: 3,
  maxLength: MOST_ADDRESS_CHARACTERS,
  description:
    'An e-mail address. Letter case is ignored, a plus and what follows it is kept, a domain may be in any script',
  'x-expected': ADDRESS_EXPECTED,
});

const Password = Type.String({
  minLength: 1,
  maxLength: MOST_PASSWORD_CHARACTERS,
  description: 'Never logged, stored or shown',
  'x-expected': PASSWORD_EXPECTED,
});

const Token = Type.String({
  minLength: 1,
  maxLength: MOST_TOKEN_CHARACTERS,
  description: 'The part of the link in the e-mail behind `=`',
  'x-expected': 'the token of the link in the e-mail',
});

const Locale = Type.Union([Type.Literal('en'), Type.Literal('ko')], {
  description: 'The language of e-mails',
  'x-expected': 'one of en, ko',
});

/** A JWT with some claims; larger ones do not fit into a body of an account route. */
const MOST_SHOP_TOKEN_CHARACTERS = 4_000;

export const ExchangeBody = Type.Object(
  {
    token: Type.String({
      minLength: 1,
      maxLength: MOST_SHOP_TOKEN_CHARACTERS,
      description:
        "An ID token or access token (JWT) that the shop's identity provider has issued for this service",
      'x-expected': `a JWT of at most ${MOST_SHOP_TOKEN_CHARACTERS} characters`,
    }),
  },
  { additionalProperties: false, examples: [{ token: ada.shopToken }] },
);
export type ExchangeBody = Static<typeof ExchangeBody>;

/** A code may be a token by itself. */
const MOST_QUERY_CHARACTERS = 4_000;

export const AuthorizationResponseBody = Type.Object(
  {
    query: Type.String({
      minLength: 1,
      maxLength: MOST_QUERY_CHARACTERS,
      description: "`location.search` of the page, to which the shop's provider led the browser back",
      'x-expected': `the query of the address, at most ${MOST_QUERY_CHARACTERS} characters`,
    }),
  },
  { additionalProperties: false, examples: [{ query: ada.authorizationQuery }] },
);
export type AuthorizationResponseBody = Static<typeof AuthorizationResponseBody>;

export const AuthorizationView = Type.Object(
  {
    url: Type.String({
      format: 'uri',
      description:
        'Where to send the browser. The login there must be completed within 15 minutes, in this browser',
    }),
  },
  { additionalProperties: false, examples: [{ url: ada.authorizationUrl }] },
);
export type AuthorizationView = Static<typeof AuthorizationView>;

export const SignUpBody = Type.Object(
  { address: Address, password: Password, locale: Type.Optional(Locale) },
  { additionalProperties: false, examples: [{ address: ada.address, password: ada.password, locale: 'en' }] },
);
export type SignUpBody = Static<typeof SignUpBody>;

export const CredentialsBody = Type.Object(
  { address: Address, password: Password },
  { additionalProperties: false, examples: [{ address: ada.address, password: ada.password }] },
);
export type CredentialsBody = Static<typeof CredentialsBody>;

export const AddressBody = Type.Object(
  { address: Address },
  { additionalProperties: false, examples: [{ address: ada.address }] },
);
export type AddressBody = Static<typeof AddressBody>;

export const TokenBody = Type.Object(
  { token: Token },
  { additionalProperties: false, examples: [{ token: ada.linkToken }] },
);
export type TokenBody = Static<typeof TokenBody>;

export const ResetBody = Type.Object(
  { token: Token, password: Password },
  { additionalProperties: false, examples: [{ token: ada.resetToken, password: ada.password }] },
);
export type ResetBody = Static<typeof ResetBody>;

export const PasswordBody = Type.Object(
  { password: Password },
  { additionalProperties: false, examples: [{ password: ada.password }] },
);
export type PasswordBody = Static<typeof PasswordBody>;

export const MailRequested = Type.Object(
  {
    address: Type.String({ description: 'Normalised: where the e-mail goes, if one is due' }),
  },
  {
    additionalProperties: false,
    description: 'The same answer whether the address has an account or not',
    examples: [{ address: ada.address }],
  },
);
export type MailRequested = Static<typeof MailRequested>;

export const FanView = Type.Object(
  {
    id: Type.String({
      description:
        'The user of the tickets, and so of the entries. Before a colon: the source of an account that the shop keeps',
    }),
    address: Type.Union([Type.String(), Type.Null()], { description: 'null: the shop keeps the account' }),
    locale: Locale,
    made_at: Type.String({ format: 'date-time' }),
  },
  {
    additionalProperties: false,
    examples: [{ id: ada.id, address: ada.address, locale: 'en', made_at: ada.madeAt }],
  },
);
export type FanView = Static<typeof FanView>;

/** A fan whose account the shop keeps, as an example. */
export const shopFan: FanView = { id: ada.shopId, address: null, locale: 'en', made_at: ada.madeAt };

export const SessionList = Type.Object(
  {
    sessions: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          current: Type.Boolean({ description: 'The session of this request' }),
          network: Type.Union([Type.String(), Type.Null()], {
            description:
              'Of the login: the /24 of an IPv4 address or the /64 of an IPv6 address; null if unknown',
          }),
          user_agent: Type.String({ description: 'What the browser of the login called itself' }),
          made_at: Type.String({ format: 'date-time' }),
          expires_at: Type.String({ format: 'date-time' }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      {
        sessions: [
          {
            ...{ id: ada.sessionId, current: true, network: '203.0.113.0' },
            ...{ user_agent: ada.userAgent, made_at: ada.loggedInAt, expires_at: ada.sessionUntil },
          },
        ],
      },
    ],
  },
);
export type SessionList = Static<typeof SessionList>;

export const TicketView = Type.Object(
  {
    ticket: Type.String({
      description: 'A JWT for the other routes. Keep it in the memory of the page only',
    }),
    seconds_left: Type.Integer({
      minimum: 1,
      description: 'How long the ticket is valid from now on: renew by this and not by a clock',
    }),
    user: Type.String({ description: 'Whose ticket it is' }),
  },
  {
    additionalProperties: false,
    examples: [{ ticket: ada.ticket, seconds_left: ada.ticketS, user: ada.id }],
  },
);
export type TicketView = Static<typeof TicketView>;
