/** Parses what a shop sends. Reports all faults at once, each with the path of the member, its value and what is expected. */
import type { TSchema } from 'typebox';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import Value from 'typebox/value';
import { type FieldFault, fieldFault } from '../../engine/contract/api/problem.ts';
import { isCurrency, MAX_AMOUNT } from '../../engine/contract/coupons/terms.ts';
import { MAX_USER_ID_BYTES } from '../../engine/contract/record/record.ts';
import {
  BasketBody,
  CommitBody,
  DEFAULT_HOLD_SECONDS,
  MAX_REDEMPTION_ID,
  RefundBody,
  ReservationBody,
} from './contract.ts';
import type { WantedRefund } from './refund.ts';
import type { WantedBasket } from './transaction.ts';

export type Read<T> = { readonly value: T } | { readonly faults: readonly FieldFault[] };

/** Reported per request: enough to see what is wrong, without an answer as long as the request. */
const MOST_FAULTS = 20;

const isReservation = Compile(ReservationBody);
const isBasket = Compile(BasketBody);

export function readReservation(body: unknown): Read<WantedBasket> {
  if (!isReservation.Check(body)) return { faults: faultsIn(ReservationBody, body, '') };
  const { hold_seconds: holdSeconds = DEFAULT_HOLD_SECONDS } = body;
  return basketOf(body, holdSeconds * 1_000);
}

/** A basket to redeem at once, or a reservation to redeem. */
export function readRedemption(
  body: unknown,
): Read<WantedBasket | { readonly kind: 'commit'; readonly redemptionId: number }> {
  if (typeof body === 'object' && body !== null && 'reservation' in body) {
    if (!Value.Check(CommitBody, body)) return { faults: faultsIn(CommitBody, body, '') };
    return { value: { kind: 'commit', redemptionId: body.reservation } };
  }
  if (!isBasket.Check(body)) return { faults: faultsIn(BasketBody, body, '') };
  return basketOf(body, undefined);
}

export function readRefund(body: unknown): Read<WantedRefund> {
  if (!Value.Check(RefundBody, body)) return { faults: faultsIn(RefundBody, body, '') };
  const { lines, shipping } = body;
  if (lines === undefined && shipping === undefined) return { value: undefined };
  return { value: { lines: lines ?? [], shipping: shipping ?? false } };
}

/** The id of a reservation or redemption in a path; undefined if invalid. */
export function readRedemptionId(text: string): number | undefined {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
  return id > 0 && id <= MAX_REDEMPTION_ID ? id : undefined;
}

/** Checks what the schema cannot: the length of the user id in bytes, currencies, repeated codes, and sums. */
function basketOf(body: BasketBody, holdMs: number | undefined): Read<WantedBasket> {
  const { user, currency, lines, shipping = 0, codes } = body;
  const faults: FieldFault[] = [];
  if (Buffer.byteLength(user) > MAX_USER_ID_BYTES) {
    faults.push(fieldFault('user', user, `a user id of 1 to ${MAX_USER_ID_BYTES} bytes`));
  }
  if (!isCurrency(currency))
    faults.push(fieldFault('currency', currency, 'an ISO 4217 currency code, like EUR'));
  for (const [index, code] of codes.entries()) {
    if (codes.indexOf(code) < index) {
      faults.push(fieldFault(`codes[${index}]`, code, 'a code that is not yet in the list'));
    }
  }
  // Each product is below 2^53, and the first sum beyond MAX_AMOUNT ends the loop, so every sum is exact.
  let sum = shipping;
  for (const [index, { quantity, unit_amount }] of lines.entries()) {
    sum += quantity * unit_amount;
    if (sum <= MAX_AMOUNT) continue;
    const expected = `amounts that sum to at most ${MAX_AMOUNT}, including shipping`;
    faults.push(fieldFault(`lines[${index}].unit_amount`, unit_amount, expected));
    break;
  }
  if (faults.length > 0) return { faults };
  const basketLines = lines.map(({ product, categories = [], quantity, unit_amount }) => ({
    product,
    categories,
    quantity,
    unitAmount: unit_amount,
  }));
  const basket = { currency, lines: basketLines, shipping };
  return { value: { kind: 'use', userId: user, basket, codes, holdMs } };
}

function faultsIn(schema: TSchema, value: unknown, field: string): FieldFault[] {
  if (Type.IsObject(schema)) return objectFaults(schema, value, field).slice(0, MOST_FAULTS);
  if (Type.IsArray(schema) && Array.isArray(value)) {
    const [least = 0, most = Number.POSITIVE_INFINITY] = [
      Reflect.get(schema, 'minItems'),
      Reflect.get(schema, 'maxItems'),
    ];
    if (value.length < least || value.length > most) {
      return [{ field, value: `an array of ${value.length}`, expected: expectedOf(schema) }];
    }
    const items = value.flatMap((item, index) => faultsIn(schema.items, item, `${field}[${index}]`));
    return items.slice(0, MOST_FAULTS);
  }
  return Value.Check(schema, value) ? [] : [fieldFault(field, value, expectedOf(schema))];
}

function objectFaults(schema: Type.TObject, value: unknown, field: string): FieldFault[] {
  const names = Object.keys(schema.properties);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const expected = `a JSON object with the members ${names.join(', ')}`;
    return [fieldFault(field === '' ? 'body' : field, value, expected)];
  }
  const prefix = field === '' ? '' : `${field}.`;
  const faults: FieldFault[] = [];
  for (const [name, member] of Object.entries(schema.properties)) {
    const given: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    if (given !== undefined) faults.push(...faultsIn(member, given, `${prefix}${name}`));
    else if (!Type.IsOptional(member)) faults.push(fieldFault(`${prefix}${name}`, given, expectedOf(member)));
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(schema.properties, name)) continue;
    const expected = `a known member: ${names.join(', ')}`;
    faults.push(fieldFault(`${prefix}${name.slice(0, 60)}`, Reflect.get(value, name), expected));
  }
  return faults;
}

function expectedOf(schema: TSchema): string {
  const expected: unknown = Reflect.get(schema, 'x-expected');
  if (typeof expected !== 'string') throw new Error('a request member has no x-expected');
  return expected;
}
