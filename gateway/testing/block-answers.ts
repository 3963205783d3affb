/** For the test of the OpenAPI document: every answer to a blocked user. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { eventually } from '../../engine/test/support.ts';
import type { AskInit, System } from '../../engine/test/system.ts';
import type { Cases, Given } from '../coupons/testing/answers.ts';

export const BLOCKED = 'blocked';

/** `claims`: a campaign that offers BLOCKED a coupon. */
export async function blockUser(system: System, claims: number): Promise<void> {
  const own = `/v1/campaigns/${claims}/entries/me`;
  await eventually(async () => (await system.ask(BLOCKED, 'GET', own)).body.outcome === 'offered');
  const made = await system.operate('POST', '/v1/blocks', { user: BLOCKED, reason: 'A script' });
  assert.equal(made.status, 201, made.text);
}

export function blockCases(system: System, { claims, room }: { claims: number; room: number }): Cases {
  const given = ({ status, headers, text }: Awaited<ReturnType<System['ask']>>): Given => ({
    ...{ status, text },
    mediaType: headers.get('content-type') ?? '',
  });
  const ask = async (path: string): Promise<Given> => given(await system.ask(BLOCKED, 'POST', path));
  const shop = async (path: string): Promise<Given> => {
    const lines = [{ product: 'shoe', quantity: 2, unit_amount: 5_000 }];
    const basket = { user: BLOCKED, currency: 'EUR', lines, codes: ['SHARED'] };
    const init: AskInit = { body: JSON.stringify(basket), headers: { 'idempotency-key': randomUUID() } };
    return given(await system.shop('POST', path, init));
  };
  return {
    'post /v1/campaigns/{id}/entries 403 blocked': () => ask(`/v1/campaigns/${claims}/entries`),
    'post /v1/campaigns/{id}/entries/me/claim 403 blocked': () =>
      ask(`/v1/campaigns/${claims}/entries/me/claim`),
    'post /v1/campaigns/{id}/pass 403 blocked': () => ask(`/v1/campaigns/${room}/pass`),
    'post /v1/reservations 403 blocked': () => shop('/v1/reservations'),
    'post /v1/redemptions 403 blocked': () => shop('/v1/redemptions'),
  };
}
