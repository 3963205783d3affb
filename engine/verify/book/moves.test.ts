/** Books of campaigns with claims: valid ones, and one for each way in which a user could be wronged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MoveObject, Parts } from '../testing/made.ts';
import { makeBook, written } from '../testing/maker.ts';
import { codesOf, inPieces, run, runBook } from '../testing/run.ts';

const made = makeBook({ kind: 'coupon', entries: 30, stock: 8, waitlist: 6 });

/** The findings in a book after this change, signed again. */
async function foundIn(change: (parts: Parts) => void): Promise<string[]> {
  const parts = structuredClone(made.parts);
  change(parts);
  parts.end.moves = parts.moves.length;
  parts.end.lines = 1 + parts.slices.length + parts.entries.length + parts.moves.length;
  return codesOf(await runBook(written(parts)));
}

function moveOf(parts: Parts, wanted: string, index = 0): MoveObject {
  const move = parts.moves.filter(({ move }) => move === wanted)[index];
  assert.ok(move);
  return move;
}

test('a valid book verifies, and the report says how offers ended', async () => {
  const report = await runBook(written(made.parts));
  assert.deepEqual(report.findings, []);
  assert.match(report.checked.join('\n'), /8 were claimed, 2 lapsed and 2 were declined/);
});

const wrongs: Readonly<Record<string, (parts: Parts) => void>> = {
  'a skipped waiting user': parts => {
    const [first, second] = [moveOf(parts, 'offered', 0), moveOf(parts, 'offered', 1)];
    [first.stamp, second.stamp] = [second.stamp, first.stamp];
  },
  'a coupon freed later that passes on first': parts => {
    const [first, second] = [moveOf(parts, 'offered', 0), moveOf(parts, 'offered', 1)];
    [first.serial, second.serial] = [second.serial ?? 0, first.serial ?? 0];
  },
  'an offer of a serial that is not free': parts => {
    moveOf(parts, 'offered').serial = 1;
  },
  'an offer to a user without a waitlist position': parts => {
    const lost = parts.entries.find(({ outcome }) => outcome === 'sold_out');
    assert.ok(lost);
    moveOf(parts, 'offered').stamp = lost.stamp;
  },
  'a claim after the deadline': parts => {
    const claim = moveOf(parts, 'claimed');
    claim.at_us = (claim.deadline_us ?? 0) + 1;
  },
  'a deadline that is too early': parts => {
    const lapse = moveOf(parts, 'lapsed');
    lapse.deadline_us = (lapse.deadline_us ?? 0) - 1_000_000;
    lapse.at_us = lapse.deadline_us;
  },
  'a lapse before the deadline': parts => {
    moveOf(parts, 'lapsed').at_us -= 1;
  },
  'an offer both claimed and lapsed': parts => {
    const { deadline_us = 0, ...claim } = moveOf(parts, 'claimed');
    parts.moves.push({ ...claim, deadline_us, move: 'lapsed', at_us: deadline_us });
  },
  'an offer without an end': parts => {
    parts.moves.pop();
  },
  'a freed coupon that is withheld': parts => {
    parts.moves = parts.moves.filter(({ stamp }) => stamp !== moveOf(made.parts, 'offered', 2).stamp);
  },
  'an offer at another time than its end states': parts => {
    const last = parts.moves.at(-1);
    assert.ok(last);
    last.offered_us = (last.offered_us ?? 0) - 5;
  },
};

for (const [what, change] of Object.entries(wrongs)) {
  test(`detects ${what}`, async () => {
    const codes = await foundIn(change);
    assert.ok(codes.includes('claims'), codes.join());
  });
}

test('accepts a deadline extended by outages, and one ended by the operator, which is reported', async () => {
  const longer = await foundIn(parts => {
    const lapse = moveOf(parts, 'lapsed');
    lapse.deadline_us = (lapse.deadline_us ?? 0) + 1;
    lapse.at_us += 1;
  });
  assert.deepEqual(longer, []);
  const parts = structuredClone(made.parts);
  Object.assign(moveOf(parts, 'lapsed'), {
    early: 'left the queue at the till',
    deadline_us: moveOf(parts, 'lapsed').at_us - 500,
    at_us: moveOf(parts, 'lapsed').at_us - 500,
  });
  const report = await runBook(written(parts));
  assert.deepEqual(report.findings, []);
  assert.match(report.notes.join('\n'), /The operator brought the deadline of/);
});

test('the head of the waitlist is the next entry by stamp', async () => {
  const codes = await foundIn(parts => {
    const [first, second] = parts.entries.filter(({ outcome }) => outcome === 'waitlisted');
    assert.ok(first && second);
    [first.alternate, second.alternate] = [second.alternate ?? 0, first.alternate ?? 0];
  });
  assert.ok(codes.includes('outcome'), codes.join());
});

test('detects wrong counts of moves, and lines in another order', async () => {
  const parts = structuredClone(made.parts);
  parts.end.moves = 3;
  assert.ok(codesOf(await runBook(written(parts))).includes('wrong-counts'));
  const lines = written(made.parts).toString().split('\n');
  const entry = 1 + made.parts.slices.length;
  lines.splice(-3, 0, ...lines.splice(entry, 1));
  assert.equal((await runBook(Buffer.from(lines.join('\n')))).exitCode, 2);
});

test('checks the receipt of a claim against the book', async () => {
  const codes = async (move: MoveObject): Promise<string[]> => {
    const { user } =
      made.items.find(({ stamp }) => stamp === move.stamp) ?? assert.fail('no entry has the stamp');
    const claim =
      made.items.find(one => one.kind === 3 && one.user === user) ?? assert.fail('nobody claimed');
    const bytes = Buffer.from(JSON.stringify(made.receiptOf(claim)));
    return codesOf(await run({ receipt: { bytes, user }, book: inPieces(written(made.parts)) }));
  };
  assert.deepEqual(await codes(moveOf(made.parts, 'claimed')), []);
  assert.deepEqual(await codes(moveOf(made.parts, 'lapsed')), ['claims']);
});
