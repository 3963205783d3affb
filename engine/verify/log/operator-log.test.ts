import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { base64url, sha256, signerOf } from '../testing/basics.ts';
import {
  type ActObject,
  actsOf,
  exported,
  headAfter,
  type LogHeadObject,
  logHeadOf,
  rehash,
} from '../testing/log-maker.ts';
import { makeBook, written } from '../testing/maker.ts';
import { bookSigner, keyObject, sliceSigner } from '../testing/maker-world.ts';
import { codesOf, inPieces, json, run } from '../testing/run.ts';
import type { Report } from '../verify.ts';

const ACTS = 40;
const keys = json({ keys: [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] });

interface Log {
  readonly acts: ActObject[];
  readonly heads: LogHeadObject[];
}

/** Acts with heads over the 10th, the 31st and the last. */
function made(): Log {
  const acts = actsOf(ACTS);
  const heads = [10, 31, ACTS].flatMap(seq => acts[seq - 1] ?? []).map(act => headAfter(act, bookSigner));
  return { acts, heads };
}

/** Whether a log is written as the service does, or with a space on each page, the report is the same. */
async function verified({ acts, heads }: Log): Promise<Report> {
  const log = exported(acts, heads);
  const report = await run({ log: inPieces(log), keys });
  const spaced = Buffer.from(log.toString().replaceAll('{"acts":', '{ "acts":'));
  assert.deepEqual(await run({ log: inPieces(spaced), keys }), report);
  return report;
}

/** The findings after a change, each as code and message. */
async function foundAfter(change: (log: Log) => void): Promise<string> {
  const log = made();
  change(log);
  const report = await verified(log);
  return report.findings.map(({ code, message }) => `${code}: ${message}`).join('\n');
}

function actAt(acts: readonly ActObject[], seq: number): ActObject {
  const act = acts[seq - 1];
  assert.ok(act);
  return act;
}

test('accepts a valid log, in pages and pieces of any size', async () => {
  const { acts, heads } = made();
  for (const [perPage, piece] of [
    [1, 1],
    [7, 64],
    [100, 1_000],
    [10, 1_000_000],
  ] as const) {
    const report = await run({ log: inPieces(exported(acts, heads, perPage), piece), keys });
    assert.deepEqual(report.findings, [], `${perPage} a page`);
    assert.deepEqual(report.facts.operatorLog, {
      ...{ acts: ACTS, heads: 3, coveredTo: ACTS, hasHeadOfBook: false },
    });
  }
  const empty = await run({ log: inPieces(exported([], [])), keys });
  assert.deepEqual([empty.ok, empty.exitCode], [true, 0]);
});

test('a source may reuse the memory of its pieces', async () => {
  const { acts, heads } = made();
  const log = exported(acts, heads);
  async function* reused(bytes: number): AsyncGenerator<Uint8Array> {
    const piece = Buffer.alloc(bytes);
    for (let at = 0; at < log.length; at += bytes) {
      const length = log.copy(piece, 0, at);
      yield piece.subarray(0, length);
      piece.fill(0);
    }
  }
  for (const bytes of [1, 700, 5_000]) {
    const report = await run({ log: reused(bytes), keys });
    assert.deepEqual([report.findings, Object(report.facts.operatorLog).acts], [[], ACTS], `${bytes} bytes`);
  }
});

test('says what it could not check', async () => {
  const { acts, heads } = made();
  const unsigned = await run({ log: inPieces(exported(acts, heads)) });
  assert.equal(unsigned.ok, true);
  assert.match(unsigned.notProven.join('\n'), /Who signed the heads of the operator log/);
  const uncovered = await verified({ acts, heads: heads.slice(0, 2) });
  assert.match(uncovered.notProven.join('\n'), /the acts of the operator log from 32 on/);
  const bare = await verified({ acts, heads: [] });
  assert.match(bare.notProven.join('\n'), /the acts of the operator log from 1 on/);
});

test('every member of an act is covered by its hash', async () => {
  const others: Readonly<Record<string, unknown>> = {
    ...{ at: '2023-08-23T14:00:00.001Z', operator: 'Mallory', token: 9, role: 'owner', action: 'passOn' },
    ...{ target: 'campaign 1', reason: 'another', details: {}, hash: base64url(sha256('another')) },
  };
  assert.deepEqual(Object.keys({ seq: 0, ...others }).sort(), Object.keys(actAt(actsOf(1), 1)).sort());
  for (const [member, value] of Object.entries(others)) {
    const found = await foundAfter(({ acts }) => Object.assign(actAt(acts, 5), { [member]: value }));
    assert.match(found, /^log-row: the hash of act 5 /, member);
  }
  assert.match(
    await foundAfter(({ acts }) => Object.assign(actAt(acts, 5), { token: null })),
    /^log-row: the hash of act 5 /,
  );
  // Text that moves from one member to the next.
  const moved = await foundAfter(({ acts }) =>
    Object.assign(actAt(acts, 5), { action: 'setRoomcampaign 5', target: '' }),
  );
  assert.match(moved, /^log-row: the hash of act 5 /);
});

