import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import type { CanonicalValue } from '../draw/canonical.ts';
import { nodePrimitives } from '../verify/node.ts';
import { signed } from '../verify/testing/basics.ts';
import { LargeBook } from '../verify/testing/large.ts';
import type { MadeBook, Plan } from '../verify/testing/made.ts';
import { makeBook, written } from '../verify/testing/maker.ts';
import { bookSigner, CAMPAIGN, CLOSES_AT_US, keyObject, sliceSigner } from '../verify/testing/maker-world.ts';
import { verify } from '../verify/verify.ts';
import type { BookEntry, BookInput, BookItem, BookOutcome, BookSlice } from './book.ts';
import { BookRefused } from './book.ts';
import { bookBytes, gzipped } from './writer.ts';

const keys = [keyObject(sliceSigner, 'slices'), keyObject(bookSigner, 'books')] as BookInput['keys'];
const sign: BookInput['sign'] = message => ({
  keyId: bookSigner.id.toString('hex'),
  signature: signed(bookSigner, message),
});

function bytesOf(text: unknown): Buffer {
  return Buffer.from(String(text), 'base64url');
}

/** A generated book, as the ledger would provide it. */
function inputOf({ parts, slices: made }: MadeBook): BookInput {
  const shown = new Set(parts.entries.map(({ slice, leaf }) => `${slice} ${leaf}`));
  const slices = parts.slices.map(({ head, others }, slice): BookSlice => {
    const its = made[slice]?.items ?? [];
    const list = its.map(({ data }, index) => (shown.has(`${slice} ${index}`) ? 'entry' : data));
    return { signedHead: bytesOf(head), ...(others === undefined ? {} : { items: list }) };
  });
  const entries = parts.entries.map(
    ({ stamp, source, who, slice, leaf, tickets, group, ...decided }): BookEntry => ({
      stamp,
      source: source === 1 ? 1 : 0,
      who: bytesOf(who),
      slice,
      leaf,
      decided: decided as BookOutcome,
      ...(tickets === undefined ? {} : { tickets }),
      ...(group === undefined ? {} : { group: bytesOf(group) }),
    }),
  );
  const draw = parts.end.draw as
    | { randomness: string; seed: string; source: { secret: string } | { round: number; signature: string } }
    | undefined;
  return {
    campaign: CAMPAIGN,
    closedAtUs: CLOSES_AT_US,
    untilUs: CLOSES_AT_US,
    epochs: parts.header.epochs.map(({ began_us, ...rest }) => ({ beganUs: began_us, ...rest })),
    keys,
    rules: parts.header.rules as Readonly<Record<string, CanonicalValue>>,
    rulesHash: bytesOf(parts.header.rules_hash),
    slices,
    entries,
    ...(draw === undefined
      ? {}
      : {
          draw: {
            randomness: bytesOf(draw.randomness),
            seed: bytesOf(draw.seed),
            source:
              'secret' in draw.source
                ? { secret: bytesOf(draw.source.secret) }
                : { round: draw.source.round, signature: Buffer.from(draw.source.signature, 'hex') },
          },
        }),
    frozen: { poolRoot: bytesOf(parts.end.pool_root), poolCount: parts.end.count },
    sign,
  };
}

async function whole(input: BookInput): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of bookBytes(input)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const plans: Readonly<Record<string, Plan>> = {
  'a coupon': { kind: 'coupon', entries: 50, stock: 12 },
  'a raffle by commitment': { kind: 'raffle', entries: 50, groupLimit: 2 },
  'a raffle by drand': { kind: 'raffle', entries: 30, randomness: 'drand' },
  'nobody entered': { kind: 'raffle', entries: 0 },
};

for (const [name, plan] of Object.entries(plans)) {
  test(`writes the book byte for byte, and it verifies: ${name}`, async () => {
    const made = makeBook(plan);
    const book = await whole(inputOf(made));
    assert.equal(book.toString(), written(made.parts).toString());
    const report = await verify({ primitives: nodePrimitives, book: gzipped(bookBytes(inputOf(made))) });
    assert.deepEqual(report.findings, []);
  });
}

test('gzip holds the same bytes', async () => {
  const input = inputOf(makeBook({ kind: 'coupon', entries: 20 }));
  const zipped: Buffer[] = [];
  for await (const piece of gzipped(bookBytes(input))) zipped.push(piece);
  assert.deepEqual(gunzipSync(Buffer.concat(zipped)), await whole(input));
});

