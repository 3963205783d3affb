/** What the clocks show, and the operator's statement on which of them is right while they contradict each other. */
import type { FastifyInstance } from 'fastify';
import type { ClockTrust } from '../../../sql/statements/progress/clock.ts';
import { aheadMsOf, trustClock } from '../../clock/trust-clock.ts';
import { isoOfUs } from '../../contract/api/instants.ts';
import { type ClocksJson, HELD, TrustBody } from '../contract/clock-schemas.ts';
import { operations } from '../contract/operations.ts';
import type { ApiDeps } from '../deps.ts';
import { operatorOf } from '../http/authentication.ts';
import { readBody } from '../http/input.ts';
import { addRoute } from '../http/routing.ts';

export function addClockRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { clocks } = deps;
  addRoute(app, operations.getClocks, async () => {
    await clocks.sample();
    // While Redis is away, its last reading is shown.
    await clocks.sampleRedis().catch(() => undefined);
    return clocksJson(deps);
  });

  addRoute(app, operations.trustClock, async request => {
    const { ahead_of: aheadOf, ahead_ms: aheadMs, reason = null } = readBody(TrustBody, request.body);
    await trustClock(deps, { aheadOf, aheadMs }, { by: operatorOf(request).name, reason });
    return clocksJson(deps);
  });
}

function clocksJson({ clocks }: ApiDeps): ClocksJson {
  const look = clocks.look();
  const { heldForMs, trust, stopMs } = clocks;
  const ahead = aheadMsOf(look);
  const show = (us: number | undefined): string | null => (us === undefined ? null : isoOfUs(us));
  return {
    state: look.state,
    says: { redis: show(look.redisUs), postgres: show(look.postgresUs), engine: show(look.ownUs) },
    redis_ahead_ms: { postgres: ahead.postgres ?? null, engine: ahead.engine ?? null },
    limit_ms: stopMs,
    held_for_ms: heldForMs === undefined ? null : Math.round(heldForMs),
    held: heldForMs === undefined ? [] : [...HELD],
    trust: trust === undefined ? null : trustJson(trust),
  };
}

function trustJson(trust: ClockTrust): NonNullable<ClocksJson['trust']> {
  return {
    id: trust.trustId,
    right: 'redis',
    ahead_of: trust.aheadOf,
    ahead_ms: trust.aheadMs,
    redis_ahead_ms: { postgres: trust.postgresMs, engine: trust.engineMs },
    by: trust.saidBy,
    reason: trust.reason,
    at: trust.saidAt.toISOString(),
    ended_at: trust.endedAt?.toISOString() ?? null,
    ended: trust.ended,
  };
}
