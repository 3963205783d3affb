/** The operations of the API by what they require, each with a valid body. */
import { coupon, inMs } from '../../testing/api.ts';

export const ARCHIVE = 'campaign-1.archive.ndjson.gz';
export const CAMPAIGN = '/v1/campaigns/{id}';
export const campaignPaths = [
  ['GET', CAMPAIGN],
  ['POST', `${CAMPAIGN}/close`],
  ['GET', `${CAMPAIGN}/entries`],
  ['GET', `${CAMPAIGN}/entries.csv`],
  ['GET', `${CAMPAIGN}/totals`],
  ['GET', `${CAMPAIGN}/entrants`],
  ['GET', `${CAMPAIGN}/versions`],
] as const;
/** Operations that require a body or a campaign in a certain state, with a valid body. */
export const drawPaths = [
  ['PUT', `${CAMPAIGN}/entrants`, { entrants: [{ user: 'ann' }] }],
  ['POST', `${CAMPAIGN}/alternates/next`, { serial: 1, reason: 'did not answer' }],
  ['POST', `${CAMPAIGN}/deadlines`, { serial: 1, holder: 'ann', claim_by: '2100-01-01T00:00:00Z' }],
  ['GET', `${CAMPAIGN}/proof`, undefined],
] as const;
/** Changes that need a precondition, with a valid body. */
export const changePaths = [
  ['PATCH', CAMPAIGN, { title: 'Two thirds' }],
  ['POST', `${CAMPAIGN}/announce`, {}],
  ['POST', `${CAMPAIGN}/pause`, {}],
  ['POST', `${CAMPAIGN}/resume`, {}],
  ['POST', `${CAMPAIGN}/cancel`, {}],
  ['POST', `${CAMPAIGN}/raise`, { stock: 20, reason: 'Twice as many' }],
  ['POST', `${CAMPAIGN}/archive`, {}],
] as const;
export const TEMPLATE = '/v1/templates/{id}';
export const template = { name: 'Fridays', campaign: { kind: 'coupon', title: 'Friday', stock: 7 } };
export const again = (): object => ({ opens_at: inMs(60_000), closes_at: inMs(120_000) });
export const roomPaths = [
  ['GET', `${CAMPAIGN}/room`, undefined],
  ['PUT', `${CAMPAIGN}/room`, { per_second: 5 }],
] as const;
export const COUPON = '/v1/coupons/{id}';
export const TEN_PERCENT = { discount: 'percentage', basis_points: 1_000 };
export const couponPaths = [
  ['POST', '/v1/coupons', { code: 'SPRING', terms: TEN_PERCENT }],
  ['GET', '/v1/coupons', undefined],
  ['GET', COUPON, undefined],
  ['PUT', `${COUPON}/terms`, TEN_PERCENT],
  ['PUT', `${COUPON}/restriction`, { disabled: true, reason: 'Leaked' }],
] as const;
export const BLOCK = '/v1/blocks/{id}';
export const NEW_BLOCK = { network: '203.0.113.0/24', reason: 'A farm of accounts' };
export const blockPaths = [
  ['GET', '/v1/blocks', undefined],
  ['POST', '/v1/blocks', NEW_BLOCK],
  ['GET', BLOCK, undefined],
  ['POST', `${BLOCK}/lift`, { reason: 'A school' }],
] as const;
export const peoplePaths = [
  ['POST', '/v1/people/search', { user: 'ann' }],
  ['POST', '/v1/people/account', { user: 'ann' }],
  ['POST', '/v1/people/campaigns', { user: 'ann' }],
  ['POST', '/v1/people/redemptions', { user: 'ann' }],
] as const;
export const TRUST = { right: 'redis', ahead_of: 'postgres', ahead_ms: 120_000 };
export const clockPaths = [
  ['GET', '/v1/clocks', undefined],
  ['POST', '/v1/clocks/trust', TRUST],
] as const;
export const TOKEN_PATH = '/v1/tokens/{id}';
export const NEW_TOKEN = { name: 'Ann', role: 'viewer' };
export const tokenPaths = [
  ['GET', '/v1/tokens', undefined],
  ['POST', '/v1/tokens', NEW_TOKEN],
  ['GET', TOKEN_PATH, undefined],
  ['POST', `${TOKEN_PATH}/revoke`, undefined],
] as const;
export const SHOP_TOKEN_PATH = '/v1/shop-tokens/{id}';
export const NEW_SHOP_TOKEN = { name: 'checkout of cycles', shop: 'cycles' };
export const shopTokenPaths = [
  ['GET', '/v1/shop-tokens', undefined],
  ['POST', '/v1/shop-tokens', NEW_SHOP_TOKEN],
  ['GET', SHOP_TOKEN_PATH, undefined],
  ['POST', `${SHOP_TOKEN_PATH}/revoke`, undefined],
] as const;
export const PROPOSAL = '/v1/proposals/{id}';
export const TWO_PERSON = `${CAMPAIGN}/two-person`;
export const proposalPaths = [
  ['PUT', TWO_PERSON, { required: true }],
  ['GET', '/v1/proposals', undefined],
  ['GET', PROPOSAL, undefined],
  ['POST', `${PROPOSAL}/approve`, undefined],
  ['POST', `${PROPOSAL}/withdraw`, undefined],
] as const;
export const OPERATOR = '/v1/operators/{id}';
export const NEW_OPERATOR = { name: 'Ada', role: 'editor' };
export const accountPaths = [
  ['POST', '/v1/operators/first-owner-link', undefined],
  ['POST', '/v1/operators', NEW_OPERATOR],
  ['GET', '/v1/operators', undefined],
  ['GET', OPERATOR, undefined],
  ['POST', `${OPERATOR}/link`, undefined],
  ['PATCH', OPERATOR, { role: 'editor' }],
  ['POST', `${OPERATOR}/disable`, {}],
  ['POST', `${OPERATOR}/enable`, {}],
] as const;
/** Of nobody. */
export const NEW_PASSWORD = { password: 'x', code: '000000', new_password: 'seven lamps in the old mill' };
/** What needs the session of an account. */
export const ownPaths = [
  ['GET', '/v1/operator/sessions', undefined],
  ['POST', '/v1/operator/sessions/{id}/end', undefined],
  ['POST', '/v1/operator/logout', undefined],
  ['POST', '/v1/operator/recovery-codes', { code: '000000' }],
  ['POST', '/v1/operator/password', NEW_PASSWORD],
] as const;
export const bodies = [
  ...[...drawPaths, ...changePaths, ...roomPaths, ...couponPaths, ...clockPaths],
  ...[...tokenPaths, ...accountPaths],
  ...shopTokenPaths,
  ...proposalPaths,
  ...blockPaths,
  ...peoplePaths,
] as const;
/** Operations that create something, with a valid body. */
export const makePaths = [
  ['POST', '/v1/campaigns', coupon],
  ['POST', `${CAMPAIGN}/duplicate`, again],
  ['POST', '/v1/templates', () => template],
  ['POST', `${TEMPLATE}/campaigns`, again],
] as const;
export const logPaths = [
  ['GET', '/v1/operator-log'],
  ['GET', '/v1/operator-log.ndjson'],
] as const;
export const securedPaths = [
  ['GET', '/v1/campaigns'],
  ['GET', '/v1/dead-letters'],
  ['GET', '/v1/redemptions'],
  ['GET', '/v1/schedule'],
  ['GET', '/v1/templates'],
  ['GET', TEMPLATE],
  ...logPaths,
  ...makePaths.map(([method, path]) => [method, path] as const),
  ...campaignPaths,
  ...bodies.map(([method, path]) => [method, path] as const),
  ...ownPaths.map(([method, path]) => [method, path] as const),
] as const;
