/** Slices of gateways, signed and written into a ledger as intake would. */
import assert from 'node:assert/strict';
import type { Pool } from '../../../sql/database.ts';
import { insertSlices } from '../../../sql/statements/books/slices.ts';
import type { KeyRing } from '../../contract/keys/key-ring.ts';
import { type LogItem, RecordEncoder, SOURCE_ARRIVAL } from '../../contract/record/record.ts';
import { chainHash, NO_PREVIOUS, signSliceHead } from '../../contract/record/slice-head.ts';
import { SliceTree } from '../../contract/record/slice-tree.ts';
import { TEST_SALT_SECRET } from '../../test/randomness.ts';

/** An item of a slice; `atUs`: microseconds after the opening. */
export type Wish = readonly [kind: LogItem['kind'], campaignId: number, userId: string, atUs: number];

export interface IncarnationTerms {
  readonly pool: Pool;
  readonly keys: KeyRing;
  readonly gateway: number;
  readonly incarnation: number;
  /** The opening to which the items' instants refer. */
  readonly opensAtUs: number;
}

export class Incarnation {
  readonly #tree = new SliceTree(TEST_SALT_SECRET);
  readonly #terms: IncarnationTerms;
  #previous: Uint8Array = NO_PREVIOUS;
  #sliceNumber = 0;

  constructor(terms: IncarnationTerms) {
    this.#terms = terms;
  }

  /** Signs a slice of these items. */
  async slice(...wishes: readonly Wish[]): Promise<void> {
    const { pool, keys, gateway, incarnation, opensAtUs } = this.#terms;
    const key = keys.keyAt('slices', Date.now());
    assert.ok(key);
    // Slices without items have numbers too.
    this.#sliceNumber += 3;
    const encoder = new RecordEncoder();
    encoder.begin(true);
    for (const [kind, campaignId, userId, atUs] of wishes)
      encoder.add(kind, campaignId, Math.max(0, atUs) * 1024 + gateway, userId, SOURCE_ARRIVAL);
    const items = Buffer.from(encoder.items);
    const instants = wishes.map(([, , , atUs]) => opensAtUs + atUs);
    const numbers = {
      gateway,
      incarnation,
      sliceNumber: this.#sliceNumber,
      firstUs: Math.min(...instants),
      lastUs: Math.max(...instants),
    };
    const root = this.#tree.build(items, wishes.length).root();
    const head = { ...numbers, count: wishes.length, root, previous: this.#previous };
    const signedHead = signSliceHead(head, key.keyId, key.privateKey);
    this.#previous = chainHash(signedHead);
    await insertSlices(pool, [{ ...numbers, signedHead, items }]);
  }
}
