import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, sha256 } from '../testing/basics.ts';
import { assertNamed, type Change, coupon, drand, entryWith, raffle } from '../testing/changed.ts';
import { makeBook, written } from '../testing/maker.ts';
import { quicknetRound } from '../testing/quicknet-round.ts';
import { codesAfter, inPieces, json, run } from '../testing/run.ts';

/** Even if the shop signs the book again: what the rules make of the entries cannot change. */
const changes: readonly Change[] = [
  [
    'one coupon too many',
    coupon,
    parts => {
      const one = entryWith(parts, 'sold_out');
      one.outcome = 'granted';
      one.serial = 8;
    },
    ['outcome'],
  ],
  [
    'a gap in the serials',
    coupon,
    parts => {
      entryWith(parts, 'granted').serial = 99;
    },
    ['serial'],
  ],
  [
    'an undeclared withdrawal',
    coupon,
    parts => {
      entryWith(parts, 'withdrawn').outcome = 'sold_out';
    },
    ['outcome', 'pool-count', 'pool-root', 'serial'],
  ],
  [
    'a serial without a win',
    coupon,
    parts => {
      entryWith(parts, 'sold_out').serial = 3;
    },
    ['outcome'],
  ],
  [
    'a raffle outcome in a coupon',
    coupon,
    parts => {
      const one = entryWith(parts, 'sold_out');
      one.outcome = 'not_drawn';
      one.tickets = 2;
    },
    ['outcome'],
  ],
  [
    'a coupon outcome in a raffle',
    raffle,
    parts => {
      entryWith(parts, 'not_drawn').outcome = 'sold_out';
    },
    ['draw-order', 'outcome'],
  ],
  [
    'a winner exchanged',
    raffle,
    parts => {
      const [won, lost] = [entryWith(parts, 'won'), entryWith(parts, 'not_drawn')];
      Object.assign(lost, { outcome: 'won', serial: won.serial, tier: won.tier });
      won.outcome = 'not_drawn';
      delete won.serial;
      delete won.tier;
    },
    ['draw-order'],
  ],
  [
    'a better prize',
    raffle,
    parts => {
      const winners = parts.entries.filter(({ outcome }) => outcome === 'won');
      const [a, b] = [winners.find(({ tier }) => tier === 0), winners.find(({ tier }) => tier === 1)];
      assert.ok(a && b);
      [a.tier, b.tier] = [1, 0];
    },
    ['draw-order'],
  ],
  [
    'more tickets',
    raffle,
    parts => {
      // Enough tickets that one of them wins.
      entryWith(parts, 'not_drawn').tickets = 1000;
    },
    ['draw-order', 'pool-root', 'seed'],
  ],
  [
    'a missing exclusion',
    raffle,
    parts => {
      const one = entryWith(parts, 'excluded');
      one.outcome = 'not_drawn';
    },
    ['outcome'],
  ],
  [
    'another seed',
    raffle,
    parts => {
      Object.assign(parts.end.draw ?? {}, { seed: base64url(sha256('steered')) });
    },
    ['draw-order', 'seed'],
  ],
  [
    'another secret',
    raffle,
    parts => {
      const secret = base64url(sha256('steered'));
      Object.assign(parts.end.draw ?? {}, { source: { secret }, randomness: secret });
    },
    ['randomness', 'seed'],
  ],
  [
    'other randomness',
    raffle,
    parts => {
      Object.assign(parts.end.draw ?? {}, { randomness: base64url(sha256('steered')) });
    },
    ['randomness', 'seed'],
  ],
  [
    'another drand signature',
    drand,
    parts => {
      const { round, signature } = quicknetRound;
      Object.assign(parts.end.draw ?? {}, { source: { round, signature: signature.replace('b4', 'b5') } });
    },
    ['drand-signature', 'randomness'],
  ],
  [
    'another round',
    drand,
    parts => {
      const { signature } = quicknetRound;
      Object.assign(parts.end.draw ?? {}, { source: { round: 1001, signature } });
    },
    ['drand-round', 'drand-signature'],
  ],
  [
    'other rules',
    coupon,
    parts => {
      Object.assign(parts.header.rules, { title: 'Another' });
    },
    ['rules-hash'],
  ],
  [
    'a larger stock',
    coupon,
    parts => {
      Object.assign(parts.header.rules, { stock: 8 });
    },
    ['outcome', 'rules-hash'],
  ],
];

