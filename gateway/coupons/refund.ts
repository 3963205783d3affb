/**
 * Computes what a refund gives back, of the price and of the coupons' uses: pure functions. README.md states the rules.
 *
 * For `q` of the `n` units of a line sold at `t` in total, `t * q / n` is due, rounded down. A refund gives what is due
 * after it less what was due before, so the refunds of a line sum to its total, however it is divided.
 */
import type { Basket, Pricing } from './pricing.ts';

/** The refunded quantity of one line, and the amount for it. */
export interface RefundedLine {
  /** From 1, in the order of the basket. */
  readonly line: number;
  readonly quantity: number;
  readonly amount: number;
}

export interface Refund {
  readonly lines: readonly RefundedLine[];
  /** The amount for shipping; undefined if it is not refunded. */
  readonly shipping: number | undefined;
  readonly amount: number;
  /** Codes whose use this refund gives back. */
  readonly givenBack: readonly string[];
}

/** The requested refund; undefined for everything that is left. */
export type WantedRefund =
  | {
      readonly lines: readonly { readonly line: number; readonly quantity: number }[];
      readonly shipping: boolean;
    }
  | undefined;

export interface Sold {
  readonly basket: Basket;
  readonly pricing: Pricing;
  readonly refunds: readonly Refund[];
}

/** A request to refund more than is left; `field` is the member that does. */
export interface NothingLeft {
  readonly field: string;
  readonly value: unknown;
  readonly expected: string;
}

/** The quantity of each line that is not refunded yet, and whether shipping is not. */
export function leftOf({ basket, refunds }: Sold): {
  readonly lines: readonly number[];
  readonly shipping: boolean;
} {
  const lines = basket.lines.map(({ quantity }, index) => {
    const gone = refunds.flatMap(refund => refund.lines).filter(({ line }) => line === index + 1);
    return gone.reduce((left, each) => left - each.quantity, quantity);
  });
  const shipping = basket.shipping > 0 && refunds.every(refund => refund.shipping === undefined);
  return { lines, shipping };
}

/** Whether everything was refunded. */
export function isRefunded(sold: Sold): boolean {
  const left = leftOf(sold);
  return !left.shipping && left.lines.every(quantity => quantity === 0);
}

/** The refund, or the faults of the request. */
export function refund(sold: Sold, wanted: WantedRefund): Refund | readonly NothingLeft[] {
  const left = leftOf(sold);
  const lines =
    wanted?.lines ??
    left.lines
      .map((quantity, index) => ({ line: index + 1, quantity }))
      .filter(({ quantity }) => quantity > 0);
  const shipping = wanted?.shipping ?? left.shipping;
  const faults = faultsOf(sold, left, { lines, shipping });
  if (faults.length > 0) return faults;
  const refunded = lines.map(({ line, quantity }) => ({
    line,
    quantity,
    amount: dueBetween(sold, line - 1, left.lines[line - 1] ?? 0, quantity),
  }));
  const forShipping = shipping ? sold.pricing.shippingTotal : undefined;
  const amount = refunded.reduce((sum, line) => sum + line.amount, forShipping ?? 0);
  const made = { lines: refunded, shipping: forShipping, amount, givenBack: [] };
  const before = unusedCodes(sold);
  const after = unusedCodes({ ...sold, refunds: [...sold.refunds, made] });
  return { ...made, givenBack: after.filter(code => !before.includes(code)) };
}

function faultsOf(
  { basket }: Sold,
  left: ReturnType<typeof leftOf>,
  { lines, shipping }: Exclude<WantedRefund, undefined>,
): NothingLeft[] {
  const faults: NothingLeft[] = [];
  if (lines.length === 0 && !shipping) {
    faults.push({ field: 'lines', value: lines, expected: 'an item that was not refunded yet' });
  }
  for (const [index, { line, quantity }] of lines.entries()) {
    const has = left.lines[line - 1];
    if (lines.findIndex(other => other.line === line) < index) {
      const expected = 'a line that is not yet in the list';
      faults.push({ field: `lines[${index}].line`, value: line, expected });
    } else if (has === undefined) {
      const expected = `a line of the basket, from 1 to ${basket.lines.length}`;
      faults.push({ field: `lines[${index}].line`, value: line, expected });
    } else if (quantity > has) {
      const expected = `at most ${has}, as only that many are left`;
      faults.push({ field: `lines[${index}].quantity`, value: quantity, expected });
    }
  }
  if (shipping && !left.shipping) {
    const expected = basket.shipping === 0 ? 'false, as there was none' : 'false, as it was already refunded';
    faults.push({ field: 'shipping', value: true, expected });
  }
  return faults;
}

/** The amount due for the next `quantity` units of a line of which `left` are left. */
function dueBetween({ basket, pricing }: Sold, index: number, left: number, quantity: number): number {
  const sold = basket.lines[index]?.quantity ?? 0;
  const total = pricing.lineTotals[index] ?? 0;
  // Exact: see MAX_QUANTITY.
  const due = (gone: number): number => Math.floor((total * gone) / sold);
  return due(sold - left + quantity) - due(sold - left);
}

/** Codes of the coupons for which everything that they discounted was refunded. */
function unusedCodes(sold: Sold): string[] {
  const left = leftOf(sold);
  return sold.pricing.discounts
    .filter(
      ({ lines, shipping }) =>
        lines.every((amount, index) => amount === 0 || left.lines[index] === 0) &&
        (shipping === 0 || !left.shipping),
    )
    .map(({ code }) => code);
}
