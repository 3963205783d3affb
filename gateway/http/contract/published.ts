/** What everybody needs to check signatures: keys, and the heads of all slices. */
import type { Static } from 'typebox';
import Type from 'typebox';
import {
  HEADS_THROUGH_US,
  NEXT_HEADS,
  passKey,
  publicKeys,
  signedHeads,
} from '../../../engine/contract/api/examples/signed.ts';
import { PublicKey } from '../../../engine/contract/keys/signing-keys.ts';

export const Jwks = Type.Object(
  {
    keys: Type.Array(
      Type.Object({
        kty: Type.Literal('OKP'),
        crv: Type.Literal('Ed25519'),
        x: Type.String({ description: 'The raw public key, 32 bytes in base64url' }),
        kid: Type.String(),
        use: Type.Literal('sig'),
        alg: Type.Literal('EdDSA'),
      }),
    ),
  },
  {
    description: 'A JSON Web Key Set (RFC 7517): the keys that sign passes and visits',
    examples: [{ keys: [passKey] }],
  },
);
export type Jwks = Static<typeof Jwks>;

export const KeyList = Type.Object(
  { keys: Type.Array(PublicKey, { description: 'The current and former keys that sign slices and books' }) },
  { additionalProperties: false, examples: [{ keys: publicKeys }] },
);
export type KeyList = Static<typeof KeyList>;

export const HeadList = Type.Object(
  {
    heads: Type.Array(Type.String(), {
      description:
        'Signed heads, 192 bytes each in base64url, ordered by first instant, gateway, incarnation and slice number',
    }),
    next: Type.String({
      description:
        'The `after` of the next page, which may not exist yet: first instant, gateway, incarnation and slice number of the last head, separated by dots',
    }),
    through_us: Type.Optional(
      Type.Integer({
        description:
          'On the last page: no more slices will come with an instant up to this one (microseconds since the epoch)',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ heads: signedHeads, next: NEXT_HEADS, through_us: HEADS_THROUGH_US }],
  },
);
export type HeadList = Static<typeof HeadList>;
