/**
 * Raises of a coupon's stock, as a book states them: each announced the rules anew, with a larger stock and nothing else changed, so
 * what was announced before follows from the rules of the book. The coupons of the whole stock go to the first entries, whenever it
 * was raised (outcomes.ts). That there was such a raise, and when, is in nothing that a gateway signs: an operator log shows it
 * (../log/announced.ts). It may come after the close, while entries or offers are not decided.
 */
import { type CouponRules, MOST_STOCK, type Rules } from '../draw/rules.ts';
import { type Findings, Unreadable } from '../findings.ts';
import type { Limits } from '../limits.ts';
import type { Primitives } from '../primitives.ts';
import { isoOf } from '../receipts/leaf.ts';
import { areEqual, fromBase64Url, toBase64Url, utf8 } from '../text/bytes.ts';
import { canonical, isJsonObject, type Json, type Members } from '../text/json.ts';

const HASH_BYTES = 32;
/** The first version makes the campaign. */
const FIRST_RAISE = 2;

export interface Raise {
  /** Of the campaign: in its list of versions and in the operator log. */
  readonly version: number;
  readonly atUs: number;
  readonly stockBefore: number;
  readonly stock: number;
  /** In the rules before and after. */
  readonly closesAtUs: number;
  /** Of the rules before and after. */
  readonly hashBefore: Uint8Array;
  readonly hash: Uint8Array;
}

export interface RaisesOptions {
  /** The rules of the book, read and as they stand there. */
  readonly rules: Rules;
  readonly json: Json | undefined;
  readonly primitives: Pick<Primitives, 'sha256'>;
  readonly findings: Findings;
  readonly limits: Pick<Limits, 'raises'>;
}

/** Reads the member `raises` of a book's first line, if it is there. Throws Unreadable; adds other problems as findings. */
export function readRaises(members: Members, options: RaisesOptions): readonly Raise[] {
  if (!members.has('raises')) return [];
  const { rules, findings, limits } = options;
  const raises = members.objects('raises', limits.raises).map(readRaise);
  if (rules.kind !== 'coupon') {
    findings.add('stock-raised', 'the book says that the stock was raised, but only a coupon has a stock');
    return raises;
  }
  for (const [index, raise] of raises.entries()) checkRaise(raise, raises[index - 1], options);
  checkLast(raises.at(-1), rules, findings);
  return raises;
}

function readRaise(members: Members): Raise {
  const hash = (key: string): Uint8Array =>
    members.read(key, text => fromBase64Url(text, HASH_BYTES), `${HASH_BYTES} bytes in base64url`);
  const raise = {
    atUs: members.whole('at_us', 0, Number.MAX_SAFE_INTEGER),
    closesAtUs: members.whole('closes_at_us', 0, Number.MAX_SAFE_INTEGER),
    hash: hash('rules_hash'),
    hashBefore: hash('rules_hash_before'),
    stock: members.whole('stock', 0, MOST_STOCK),
    stockBefore: members.whole('stock_before', 0, MOST_STOCK),
    version: members.whole('version', FIRST_RAISE, Number.MAX_SAFE_INTEGER),
  };
  members.end();
  return raise;
}

function checkRaise(raise: Raise, before: Raise | undefined, options: RaisesOptions): void {
  const { findings, rules } = options;
  const { version, stock, stockBefore, atUs } = raise;
  const what = `version ${version}, which raises the stock`;
  if (stock <= stockBefore)
    findings.add('stock-raised', `${what} from ${stockBefore} to ${stock}, does not make it larger`);
  if (atUs < rules.opensAtUs)
    findings.add(
      'stock-raised',
      `${what}, is of ${isoOf(atUs)}, before the opening at ${isoOf(rules.opensAtUs)}`,
    );
  if (before !== undefined && (before.version >= version || before.atUs > atUs))
    findings.add('stock-raised', `${what}, follows version ${before.version}, which is later`);
  if (before !== undefined && before.stock !== stockBefore)
    findings.add(
      'stock-raised',
      `${what} from ${stockBefore}, follows one that raised it to ${before.stock}`,
    );
  for (const [hash, ofStock] of [
    [raise.hashBefore, stockBefore],
    [raise.hash, stock],
  ] as const) {
    const right = hashWith(ofStock, raise.closesAtUs, options);
    if (areEqual(hash, right)) continue;
    findings.add(
      'stock-raised',
      `${what}, states the rules hash ${toBase64Url(hash)} for a stock of ${ofStock}, but these rules hash to ${toBase64Url(right)}`,
    );
  }
}

function checkLast(last: Raise | undefined, { stock }: CouponRules, findings: Findings): void {
  if (last === undefined || last.stock === stock) return;
  findings.add(
    'stock-raised',
    `the stock was last raised to ${last.stock}, but the rules of the book have ${stock}`,
  );
}

function hashWith(stock: number, closesAtUs: number, { json, primitives }: RaisesOptions): Uint8Array {
  if (!isJsonObject(json)) throw new Unreadable('malformed', 'the rules of the book are not an object');
  const rules = { ...json, stock, closes_at_us: closesAtUs };
  return primitives.sha256(utf8(canonical(rules, 'the rules before a raise')));
}
