/** Redemptions, for those who help people with them. */
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import {
  type ListedRedemption,
  listRedemptions,
  type RedemptionsOf,
} from '../../../../sql/statements/coupons/redemption-list.ts';
import { fieldFault, invalidRequest } from '../../../contract/api/problem.ts';
import { notedRead } from '../../../operators/noted-read.ts';
import { type ListedRedemptionJson, RedemptionsQuery } from '../../contract/coupons/redemption-schemas.ts';
import { operations } from '../../contract/operations.ts';
import type { ApiDeps } from '../../deps.ts';
import { actorOf } from '../../http/authentication.ts';
import { readParameters } from '../../http/input.ts';
import { readPage } from '../../http/pages.ts';
import { addRoute } from '../../http/routing.ts';

export function addRedemptionRoutes(app: FastifyInstance, deps: ApiDeps): void {
  addRoute(app, operations.listRedemptions, async request => {
    const query = readParameters(RedemptionsQuery, request.query);
    const of = readOf(query);
    const by = of === undefined || 'coupon' in of ? undefined : 'user' in of ? 'user' : 'code';
    const { rows, next } = await notedRead(deps.pool, actorOf(request), {
      target: 'redemptions',
      read: db =>
        readPage(
          query,
          limit => listRedemptions(db, of, { after: query.after ?? 0, limit }),
          ({ redemptionId }) => redemptionId,
        ),
      details: () => by && { by },
    });
    return { redemptions: rows.map(redemptionJson), next };
  });
}

/** Throws Problem invalid-request. */
function readOf({ user, code, coupon }: Static<typeof RedemptionsQuery>): RedemptionsOf | undefined {
  const given = [
    ...(user === undefined ? [] : [{ user }]),
    ...(code === undefined ? [] : [{ code }]),
    ...(coupon === undefined ? [] : [{ coupon }]),
  ];
  const [first, second] = given;
  if (second === undefined) return first;
  const [[field = '', value] = []] = Object.entries(second);
  throw invalidRequest([fieldFault(field, value, 'no value: one of user, code and coupon at a time')]);
}

export function redemptionJson(row: ListedRedemption): ListedRedemptionJson {
  const { redemptionId: id, userId: user, state, currency, total, refunded } = row;
  return {
    ...{ id, user, state, currency, total, refunded },
    codes: [...row.uses],
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt?.toISOString() ?? null,
    redeemed_at: row.redeemedAt?.toISOString() ?? null,
    released_at: row.releasedAt?.toISOString() ?? null,
  };
}