test('finds and names what was removed, inserted, reordered or cut off', async () => {
  const cases: readonly (readonly [what: string, change: (log: Log) => void, found: RegExp])[] = [
    ['a removed act', ({ acts }) => acts.splice(4, 1), /^log-order: act 5 is missing$/m],
    ['removed acts', ({ acts }) => acts.splice(4, 3), /^log-order: acts 5 to 7 are missing$/m],
    ['the first act removed', ({ acts }) => acts.shift(), /^log-order: act 1 is missing$/m],
    [
      'a removed act, the rest numbered and hashed again',
      ({ acts }) => {
        acts.splice(4, 1);
        for (const act of acts.slice(4)) act.seq -= 1;
        rehash(acts, 4);
      },
      /^log-head: act 10 .*one of the acts 1 to 10 was changed/m,
    ],
    [
      'an act twice',
      ({ acts }) => acts.splice(5, 0, { ...actAt(acts, 5) }),
      /^log-order: act 5 follows act 5$/m,
    ],
    [
      'an inserted act, the rest numbered and hashed again',
      ({ acts }) => {
        acts.splice(15, 0, { ...actAt(acts, 3) });
        acts.forEach((act, index) => {
          act.seq = index + 1;
        });
        rehash(acts, 15);
      },
      /^log-head: act 31 .*one of the acts 11 to 31 was changed/m,
    ],
    [
      'two acts that change places',
      ({ acts }) => acts.splice(4, 2, actAt(acts, 6), actAt(acts, 5)),
      /^log-order: act 5 is missing\n(.*\n)*log-order: act 5 follows act 6$/m,
    ],
    [
      'two acts that change places and numbers',
      ({ acts }) => {
        const [a, b] = [actAt(acts, 5), actAt(acts, 6)];
        acts.splice(4, 2, { ...b, seq: 5 }, { ...a, seq: 6 });
      },
      /^log-row: the hash of act 5 /m,
    ],
    [
      'a changed act, hashed again alone',
      ({ acts }) => {
        actAt(acts, 5).reason = 'another';
        rehash(acts.slice(0, 5), 4);
      },
      /^log-row: the hash of act 6 .*or act 5 does$/m,
    ],
    [
      'the tail cut behind a signed head',
      ({ acts }) => acts.splice(20),
      /^log-cut: .* is over act 31, but the log ends with act 20: acts 21 to 31 were cut off$/m,
    ],
    [
      'all acts cut off',
      ({ acts }) => acts.splice(0),
      /^log-cut: .* the log ends with act 0: acts 1 to 10 were cut off$/m,
    ],
    [
      'the last act written anew, with its hash',
      ({ acts }) => {
        actAt(acts, ACTS).reason = 'another';
        rehash(acts, ACTS - 1);
      },
      /^log-head: act 40 .*one of the acts 32 to 40 was changed/m,
    ],
  ];
  for (const [what, change, found] of cases) assert.match(await foundAfter(change), found, what);
});

test('every member of a head is covered by its signature', async () => {
  const changes: Readonly<Record<string, [value: unknown, found: RegExp]>> = {
    at: ['2023-08-23T14:00:10.101Z', /^log-signature: /],
    hash: [base64url(sha256('another')), /^log-signature: /],
    key: ['0123456789abcdef', /^unknown-key: /],
    seq: [11, /^log-signature: /],
    signature: [base64url(Buffer.alloc(64)), /^log-signature: /],
  };
  const [first] = made().heads;
  assert.deepEqual(Object.keys(changes), Object.keys(first ?? {}).sort());
  for (const [member, [value, found]] of Object.entries(changes)) {
    const changed = await foundAfter(({ heads }) => Object.assign(heads[0] ?? {}, { [member]: value }));
    assert.match(changed, found, member);
  }
});

test('refuses heads of other keys, and of keys at other times', async () => {
  const { acts } = made();
  const act = actAt(acts, 10);
  for (const [what, head, code] of [
    ['nobody', headAfter(act, signerOf('nobody')), 'unknown-key'],
    ['a key for slices', headAfter(act, sliceSigner), 'key-not-valid'],
    ['before its time', logHeadOf(act, Date.UTC(2020, 0, 1), bookSigner), 'key-not-valid'],
  ] as const) {
    assert.deepEqual(codesOf(await verified({ acts, heads: [head] })), [code], what);
  }
});

test('a head that nobody has signed accuses no log', async () => {
  const { acts } = made();
  const head = { ...headAfter({ ...actAt(acts, ACTS), seq: 99 }, signerOf('nobody')) };
  assert.deepEqual(codesOf(await verified({ acts, heads: [head] })), ['unknown-key']);
});

