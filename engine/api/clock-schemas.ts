/** What the routes of the clocks take and give; as schemas.ts, with its words. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { shownText } from '../contract/text.ts';
import { exact, MAX_REASON_CHARACTERS, oneOf, orNull, time, whole } from './schemas.ts';

/** A hundred years: beyond, it is a typing error. */
const MOST_AHEAD_MS = 3_153_600_000_000;

/** What waits while the clocks contradict each other. */
export const HELD = [
  'watermark',
  'settling',
  'closings',
  'drawings',
  'leases',
  'changes',
  'deadlines',
] as const;

const AHEAD_OF = ['postgres', 'engine'] as const;

export const TrustBody = Type.Object(
  {
    right: oneOf(['redis'], 'The clock that is right. One of Redis that is wrong has to be set right'),
    ahead_of: oneOf(
      AHEAD_OF,
      'The clock that it is ahead of: postgres in the state apart; engine in the state alone, in which Redis and PostgreSQL are right together',
    ),
    ahead_ms: whole(
      -MOST_AHEAD_MS,
      MOST_AHEAD_MS,
      'By how much, as `redis_ahead_ms` shows it; negative where Redis is behind',
    ),
    reason: Type.Optional(shownText(MAX_REASON_CHARACTERS, 'Why, as the ledger will say')),
  },
  {
    ...exact,
    examples: [{ right: 'redis', ahead_of: 'postgres', ahead_ms: 120_000, reason: 'Its NTP is gone' }],
  },
);

const Ahead = (description: string) =>
  Type.Object(
    { postgres: orNull(Type.Integer()), engine: orNull(Type.Integer()) },
    { ...exact, description },
  );

const TrustJson = Type.Object(
  {
    id: Type.Integer(),
    right: Type.Literal('redis'),
    ahead_of: oneOf(AHEAD_OF, 'The clock that Redis was ahead of'),
    ahead_ms: Type.Integer({ description: 'By how much, as the operator put it' }),
    redis_ahead_ms: Ahead('By how much it was ahead, as measured then'),
    by: Type.String({ description: 'Who said so' }),
    reason: orNull(Type.String()),
    at: time("When, by PostgreSQL's clock, which may be the wrong one"),
    ended_at: orNull(time('Until when it held; null while it does')),
    ended: orNull(
      oneOf(
        ['agreed', 'moved', 'replaced'],
        'Why it holds no more: the clocks agree, the difference is another one, somebody has said something else since',
      ),
    ),
  },
  exact,
);

export const ClocksJson = Type.Object(
  {
    state: oneOf(
      ['unheard', 'agreed', 'apart', 'alone'],
      "apart: Redis and PostgreSQL contradict each other; alone: they have moved together, against the engine's own clock",
    ),
    says: Type.Object(
      {
        redis: orNull(time('What Redis shows')),
        postgres: orNull(time('What PostgreSQL shows')),
        engine: orNull(time('What Redis would show, had it gone on from when all agreed')),
      },
      exact,
    ),
    redis_ahead_ms: Ahead("By how much Redis' clock is ahead of another; null where one was not heard"),
    limit_ms: Type.Integer({ description: 'CLOCK_STOP_MS: what is further apart is a contradiction' }),
    held_for_ms: orNull(
      Type.Integer({
        description: 'For how long the clocks have contradicted each other; null while they agree',
      }),
    ),
    held: Type.Array(oneOf(HELD, 'What waits until they agree, or an operator says that Redis is right')),
    trust: orNull(TrustJson),
  },
  { ...exact, description: 'As the engine hears them that was asked' },
);
export type ClocksJson = Static<typeof ClocksJson>;
