/** Schemas of what one person did in each campaign; see ../schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { OUTCOMES } from '../../../../sql/statements/entries/outcomes.ts';
import { alice, drop } from '../../../contract/api/examples/story.ts';
import { after, exact, orNull, time, whole } from '../schemas.ts';
import { user } from './people-schemas.ts';

/** Each item of a page reads a slice for its receipt. */
export const MOST_CAMPAIGNS = 100;
const DEFAULT_CAMPAIGNS = 20;

export const PersonCampaignsBody = Type.Object(
  {
    user,
    archived: Type.Optional(
      Type.Boolean({
        description:
          'Also list archived campaigns that have nothing of this user here: the file may. false when absent',
        'x-expected': 'true or false',
      }),
    ),
    after,
    limit: Type.Optional(
      whole(1, MOST_CAMPAIGNS, `The most campaigns of a page; ${DEFAULT_CAMPAIGNS} when absent`),
    ),
  },
  { ...exact, examples: [{ user: alice.user }] },
);

export function campaignsLimit({ limit: given }: { readonly limit?: number }): number {
  return given ?? DEFAULT_CAMPAIGNS;
}

const stamp = Type.Integer({ description: 'The position in the total order of the campaign' });
const requested = time('When it was stamped, to the microsecond');

const entry = Type.Object(
  {
    stamp,
    requested_at: requested,
    position: orNull(
      Type.Integer({
        description:
          'From 1, as people are shown it; null while it may change, and while Redis does not tell it',
      }),
    ),
    outcome: Type.Enum([...OUTCOMES]),
    claim_by: orNull(time('The claim deadline of a present or past offer')),
    ended_at: orNull(
      time('When the offer was claimed, expired or was declined, or the waitlisted user left'),
    ),
    receipt: orNull(
      Type.Object(
        {
          gateway: Type.Integer(),
          incarnation: Type.Integer(),
          slice: Type.Integer(),
          leaf: Type.Integer({ description: 'The index of the entry in its slice, from 0' }),
          key: Type.String({ description: 'The id of the key that signed it: as in GET /v1/keys' }),
        },
        {
          ...exact,
          description:
            'Where the receipt leads. The receipt itself is secret to its user: GET …/entries/me shows it to them. null if the ' +
            'ledger does not have the slice (yet), or its items were archived',
        },
      ),
    ),
  },
  exact,
);

const personCampaign = Type.Object(
  {
    campaign: Type.Integer(),
    kind: Type.Enum(['coupon', 'raffle', 'room']),
    title: Type.String(),
    archive: orNull(
      Type.String({
        description:
          'The file with what has left the ledger. What is here stayed; an entry that is null here may be in the file',
      }),
    ),
    entry: orNull(entry),
    withdrawal: orNull(
      Type.Object(
        {
          stamp,
          requested_at: requested,
          honoured: orNull(Type.Boolean({ description: 'null while it is not decided' })),
        },
        exact,
      ),
    ),
    claim: orNull(Type.Object({ stamp, requested_at: requested, decided: Type.Boolean() }, exact)),
    offer: orNull(
      Type.Object(
        {
          state: Type.Enum(['waitlisted', 'offered', 'claimed', 'lapsed', 'declined', 'left']),
          serial: orNull(Type.Integer({ description: 'What they were offered' })),
          waitlist_position: orNull(Type.Integer({ description: 'From 1; null: not waitlisted before' })),
          offered_at: orNull(time('When it was offered')),
          ended_early: orNull(Type.String({ description: 'Why an operator ended it early' })),
        },
        { ...exact, description: 'Where claims are required' },
      ),
    ),
    grant: orNull(
      Type.Object(
        {
          serial: Type.Integer(),
          code: Type.String(),
          tier: orNull(Type.Integer({ description: 'The prize of a raffle, from 0' })),
          granted_at: time('When it was granted or drawn'),
        },
        { ...exact, description: 'What they have. With claims, `offer` says whether it is claimed' },
      ),
    ),
    passed_on: orNull(
      Type.Object(
        { serial: Type.Integer(), reason: Type.String(), at: time('When it was passed on') },
        { ...exact, description: 'What they had, and somebody else has now' },
      ),
    ),
    terms: orNull(
      Type.Object(
        {
          tickets: Type.Integer(),
          group: orNull(Type.String()),
          excluded: orNull(Type.String({ description: 'Why they are not in the draw' })),
        },
        { ...exact, description: 'Of a raffle: as an operator set them' },
      ),
    ),
    visit: orNull(
      Type.Object(
        {
          state: Type.Enum(['waiting', 'skipped', 'withdrawn', 'admitted', 'inside', 'left', 'expired']),
          admitted_at: orNull(time('When they were admitted')),
        },
        { ...exact, description: 'Of a waiting room' },
      ),
    ),
  },
  exact,
);
export type PersonCampaignJson = Static<typeof personCampaign>;

export const PersonCampaignsPage = Type.Object(
  {
    campaigns: Type.Array(personCampaign),
    archived_elsewhere: Type.Integer({
      description:
        'Archived campaigns that this page passed over, having nothing of this user here; `archived` lists them',
    }),
    next: orNull(
      Type.Integer({
        description:
          'The `after` of the next page; null on the last page. A page looks through 2,000 campaigns at most, so one without any may have a next',
      }),
    ),
  },
  {
    ...exact,
    examples: [
      {
        campaigns: [
          {
            ...{ campaign: drop.id, kind: 'coupon', title: drop.title, archive: null },
            entry: {
              ...{ stamp: alice.stamp, requested_at: alice.requestedAt, position: alice.position },
              ...{ outcome: 'granted', claim_by: alice.claimBy, ended_at: alice.claimedAt },
              receipt: { gateway: 0, incarnation: 1, slice: 42, leaf: 2, key: 'de0bc25c3f71633f' },
            },
            withdrawal: null,
            claim: { stamp: 133_644_288_000, requested_at: '2030-01-31T17:02:10.512000Z', decided: true },
            offer: {
              ...{ state: 'claimed', serial: alice.serial, waitlist_position: null },
              ...{ offered_at: alice.offeredAt, ended_early: null },
            },
            grant: {
              ...{ serial: alice.serial, code: alice.code, tier: null, granted_at: alice.offeredAt },
            },
            ...{ passed_on: null, terms: null, visit: null },
          },
        ],
        ...{ archived_elsewhere: 0, next: null },
      },
    ],
  },
);
