/** Schemas of the terms of a raffle's entrants; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { alice } from '../../contract/api/examples/story.ts';
import { shownText, userIdText } from '../../contract/api/text.ts';
import { MOST_TICKETS } from '../../draw/draw.ts';
import { dryRunMark, exact, limit, loggedReason, MAX_REASON_CHARACTERS, orNull, whole } from './schemas.ts';

/** Entrants whose terms are set in one call. */
export const MAX_ENTRANTS = 1_000;
const MAX_GROUP_CHARACTERS = 100;

export const EntrantBody = Type.Object(
  {
    user: userIdText('The user, whether or not they have entered yet'),
    tickets: Type.Optional(whole(1, MOST_TICKETS, 'The number of tickets in the draw; 1 when absent')),
    group: Type.Optional(
      shownText(MAX_GROUP_CHARACTERS, 'The group that the per-group limit counts by; none when absent'),
    ),
    excluded: Type.Optional(
      shownText(MAX_REASON_CHARACTERS, 'Why the user is excluded from the draw; the book shows it'),
    ),
  },
  exact,
);
export type EntrantBody = Static<typeof EntrantBody>;

export const EntrantsBody = Type.Object(
  {
    entrants: Type.Array(EntrantBody, {
      minItems: 1,
      maxItems: MAX_ENTRANTS,
      description: 'Each replaces the earlier terms of that user',
      'x-expected': `a JSON array of 1 to ${MAX_ENTRANTS} objects`,
    }),
    reason: loggedReason,
  },
  {
    ...exact,
    examples: [{ entrants: [{ user: alice.user, tickets: 2 }], reason: 'Bought two in the presale' }],
  },
);

export const EntrantsSaved = Type.Object(
  { entrants: Type.Integer({ description: 'How many users now have the given terms' }), dry_run: dryRunMark },
  { ...exact, examples: [{ entrants: 1 }] },
);

export const EntrantsQuery = Type.Object(
  { after: Type.Optional(userIdText('The `next` of the previous page')), limit },
  exact,
);

export const EntrantPage = Type.Object(
  {
    entrants: Type.Array(
      Type.Object(
        {
          user: Type.String(),
          tickets: Type.Integer(),
          group: orNull(Type.String()),
          excluded: orNull(
            Type.String({ description: 'Why the user is excluded from the draw; null if not excluded' }),
          ),
        },
        exact,
      ),
      { description: 'Users with terms, in byte order of their ids' },
    ),
    next: orNull(Type.String({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [{ entrants: [{ user: alice.user, tickets: 2, group: null, excluded: null }], next: null }],
  },
);
