/**
 * A shop's server with one basket. It sends each act under one idempotency key until the act is decided, to another gateway
 * when the answer is 503 or missing. After a redemption it requests the plan's refunds. The checker learns of gateways'
 * answers, whether they arrive or not.
 */
import { MS } from '../kernel/world.ts';
import type { ShopCall } from '../models/http.ts';
import type { CodeLook, Shopping, WantedBack } from '../plans/shopping.ts';
import { back, type Surroundings, sendTo } from './client.ts';

const ANSWER_TIMEOUT_US = 700 * MS;
const DOUBLE_US = 5 * MS;

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A request under a key, with what the checker needs to know. */
type Act =
  | (ShopCall & { readonly what: 'hold' | 'redeem' | 'commit' | 'release'; readonly of: number | undefined })
  | (ShopCall & { readonly what: 'refund'; readonly of: number; readonly quantity: number | undefined });

function isDone({ status }: Answer): boolean {
  return status === 200 || status === 201;
}

/** One look-up of a code; `code` is undefined while it does not exist. */
export function lookAtCode(
  around: Surroundings,
  { gateway, of: coupon, userId }: CodeLook,
  code: string | undefined,
  done: () => void,
): void {
  if (code === undefined) {
    done();
    return;
  }
  const { world, checker } = around;
  const holder = 'code' in coupon ? undefined : userId;
  const isThere = checker.shop.coupons.has(code);
  const askedUs = world.nowUs;
  const once = world.hearOnce(ANSWER_TIMEOUT_US, done);
  const receiver = {
    answered: (status: number, text: string) => {
      const body = JSON.parse(text);
      world.tell(() => `${code} is shown: ${status} ${text}`);
      const { coupons } = checker.shop;
      if (status === 200) coupons.shown(checker, { gateway, holder, body, askedUs, nowUs: world.nowUs });
      // A granted code may belong to another user by now.
      else if (status !== 503 && (status !== 404 || isThere))
        checker.breaks(1, `the code ${code} is answered ${status} ${text}`);
      back(around, () => once(undefined));
    },
    streamed: () => undefined,
    over: () => back(around, () => once(undefined)),
  };
  const call: ShopCall = { what: 'show', key: '', body: '', of: code };
  sendTo(
    around,
    gateway,
    each => each.shop(call, receiver),
    () => receiver.over(),
  );
}

export class Shopper {
  readonly #around: Surroundings;
  readonly #shopping: Shopping;
  readonly #name: string;
  readonly #codeOf: (shopping: Shopping) => string | undefined;
  readonly #done: () => void;

  /** `name` is unique to this basket; `codeOf` returns the basket's code. */
  constructor(
    around: Surroundings,
    shopping: Shopping,
    {
      name,
      codeOf,
      done,
    }: { name: string; codeOf: (shopping: Shopping) => string | undefined; done: () => void },
  ) {
    this.#around = around;
    this.#shopping = shopping;
    this.#name = name;
    this.#codeOf = codeOf;
    this.#done = done;
  }

  start(): void {
    const { userId, quantity, unitAmount, holdS } = this.#shopping;
    const code = this.#codeOf(this.#shopping);
    if (code === undefined) {
      this.#done();
      return;
    }
    const lines = [{ product: 'shoe', quantity, unit_amount: unitAmount }];
    const basket = { user: userId, currency: 'EUR', lines, codes: [code] };
    const key = `${this.#name}-${holdS === undefined ? 'redeem' : 'hold'}`;
    this.#around.checker.shop.wants(key, { userId, code, subtotal: quantity * unitAmount });
    const call: Act =
      holdS === undefined
        ? { what: 'redeem', key, body: JSON.stringify(basket), of: undefined }
        : { what: 'hold', key, body: JSON.stringify({ ...basket, hold_seconds: holdS }), of: undefined };
    this.#ask(call, answer => {
      if (!isDone(answer)) this.#done();
      else if (holdS === undefined) this.#giveBack(Number(answer.body.id), this.#shopping.refunds);
      else this.#goOn(Number(answer.body.id));
    });
  }

  #goOn(redemptionId: number): void {
    const { ending, endsAfterMs } = this.#shopping;
    const { world } = this.#around;
    if (ending === 'nothing') {
      this.#done();
      return;
    }
    const key = `${this.#name}-${ending}`;
    const body = ending === 'commit' ? JSON.stringify({ reservation: redemptionId }) : '';
    world.after(endsAfterMs * MS, world.outside, () => {
      this.#ask({ what: ending, key, body, of: redemptionId }, answer => {
        if (ending === 'commit' && isDone(answer)) this.#giveBack(redemptionId, this.#shopping.refunds);
        else this.#done();
      });
    });
  }

  #giveBack(redemptionId: number, [next, ...rest]: readonly WantedBack[]): void {
    if (next === undefined) {
      this.#done();
      return;
    }
    const { world } = this.#around;
    const { quantity } = next;
    const key = `${this.#name}-refund-${rest.length}`;
    const body = JSON.stringify(quantity === undefined ? {} : { lines: [{ line: 1, quantity }] });
    world.after(next.afterMs * MS, world.outside, () => {
      this.#ask({ what: 'refund', key, body, of: redemptionId, quantity }, () =>
        this.#giveBack(redemptionId, rest),
      );
    });
  }

  /** Repeats the request until it is decided. */
  #ask(call: Act, hear: (answer: Answer) => void): void {
    const { world, gateways } = this.#around;
    const again = (index: number): void => {
      this.#once(index, call, answer => {
        if (answer !== undefined && answer.status !== 503) hear(answer);
        else {
          const next = world.random.between(0, gateways - 1);
          world.after(world.random.between(10, 150) * MS, world.outside, () => again(next));
        }
      });
    };
    again(this.#shopping.gateway);
    if (!this.#shopping.isDoubled) return;
    // This answer is ignored.
    const other = world.random.between(0, gateways - 1);
    const laterUs = world.random.between(0, DOUBLE_US);
    world.after(laterUs, world.outside, () => this.#once(other, call, () => undefined));
  }

  #once(index: number, call: Act, hear: (answer: Answer | undefined) => void): void {
    const { world, checker } = this.#around;
    const askedUs = world.nowUs;
    const once = world.hearOnce(ANSWER_TIMEOUT_US, hear);
    const receiver = {
      answered: (status: number, text: string) => {
        const body = JSON.parse(text);
        world.tell(() => `${call.key} is answered ${status} ${text}`);
        if (status === 500) world.fail(new Error(`a handler failed: ${text}`));
        const { shop } = checker;
        const code = this.#codeOf(this.#shopping);
        if (code !== undefined && isDone({ status, body })) shop.coupons.done(index, code, world.nowUs);
        if (call.what === 'refund')
          shop.refunds.answered(checker, { ...call, redemptionId: call.of }, status, body);
        else shop.answered(checker, call, { status, body, askedUs, nowUs: world.nowUs });
        back(this.#around, () => once({ status, body }));
      },
      streamed: () => undefined,
      over: () => back(this.#around, () => once(undefined)),
    };
    sendTo(
      this.#around,
      index,
      gateway => gateway.shop(call, receiver),
      () => receiver.over(),
    );
  }
}
