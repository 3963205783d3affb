/**
 * What must hold of refunds: no more is refunded than was sold and paid, however it is divided; a use is given back when
 * everything that it discounted has been refunded, and never before; and there is one refund per key, however often it is
 * requested. Shares no code with gateway and engine.
 */
import type { SeenUse } from './checker-coupons.ts';
import type { Checks } from './checks.ts';

export interface SeenRefund {
  readonly redemptionId: number;
  readonly refundNumber: number;
  /** JSON. */
  readonly refund: string;
}

interface Sold {
  readonly redemptionId: number;
  /** Both are JSON, of one line. */
  readonly basket: string;
  readonly pricing: string;
}

interface Seen {
  refunds(): readonly SeenRefund[];
  uses(): readonly SeenUse[];
  redemptions(): readonly Sold[];
}

/** How many items of a basket have been refunded, and for how much. */
interface Back {
  readonly quantity: number;
  readonly amount: number;
}

interface RefundRequest {
  readonly key: string;
  readonly redemptionId: number;
  /** Undefined: all that is left. */
  readonly quantity: number | undefined;
}

export class CheckedRefunds {
  readonly #ledger: Seen;
  /** Keyed by idempotency key: the number of the refund. */
  readonly #told = new Map<string, number>();
  readonly #isNew = new Set<string>();

  constructor(ledger: Seen) {
    this.#ledger = ledger;
  }

  /** The ledger has committed something. */
  committed(checker: Checks): void {
    for (const redemptionId of new Set(this.#ledger.refunds().map(refund => refund.redemptionId)))
      this.#check(checker, redemptionId);
  }

  #check(checker: Checks, redemptionId: number): void {
    const sold = this.#ledger.redemptions().find(each => each.redemptionId === redemptionId);
    const use = this.#ledger.uses().find(each => each.redemptionId === redemptionId);
    if (sold === undefined || use === undefined) {
      checker.breaks(1, `refunds of ${redemptionId}, which is not there`);
      return;
    }
    const { quantity, paid, takenOff } = readSold(sold);
    const refunds = this.#of(redemptionId);
    let back = 0;
    let amount = 0;
    for (const [index, refund] of refunds.entries()) {
      if (refund.refundNumber !== index + 1)
        checker.breaks(4, `refund ${index + 1} of ${redemptionId} has the number ${refund.refundNumber}`);
      const made = readRefund(refund);
      back += made.quantity;
      amount += made.amount;
      if (made.quantity < 1 || back > quantity)
        checker.breaks(2, `${back} of ${quantity} of ${redemptionId} have gone back`);
      if (amount !== Math.floor((paid * back) / quantity))
        checker.breaks(
          2,
          `${amount} was given back for ${back} of ${quantity} of ${redemptionId}, of ${paid}`,
        );
    }
    const isDue = back === quantity && takenOff > 0;
    if ((use.givenBackAt !== null) !== isDue)
      checker.breaks(
        2,
        `${back} of ${quantity} of ${redemptionId} went back, and its use ${isDue ? 'not' : 'too'}`,
      );
  }

  #of(redemptionId: number): readonly SeenRefund[] {
    return this.#ledger
      .refunds()
      .filter(refund => refund.redemptionId === redemptionId)
      .toSorted((a, b) => a.refundNumber - b.refundNumber);
  }

  /** A gateway answers a shop's request to refund a redemption that the shop knows to be redeemed. */
  answered(checker: Checks, request: RefundRequest, status: number, body: Record<string, unknown>): void {
    if (status === 200 || status === 201) this.#checkMade(checker, request, status === 201, body);
    else if (status === 409 && String(body.type).endsWith('nothing-to-refund'))
      this.#checkNothing(checker, request);
    else if (status !== 503)
      checker.breaks(1, `${request.key} is answered ${status} ${JSON.stringify(body)}`);
  }

  #checkMade(
    checker: Checks,
    { key, redemptionId }: RefundRequest,
    isNew: boolean,
    { number, amount }: Record<string, unknown>,
  ): void {
    const told = this.#told.get(key) ?? Number(number);
    this.#told.set(key, told);
    if (told !== number)
      checker.breaks(4, `${key} was told refund ${told}, and ${String(number)} when asked again`);
    if (isNew && this.#isNew.has(key)) checker.breaks(4, `${key} was told twice that it is new`);
    if (isNew) this.#isNew.add(key);
    const row = this.#of(redemptionId).find(({ refundNumber }) => refundNumber === number);
    if (row === undefined || readRefund(row).amount !== amount)
      checker.breaks(
        1,
        `${key} was told refund ${String(number)} of ${String(amount)}, which the ledger has not`,
      );
  }

  #checkNothing(checker: Checks, { key, redemptionId, quantity = 1 }: RefundRequest): void {
    const told = this.#told.get(key);
    if (told !== undefined)
      checker.breaks(4, `${key} was told refund ${told}, and is refused when asked again`);
    const sold = this.#ledger.redemptions().find(each => each.redemptionId === redemptionId);
    const back = this.#of(redemptionId).reduce((sum, refund) => sum + readRefund(refund).quantity, 0);
    const left = (sold === undefined ? 0 : readSold(sold).quantity) - back;
    if (left >= quantity)
      checker.breaks(1, `${key} may not give back ${quantity}, of which ${left} are left`);
  }
}

function readSold({ basket, pricing }: Sold): { quantity: number; paid: number; takenOff: number } {
  const [line] = Object(JSON.parse(basket)).lines;
  const { total } = Object(JSON.parse(pricing));
  return {
    quantity: line.quantity,
    paid: total,
    takenOff: line.quantity * line.unitAmount - total,
  };
}

function readRefund({ refund }: SeenRefund): Back {
  const { lines, amount } = Object(JSON.parse(refund));
  const quantity = lines.reduce((sum: number, line: { quantity: number }) => sum + line.quantity, 0);
  return { quantity, amount };
}
