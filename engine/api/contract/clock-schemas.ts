/** Schemas of the clock routes; see schemas.ts. */
import type { Static } from 'typebox';
import Type from 'typebox';
import { shownText } from '../../contract/api/text.ts';
import { exact, MAX_REASON_CHARACTERS, oneOf, orNull, time, whole } from './schemas.ts';

/** A hundred years; a greater value is a typing error. */
const MOST_AHEAD_MS = 3_153_600_000_000;

/** What is on hold while the clocks contradict each other. */
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
    right: oneOf(['redis'], 'The clock that is correct. If the clock of Redis is wrong, set it instead'),
    ahead_of: oneOf(
      AHEAD_OF,
      'The clock that Redis is ahead of: postgres in the state apart; engine in the state alone, where Redis and PostgreSQL agree',
    ),
    ahead_ms: whole(
      -MOST_AHEAD_MS,
      MOST_AHEAD_MS,
      'The difference, as shown in `redis_ahead_ms`; negative if Redis is behind',
    ),
    reason: Type.Optional(shownText(MAX_REASON_CHARACTERS, 'The reason, recorded in the ledger')),
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
    ahead_ms: Type.Integer({ description: 'The difference that the operator stated' }),
    redis_ahead_ms: Ahead('The difference measured at that time'),
    by: Type.String({ description: 'The operator who said so' }),
    reason: orNull(Type.String()),
    at: time("When, by PostgreSQL's clock, which may be wrong"),
    ended_at: orNull(time('When it ended; null while in effect')),
    ended: orNull(
      oneOf(
        ['agreed', 'moved', 'replaced'],
        'Why it ended: the clocks agree, the difference changed, or a later statement replaced it',
      ),
    ),
  },
  exact,
);

const apartExample = {
  state: 'apart',
  says: {
    redis: '2030-01-31T16:20:42.118Z',
    postgres: '2030-01-31T16:18:42.117Z',
    engine: '2030-01-31T16:20:42.118Z',
  },
  redis_ahead_ms: { postgres: 120_001, engine: 0 },
  limit_ms: 50,
  held_for_ms: 42_310,
  held: HELD,
  trust: null,
};

/** After the statement that Redis is right. */
export const trustedExample = {
  ...apartExample,
  state: 'agreed',
  held_for_ms: null,
  held: [],
  trust: {
    id: 1,
    right: 'redis',
    ahead_of: 'postgres',
    ahead_ms: 120_000,
    redis_ahead_ms: apartExample.redis_ahead_ms,
    by: 'operator',
    reason: 'Its NTP is gone',
    at: '2030-01-31T16:20:42.115Z',
    ended_at: null,
    ended: null,
  },
};

export const ClocksJson = Type.Object(
  {
    state: oneOf(
      ['unknown', 'agreed', 'apart', 'alone'],
      "apart: Redis and PostgreSQL contradict each other; alone: they moved together, away from the engine's own clock",
    ),
    says: Type.Object(
      {
        redis: orNull(time('The time on Redis')),
        postgres: orNull(time('The time on PostgreSQL')),
        engine: orNull(
          time('The time that Redis would show had it advanced normally since all clocks agreed'),
        ),
      },
      exact,
    ),
    redis_ahead_ms: Ahead("How far Redis' clock is ahead of the other; null if one has not been read"),
    limit_ms: Type.Integer({ description: 'CLOCK_STOP_MS: a greater difference is a contradiction' }),
    held_for_ms: orNull(
      Type.Integer({
        description: 'How long the clocks have contradicted each other; null while they agree',
      }),
    ),
    held: Type.Array(
      oneOf(HELD, 'What is on hold until the clocks agree or an operator declares Redis correct'),
    ),
    trust: orNull(TrustJson),
  },
  { ...exact, description: 'As seen by the engine that answers', examples: [apartExample] },
);
export type ClocksJson = Static<typeof ClocksJson>;
