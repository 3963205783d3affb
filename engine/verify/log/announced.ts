/**
 * Compares a book with what the acts of the operator log say about its campaign: which rules were announced last, and every raise of
 * its stock. A book whose stock is another one than operators announced contradicts the log.
 */
import type { Raise } from '../book/raises.ts';
import type { Findings } from '../findings.ts';
import { isoOf } from '../receipts/leaf.ts';
import { toBase64Url } from '../text/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../text/json.ts';
import type { LogRow } from './log-row.ts';

/** What a book says about its campaign. */
export interface AnnouncedBook {
  readonly campaign: number;
  readonly rulesHash: Uint8Array;
  readonly raises: readonly Raise[];
}

const RAISE = 'raiseCampaign';
/** An act is written at the end of the transaction that raises the stock, by the same clock; a transaction takes seconds at most. */
const MOST_APART_US = 60_000_000;

/** What acts on the campaign of a book name as their target. */
export function targetOf({ campaign }: AnnouncedBook): string {
  return `campaign ${campaign}`;
}

export class AnnouncedRules {
  readonly #book: AnnouncedBook;
  readonly #findings: Findings;
  readonly #target: string;
  /** The raises of the book by version, without those that an act says. */
  readonly #raises: Map<number, Raise>;
  /** Of the rules that the last such act announced, and the act; undefined until there is one. */
  #last: { readonly hash: string; readonly seq: number } | undefined;

  constructor(book: AnnouncedBook, findings: Findings) {
    this.#book = book;
    this.#findings = findings;
    this.#target = targetOf(book);
    this.#raises = new Map(book.raises.map(raise => [raise.version, raise]));
  }

  take({ seq, atMs, action, target, details }: LogRow): void {
    if (target !== this.#target) return;
    const after = isJsonObject(details.to) ? details.to : details;
    if (typeof after.rules_hash === 'string') this.#last = { hash: after.rules_hash, seq };
    if (action === RAISE) this.#takeRaise(seq, atMs * 1_000, details);
  }

  #takeRaise(seq: number, atUs: number, { version, from, to }: JsonObject): void {
    const raise = typeof version === 'number' ? this.#raises.get(version) : undefined;
    if (typeof version === 'number') this.#raises.delete(version);
    const said = JSON.stringify([...stated(from), ...stated(to)]);
    const shown =
      raise &&
      JSON.stringify([
        ...[raise.stockBefore, toBase64Url(raise.hashBefore)],
        ...[raise.stock, toBase64Url(raise.hash)],
      ]);
    if (raise !== undefined && Math.abs(raise.atUs - atUs) > MOST_APART_US)
      this.#findings.add(
        'stock-raised',
        `act ${seq} raised the stock ${isoOf(atUs)}, but version ${raise.version} of the book states ${isoOf(raise.atUs)}`,
      );
    if (shown === said) return;
    const book = shown === undefined ? 'does not show that' : `says ${shown}`;
    this.#findings.add('stock-raised', `act ${seq} raised the stock as ${said}, but the book ${book}`);
  }

  /** Call this after the last row. */
  end(): void {
    for (const { version, stock } of this.#raises.values()) {
      this.#findings.add(
        'stock-raised',
        `version ${version} of the book raises the stock to ${stock}, but no act of the operator log says so`,
      );
    }
    const hash = toBase64Url(this.#book.rulesHash);
    if (this.#last === undefined || this.#last.hash === hash) return;
    this.#findings.add(
      'rules-hash',
      `the rules of the book hash to ${hash}, but the last that were announced, by act ${this.#last.seq}, hash to ${this.#last.hash}`,
    );
  }
}

function stated(side: Json | undefined): readonly (Json | undefined)[] {
  return isJsonObject(side) ? [side.stock, side.rules_hash] : [];
}
