/**
 * What the schemas of the operator's API share. Each schema is written once, in the file of its subject: it checks and types the
 * input, and makes the OpenAPI document. `x-expected` says what a member should be, for error messages.
 */
import type { TSchema } from 'typebox';
import Type from 'typebox';
import { shownText } from '../../contract/api/text.ts';

/** The most that a campaign can give: stock, winners or alternates. It also limits waitlists and the capacity of rooms. */
export const MAX_STOCK = 10_000_000;
export const MAX_TITLE_CHARACTERS = 200;
export const MAX_REASON_CHARACTERS = 200;
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

export function whole(minimum: number, maximum: number, description: string) {
  return Type.Integer({
    minimum,
    maximum,
    description,
    'x-expected': `a whole number from ${minimum} to ${maximum}`,
  });
}

/** Why an operator does something. */
export const loggedReason = Type.Optional(shownText(MAX_REASON_CHARACTERS, 'Why; the operator log shows it'));

export function oneOf<const T extends string>(choices: readonly T[], description: string) {
  return Type.Enum([...choices], { description, 'x-expected': `one of ${choices.join(', ')}` });
}

/**
 * An instant in a request, to the millisecond at most, because campaigns store milliseconds: in UTC, or, without the Z, a local
 * time in the campaign's time zone (see readTime).
 */
export function instant(description: string) {
  return Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,3})?)?Z?$',
    description,
    'x-expected':
      'an instant in UTC, to the millisecond at most, like 2030-01-31T18:00:00.000Z; or, with time_zone, a local time without the Z',
  });
}

/** The name of a time zone; readZone checks that it exists. */
export function timeZone() {
  return Type.String({
    pattern: '^[A-Za-z][A-Za-z0-9_+/-]{0,63}$',
    description:
      'IANA time zone: times are displayed in it, and times without a Z are read in it; UTC when absent',
    'x-expected': 'an IANA time zone name, like Europe/Berlin',
  });
}

/** Campaigns, coupons and tokens name a shop by it; migration 0034 has the same pattern. */
export const SHOP_PATTERN = '^[a-z0-9][a-z0-9-]{0,39}$';

export function shopName(description: string) {
  return Type.String({
    pattern: SHOP_PATTERN,
    description,
    'x-expected': '1 to 40 characters of a-z, 0-9 and -, not starting with -',
  });
}

/** An instant in an answer. */
export function time(description: string) {
  return Type.String({ format: 'date-time', description });
}

export function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

export const exact = { additionalProperties: false };

export const limit = Type.Optional(whole(1, MAX_PAGE, `The page size; ${DEFAULT_PAGE} when absent`));
export const after = Type.Optional(
  whole(0, Number.MAX_SAFE_INTEGER, 'The `next` of the previous page; absent for the first page'),
);

export const PageQuery = Type.Object({ after, limit }, exact);

/** The page size if the query names none. */
export function pageLimit(query: { readonly limit?: number }): number {
  return query.limit ?? DEFAULT_PAGE;
}

/** With ?dryRun=true. */
export const dryRunMark = Type.Optional(
  Type.Literal(true, { description: 'A dry run: nothing was changed' }),
);
