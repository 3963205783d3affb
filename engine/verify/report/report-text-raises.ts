/**
 * The words of the report about raises of a stock, and about rules whose hash somebody noted. A book states its raises, and the key
 * for books is enough to state one afterwards: only an operator log says that there was one.
 */
import type { Raise } from '../book/raises.ts';
import type { NotedRules } from '../heads/noted.ts';
import { isoOf } from '../receipts/leaf.ts';

/** More raises than this are counted, not listed. */
const MOST_LISTED = 20;

/** `hasLog`: the raises were compared with those of an operator log. */
export function checkedOfRaises(raises: readonly Raise[], hasLog: boolean): readonly string[] {
  const [first] = raises;
  if (first === undefined) return [];
  const stated = `The book states ${times(raises.length)} of the stock, from ${first.stockBefore}. Each makes it larger, and the stated hashes are those of these rules with the stock and the close of that time.`;
  return hasLog
    ? [
        stated,
        'Acts of the operator log are the same raises, within a minute of the stated times, and the book leaves none of them out.',
      ]
    : [stated];
}

export function notesOfRaises(raises: readonly Raise[]): readonly string[] {
  const notes = raises
    .slice(0, MOST_LISTED)
    .map(
      ({ stockBefore, stock, atUs, version }) =>
        `The operator states that the stock was raised from ${stockBefore} to ${stock} ${isoOf(atUs)} (version ${version}). Nothing that a gateway signed says so.`,
    );
  const left = raises.length - notes.length;
  return left === 0 ? notes : [...notes, `The operator states ${times(left)} more.`];
}

export function notProvenOfRaises(raises: readonly Raise[], hasLog: boolean): readonly string[] {
  if (raises.length === 0 || hasLog) return [];
  return [
    'That the stock was raised, and when. The key for books is enough to state a raise after the close, and so to give coupons to entries that were too late. No operator log was given that could show it (--log, from GET /v1/operator-log.ndjson); compare the stock also with what the campaign showed (stock in GET /v1/campaigns/{id}).',
  ];
}

export function checkedOfNotedRules(noted: NotedRules): string {
  switch (noted) {
    case 'same':
      return 'The rules have the noted hash: neither the rules nor their monitors have changed since.';
    case 'before a raise':
      return 'The rules have the noted hash with the stock before a raise that the book states: nothing has changed since but the stock, and the close if that raise states another one.';
  }
}

export function notProvenOfNotedRules(noted: NotedRules): string {
  switch (noted) {
    case 'same':
      return 'When the rules hash was noted. If it was before the opening, the rules were announced by then.';
    case 'before a raise':
      return 'When the rules hash was noted. If it was before the opening, the rules were announced by then, but with the smaller stock.';
  }
}

function times(count: number): string {
  return count === 1 ? '1 raise' : `${count} raises`;
}