test('compares the head that a book names with the log', async () => {
  const book = makeBook({ kind: 'coupon', entries: 9, stock: 3 });
  const withHead = (head: LogHeadObject): AsyncIterable<Uint8Array> => {
    const parts = structuredClone(book.parts);
    parts.header.operator_log = head;
    return inPieces(written(parts));
  };
  const { acts } = made();
  const log = exported(acts, []);
  const right = await run({
    book: withHead(headAfter(actAt(acts, 31), bookSigner)),
    log: inPieces(log),
    keys,
  });
  assert.deepEqual(right.findings, []);
  assert.match(right.checked.join('\n'), /The head that the book names is over an act of this log/);
  // The ledger was written anew, with all hashes and without the heads in it.
  const anew = actsOf(ACTS);
  actAt(anew, 12).operator = 'Mallory';
  rehash(anew, 11);
  const [head, cut] = [actAt(acts, 31), exported(acts.slice(0, 30), [])];
  const cases: readonly (readonly [Uint8Array, string, RegExp])[] = [
    [exported(anew, []), 'log-head', /act 31 is not the one that the head of the operator log in the book/],
    [cut, 'log-cut', /the log ends with act 30: acts 31 to 31 were cut off/],
  ];
  for (const [given, code, message] of cases) {
    const report = await run({ book: withHead(headAfter(head, bookSigner)), log: inPieces(given), keys });
    assert.deepEqual(codesOf(report), [code]);
    assert.match(report.findings[0]?.message ?? '', message);
  }
});

test('enforces its limits', async () => {
  const { acts, heads } = made();
  const log = exported(acts, heads);
  for (const limits of [{ logBytes: log.length - 1 }, { lineBytes: 500 }, { depth: 4 }]) {
    const report = await run({ log: inPieces(log), keys, limits });
    assert.deepEqual(codesOf(report), ['too-large'], JSON.stringify(limits));
  }
  const endless = (async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(1 << 16, '[');
  })();
  assert.deepEqual(codesOf(await run({ log: endless })), ['too-large']);
});

test('never throws on anything shaped like a log', async () => {
  const { acts, heads } = made();
  const page = { acts, heads, next: null };
  const values = [null, true, 0, -1, 0.5, 2 ** 53, '', 'x', '\ud800', [], {}, [null], { a: 1 }];
  const places: readonly ((of: typeof page, value: unknown) => void)[] = [
    (of, value) => Object.assign(of, { acts: value }),
    // No heads are no fault.
    (of, value) => Object.assign(of, { heads: Array.isArray(value) && value.length === 0 ? 0 : value }),
    (of, value) => Object.assign(of, { more: value }),
    ...Object.keys(actAt(acts, 1)).map(
      name => (of: typeof page, value: unknown) => Object.assign(actAt(of.acts, 3), { [name]: value }),
    ),
    ...Object.keys(heads[0] ?? {}).map(
      name => (of: typeof page, value: unknown) => Object.assign(of.heads[0] ?? {}, { [name]: value }),
    ),
  ];
  for (const put of places) {
    for (const value of values) {
      const changed = structuredClone(page);
      put(changed, value);
      if (JSON.stringify(changed) === JSON.stringify(page)) continue;
      const report = await run({ log: inPieces(Buffer.from(`${JSON.stringify(changed)}\n`)), keys });
      assert.notEqual(report.exitCode, 0, `${put}: ${JSON.stringify(value)}`);
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 3 }), async text => {
      assert.notEqual((await run({ log: inPieces(Buffer.from(text)), keys })).exitCode, 0);
    }),
    { numRuns: 100, seed: 20260731 },
  );
});

const MANY = 200_000;
const A_PAGE = 500;
/** Far less than the acts take as text, 75 MB. */
const MOST_HELD_BYTES = 5 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function usedBytes(): number {
  assert.ok(typeof collect === 'function');
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('a long log is verified in a stream', { timeout: 240_000 }, async () => {
  const held: number[] = [];
  async function* pages(): AsyncGenerator<Uint8Array> {
    let previous: string | undefined;
    for (let from = 0; from < MANY; from += A_PAGE) {
      const acts = actsOf(A_PAGE, from, previous);
      previous = acts.at(-1)?.hash;
      yield Buffer.from(`${JSON.stringify({ acts, heads: [], next: null })}\n`);
      if (from % (100 * A_PAGE) === 0) held.push(usedBytes());
    }
  }
  const report = await run({ log: pages(), keys });
  assert.deepEqual(report.findings, []);
  assert.equal(Object(report.facts.operatorLog).acts, MANY);
  const grown = Math.max(...held) - (held[0] ?? 0);
  assert.ok(grown < MOST_HELD_BYTES, `memory grew by ${grown} bytes: ${held}`);
});
