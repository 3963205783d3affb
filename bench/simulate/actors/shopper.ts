/**
 * A shop's server with one basket: it asks under one idempotency key for each act, at another gateway when the answer is 503
 * or none, until it is decided. What gateways answer goes to the checker, whether it is heard or not.
 */
import { MS } from '../kernel/world.ts';
import type { ShopAsked } from '../models/http.ts';
import type { Shopping } from '../plans/shopping.ts';
import { back, type Surroundings, sendTo } from './client.ts';

const ANSWER_TIMEOUT_US = 700 * MS;
const DOUBLE_US = 5 * MS;

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export class Shopper {
  readonly #around: Surroundings;
  readonly #shopping: Shopping;
  readonly #name: string;
  readonly #codeOf: (shopping: Shopping) => string | undefined;
  readonly #done: () => void;

  /** `name` is this basket's alone; `codeOf` answers the code that is on it. */
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
    const asked: ShopAsked =
      holdS === undefined
        ? { what: 'redeem', key, body: JSON.stringify(basket), redemptionId: undefined }
        : {
            what: 'hold',
            key,
            body: JSON.stringify({ ...basket, hold_seconds: holdS }),
            redemptionId: undefined,
          };
    this.#ask(asked, ({ status, body }) => {
      const isHeld = (status === 200 || status === 201) && holdS !== undefined;
      if (isHeld) this.#goOn(Number(body.id));
      else this.#done();
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
      this.#ask({ what: ending, key, body, redemptionId }, () => this.#done());
    });
  }

  /** Asks until it is decided. */
  #ask(asked: ShopAsked, hear: (answer: Answer) => void): void {
    const { world, gateways } = this.#around;
    const again = (place: number): void => {
      this.#once(place, asked, answer => {
        if (answer !== undefined && answer.status !== 503) hear(answer);
        else {
          const next = world.random.between(0, gateways - 1);
          world.after(world.random.between(10, 150) * MS, world.outside, () => again(next));
        }
      });
    };
    again(this.#shopping.gateway);
    if (!this.#shopping.isDoubled) return;
    // What this one hears is of no account.
    const other = world.random.between(0, gateways - 1);
    const laterUs = world.random.between(0, DOUBLE_US);
    world.after(laterUs, world.outside, () => this.#once(other, asked, () => undefined));
  }

  #once(place: number, asked: ShopAsked, hear: (answer: Answer | undefined) => void): void {
    const { world, checker } = this.#around;
    const askedUs = world.nowUs;
    const once = world.hearOnce(ANSWER_TIMEOUT_US, hear);
    const receiver = {
      answered: (status: number, text: string) => {
        const body = JSON.parse(text);
        world.tell(() => `${asked.key} is answered ${status} ${text}`);
        if (status === 500) world.fail(new Error(`a handler failed: ${text}`));
        checker.shop.answered(checker, asked, { status, body, askedUs, nowUs: world.nowUs });
        back(this.#around, () => once({ status, body }));
      },
      streamed: () => undefined,
      over: () => back(this.#around, () => once(undefined)),
    };
    sendTo(
      this.#around,
      place,
      gateway => gateway.shop(asked, receiver),
      () => receiver.over(),
    );
  }
}