test('detects and names books with other outcomes, rules or randomness', async () => {
  await assertNamed(changes);
});

test('refuses a drand round known at the close', async () => {
  const codes = await codesAfter(drand, parts => {
    parts.header.closed_at_us = quicknetRound.knownUs;
    Object.assign(parts.header.rules, { closes_at_us: quicknetRound.knownUs });
  });
  assert.ok(codes.includes('drand-round'), String(codes));
});

const PERIOD_US = 3_000_000;

/** A raffle announced for three rounds before the real one, which is six periods after its close, frozen at this instant. */
function frozenAt(frozenAtUs: number): Promise<readonly string[]> {
  return codesAfter(drand, parts => {
    const { knownUs, round, signature } = quicknetRound;
    const closesAtUs = knownUs - 6 * PERIOD_US;
    parts.header.closed_at_us = closesAtUs;
    const chain = { chain_hash: quicknetRound.chainHash, round: round - 3, source: 'drand' };
    const { draw } = parts.header.rules as { draw: object };
    Object.assign(parts.header.rules, { closes_at_us: closesAtUs, draw: { ...draw, randomness: chain } });
    Object.assign(parts.end.draw ?? {}, { source: { frozen_at_us: frozenAtUs, round, signature } });
  });
}

test('a pool frozen after its round was known uses the one round that the freeze implies', async () => {
  const dueUs = quicknetRound.knownUs - 3 * PERIOD_US;
  const right = await frozenAt(dueUs);
  assert.equal(right.includes('drand-round'), false, String(right));
  // If frozen before the announced round was due, that round stays; later, another one follows; no pool is frozen before the
  // close.
  for (const wrongUs of [dueUs - 1, dueUs + 1, dueUs + PERIOD_US, quicknetRound.knownUs - 7 * PERIOD_US]) {
    const codes = await frozenAt(wrongUs);
    assert.ok(codes.includes('drand-round'), `${wrongUs}: ${codes}`);
  }
});

test('refuses the announced round for a pool frozen when it was known', async () => {
  const { knownUs, round, signature } = quicknetRound;
  for (const [frozenAtUs, isRight] of [
    [knownUs - 1, true],
    [knownUs, false],
  ] as const) {
    const codes = await codesAfter(drand, parts => {
      Object.assign(parts.end.draw ?? {}, { source: { frozen_at_us: frozenAtUs, round, signature } });
    });
    assert.equal(codes.includes('drand-round'), !isRight, `${frozenAtUs}: ${codes}`);
  }
});

test('the report names the round used, and who attests it if it is not the announced one', async () => {
  const reportOf = async (randomness: 'drand' | 'late'): Promise<[string, string]> => {
    const { parts, proof } = makeBook({ kind: 'raffle', entries: 12, randomness });
    const report = await run({ book: inPieces(written(parts)), proof: json(proof) });
    assert.deepEqual(report.findings, [], randomness);
    return [report.checked.join('\n'), report.notProven.join('\n')];
  };
  const { round } = quicknetRound;
  const [announced, announcedLeft] = await reportOf('drand');
  assert.match(announced, new RegExp(`repeated draw, from the announced drand round ${round}`));
  assert.doesNotMatch(announcedLeft, /was frozen at the stated time/);
  const [late, lateLeft] = await reportOf('late');
  assert.doesNotMatch(late, /from the announced round|randomness is the announced/);
  assert.match(
    late,
    new RegExp(
      `from drand round ${round}, .* replaces the announced round \\d+ because the pool was frozen 2`,
    ),
  );
  assert.match(late, new RegExp(`its randomness is drand round ${round}`));
  assert.match(lateLeft, /That the pool was frozen at the stated time/);
});
