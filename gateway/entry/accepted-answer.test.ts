import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SliceReceipts } from '../../engine/contract/record/receipt.ts';
import {
  ITEM_ENTRY,
  type LogItem,
  SOURCE_ARRIVAL,
  SOURCE_PROXY,
} from '../../engine/contract/record/record.ts';
import { receiptsOf } from '../../engine/contract/record/testing/receipts.ts';
import { AcceptedAnswers, type AcceptedEntry, acceptedText } from './accepted-answer.ts';

/** A slice mostly of one campaign, with stamps of all lengths. */
function sliceOf(count: number, firstStamp: number): { entries: AcceptedEntry[]; receipts: SliceReceipts } {
  const items = Array.from(
    { length: count },
    (_, leaf): LogItem => ({
      kind: ITEM_ENTRY,
      campaignId: leaf % 29 === 11 ? 1_234_567 : 7,
      stamp: firstStamp + 1_024 * leaf * (leaf % 17),
      userId: `user ${leaf}`,
      ...(leaf % 13 === 5 ? { source: SOURCE_PROXY } : {}),
    }),
  );
  const entries = items.map((item, leaf): AcceptedEntry => ({ source: SOURCE_ARRIVAL, ...item, leaf }));
  return { entries, receipts: receiptsOf(items) };
}

test('the bytes equal the plain text, slice after slice, in reused memory', () => {
  const answers = new AcceptedAnswers();
  const textOf = (body: string | Uint8Array): string =>
    typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  let asBytes = 0;
  for (const [number, count] of [1, 3, 8, 9, 100, 170, 171, 1_030, 40, 7, 16].entries()) {
    const { entries, receipts } = sliceOf(count, 10 ** (2 * number) % Number.MAX_SAFE_INTEGER);
    for (const [index, entry] of entries.entries()) {
      const estimate = 1 + 37 * number * index;
      const body = answers.of(entry, estimate, receipts);
      if (typeof body !== 'string') asBytes += 1;
      assert.equal(textOf(body), acceptedText(entry, estimate, receipts), `${index} of ${count}`);
      JSON.parse(textOf(body));
    }
    // Campaigns are answered one after another, so not in the order of leaves.
    for (const entry of [...entries].sort((a, b) => a.campaignId - b.campaignId || b.leaf - a.leaf)) {
      assert.equal(textOf(answers.of(entry, 5, receipts)), acceptedText(entry, 5, receipts));
    }
  }
  assert.ok(asBytes > 1_500, `${asBytes} were bytes`);
});

test('without receipts, the answer is the text', () => {
  const entry = { campaignId: 7, stamp: 1_024, source: SOURCE_ARRIVAL, leaf: 0 } as const;
  assert.equal(
    new AcceptedAnswers().of(entry, 3, undefined),
    '{"campaign":7,"stamp":1024,"position":null,"provisional":true,"estimated_position":3}',
  );
});
