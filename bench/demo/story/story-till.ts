/** The fourth chapter: two coupons on one basket, all or none, and the amounts returned when part of it is refunded. */
import type { Fan } from './story-cast.ts';
import type { Holder } from './story-claims.ts';
import type { Answer } from './story-http.ts';
import type { Stage } from './story-teller.ts';

const WELCOME = 'WELCOME5';
const CURRENCY = 'EUR';

/** The basket: 40.00 of boots, 2 x 15.00 of socks, 4.90 for the shipping, in cents. */
const BASKET = {
  currency: CURRENCY,
  shipping: 490,
  lines: [
    { product: 'boots', quantity: 1, unit_amount: 4_000 },
    { product: 'socks', quantity: 2, unit_amount: 1_500 },
  ],
};

export async function payAtTheTill(stage: Stage, { fan, code }: Holder, { id: other }: Fan): Promise<void> {
  const { teller, shop } = stage;
  teller.chapter('4. At the till');
  await makeWelcome(stage);
  const { id: user } = fan;
  const codes = [code, WELCOME];
  const stolen = await use(stage, 'a-thief', { ...BASKET, user: other, codes });
  teller.refused('a code of somebody else', stolen, 'coupon-refused');
  teller.equal('uses of the welcome code after that', await leftOf(stage, WELCOME), 1);

  const basket = { ...BASKET, user, codes, hold_seconds: 60 };
  const held = teller.need('the basket', await reserve(stage, 'basket-1', basket), 201);
  // First 5.00 off 70.00, then a fifth of what is left.
  const off = Object(held.body.discounts);
  teller.equal('what each takes off', amountsOf(off), { [WELCOME]: 500, [code]: 1_300 });
  teller.equal('the total', held.body.total, 7_000 - 1_800 + 490);
  const lines: readonly { total: number }[] = Array.isArray(held.body.lines) ? held.body.lines : [];
  teller.equal(
    'the lines and the shipping together',
    lines.reduce((sum, { total }) => sum + total, 490),
    held.body.total,
  );
  teller.say(
    fan.name,
    `stacks two coupons on a basket: ${money(held.body.total)} in place of ${money(7_490)}`,
  );

  const again = await reserve(stage, 'basket-1', basket);
  teller.equal('the same request again: the reservation', again.body.id, held.body.id);
  const reused = await reserve(stage, 'basket-1', { ...basket, shipping: 0 });
  teller.refused('another basket under the same key', reused, 'idempotency-key-reused');
  const late = await reserve(stage, 'basket-2', { ...BASKET, user: other, codes: [WELCOME] });
  teller.refused('the last use while it is held', late, 'coupon-refused');

  const commit = { reservation: held.body.id };
  const paid = await Promise.all(['pay-1', 'pay-2', 'pay-3'].map(key => redeem(stage, key, commit)));
  teller.equal(
    'three commits at once: those who redeemed',
    paid.filter(({ status }) => status === 201).length,
    1,
  );
  const redemption = Number(held.body.id);
  teller.say('shop', 'takes the money: both coupons are redeemed, once');
  await refund(stage, redemption);
  const back = await reserve(stage, 'basket-3', { ...BASKET, user: other, codes: [WELCOME] });
  teller.need('the welcome code, for the next one,', back, 201);
  const released = await shop.ask('DELETE', `/v1/reservations/${back.body.id}`);
  teller.equal('a basket that is left', released.body.state, 'released');
  teller.equal('uses of the welcome code in the end', await leftOf(stage, WELCOME), 1);
}

async function makeWelcome({ teller, operator }: Stage): Promise<void> {
  const terms = {
    ...{ discount: 'fixed', amount: 500, currency: CURRENCY, limit_total: 1 },
    ...{ stack_class: 'welcome', stackable_with: ['drop'], stack_order: 0 },
  };
  const made = await operator.ask('POST', '/v1/coupons', { body: { code: WELCOME, terms } });
  teller.need('a code for everybody', made, 201);
  const alone = { ...terms, stack_class: 'alone', stackable_with: undefined, exclusive: true };
  const against = { code: 'AGAINST', terms: { ...alone, stackable_with: ['welcome'] } };
  const refused = await operator.ask('POST', '/v1/coupons', { body: against });
  teller.refused('rules that contradict themselves', refused, 'invalid-request');
}

async function refund(stage: Stage, redemption: number): Promise<void> {
  const { teller, shop } = stage;
  const path = `/v1/redemptions/${redemption}/refunds`;
  const ask = (key: string, body: object): Promise<Answer> =>
    shop.ask('POST', path, { body, headers: { 'idempotency-key': key } });
  const part = await ask('refund-1', { lines: [{ line: 2, quantity: 1 }] });
  teller.need('one pair of socks back', part, 201);
  teller.equal('after that it', part.body.state, 'partly_refunded');
  teller.equal('uses given back by that', part.body.given_back, []);
  const most = await ask('refund-2', { lines: [{ line: 2, quantity: 2 }] });
  teller.refused('more socks than are left', most, 'nothing-to-refund');
  const rest = teller.need('all the rest back', await ask('refund-3', {}), 201);
  teller.equal('after that it', rest.body.state, 'refunded');
  const { body } = await shop.ask('GET', `/v1/redemptions/${redemption}`);
  const refunds: readonly { amount: number }[] = Array.isArray(body.refunds) ? body.refunds : [];
  const sum = refunds.reduce((total, { amount }) => total + amount, 0);
  teller.equal('what went back in all', sum, body.total);
  teller.say('shop', `refunds a pair of socks, then the rest: ${money(sum)}, and both uses`);
  stage.counts.set('uses redeemed and given back', 2);
}

function reserve(stage: Stage, key: string, body: object): Promise<Answer> {
  return stage.shop.ask('POST', '/v1/reservations', { body, headers: { 'idempotency-key': key } });
}

function redeem(stage: Stage, key: string, body: object): Promise<Answer> {
  return stage.shop.ask('POST', '/v1/redemptions', { body, headers: { 'idempotency-key': key } });
}

function use(stage: Stage, key: string, body: object): Promise<Answer> {
  return redeem(stage, key, body);
}

async function leftOf({ shop }: Stage, code: string): Promise<unknown> {
  return (await shop.ask('GET', `/v1/coupons/${code}`)).body.remaining;
}

function amountsOf(discounts: Iterable<{ code: string; amount: number }>): object {
  return Object.fromEntries([...discounts].map(({ code, amount }) => [code, amount]));
}

function money(cents: unknown): string {
  return `${(Number(cents) / 100).toFixed(2)} ${CURRENCY}`;
}