test('refuses what a book cannot hold, with a reason', async () => {
  const input = inputOf(makeBook({ kind: 'raffle', entries: 20 }));
  const entries = [...(input.entries as Iterable<BookEntry>)];
  const slices = [...(input.slices as Iterable<BookSlice>)];
  const [first, second] = entries;
  const [firstSlice, secondSlice] = slices.filter(({ items }) => items !== undefined);
  assert.ok(first && second && firstSlice && secondSlice);
  const refused: readonly [Partial<BookInput>, RegExp][] = [
    [{ entries: [second, first] }, /entry 1 has stamp 0, but the previous one has/],
    [{ entries: entries.slice(1) }, /19 entries were written, but the slices show 20 entries/],
    [{ entries: [{ ...first, slice: 99 }] }, /entry 0 is in slice 99, but there are/],
    [{ entries: [{ ...first, who: new Uint8Array(31) }] }, /a who has 31 bytes, not 32/],
    [{ entries: [{ ...first, tickets: 1001 }] }, /entry 0 has 1001 tickets/],
    [{ entries: [{ ...first, leaf: -1 }] }, /entry 0 has the leaf -1/],
    [{ entries: [{ ...first, decided: { outcome: 'granted', serial: 0.5 } }] }, /0.5 is not a serial/],
    [{ slices: [secondSlice, firstSlice] }, /slice 1 does not follow the previous one/],
    [{ slices: [{ ...firstSlice, items: [] }] }, /slice 0 has 0 items, but its signed head counts 5/],
    [{ slices: [{ signedHead: new Uint8Array(120) }] }, /the signed head of slice 0 has 120 bytes, not 192/],
    [{ rulesHash: new Uint8Array(32) }, /the hash of the rules does not match the rules/],
    [{ frozen: { poolRoot: new Uint8Array(32), poolCount: 1 } }, /but 1 were frozen/],
    [{ closedAtUs: 0.5 }, /a book cannot contain the number 0.5/],
    [{ sign: () => ({ keyId: '\ud800', signature: new Uint8Array(64) }) }, /half a surrogate pair/],
  ];
  for (const [change, message] of refused) {
    await assert.rejects(whole({ ...input, ...change }), (error: unknown) => {
      assert.ok(error instanceof BookRefused, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

test('a failing feed ends the gzip stream with its error', async () => {
  const input = inputOf(makeBook({ kind: 'coupon', entries: 5 }));
  const failing = (async function* (): AsyncGenerator<BookEntry> {
    yield* input.entries;
    throw new Error('the cursor is gone');
  })();
  await assert.rejects(async () => {
    for await (const _ of gzipped(bookBytes({ ...input, entries: failing })));
  }, /the cursor is gone/);
});

test('memory stays constant while entries are written', { timeout: 200_000 }, async () => {
  const large = new LargeBook({ kind: 'coupon', entries: 200_000, sliceItems: 400 });
  const slices = function* (): Generator<BookSlice> {
    for (const [index, signedHead] of large.heads.entries()) {
      yield { signedHead, items: large.leavesOf(index).map((): BookItem => 'entry') };
    }
  };
  const entries = function* (): Generator<BookEntry> {
    for (const { outcome, serial, ...entry } of large.entries()) {
      yield { ...entry, decided: (serial === undefined ? { outcome } : { outcome, serial }) as BookOutcome };
    }
  };
  const book = bookBytes({
    campaign: CAMPAIGN,
    closedAtUs: CLOSES_AT_US,
    untilUs: CLOSES_AT_US,
    epochs: large.epochs.map(({ began_us, ...rest }) => ({ beganUs: began_us, ...rest })),
    keys,
    rules: large.rules as Readonly<Record<string, CanonicalValue>>,
    rulesHash: large.rulesHash,
    slices: slices(),
    entries: entries(),
    sign,
  });
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const held: number[] = [];
  let bytes = 0;
  for await (const piece of book) {
    bytes += piece.length;
    if (bytes < (held.length + 1) * 5e6) continue;
    collect();
    const { heapUsed, external } = process.memoryUsage();
    held.push(heapUsed + external);
  }
  assert.ok(held.length >= 4, `${bytes} bytes were written`);
  const grown = (held.at(-1) ?? 0) - (held[0] ?? 0);
  assert.ok(grown < 1e6, `memory grew by ${grown} bytes while ${bytes} were written`);
});
