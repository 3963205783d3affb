import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodePrimitives } from '../node.ts';
import type { Helper, Primitives } from '../primitives.ts';
import { LargeBook } from '../testing/large.ts';
import { type Report, verify } from '../verify.ts';
import { ThreadHelper } from './node-helper.ts';

/** Enough that a helper is started, with an incomplete last piece. */
const ENTRIES = 70_000;

/** Counts its jobs, and fails from job `most` on. */
class CountingHelper implements Helper {
  jobs = 0;
  readonly #helper = new ThreadHelper();
  readonly #most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  async run(job: Parameters<ThreadHelper['run']>[0]): Promise<void> {
    this.jobs += 1;
    if (this.jobs > this.#most) throw new Error('it has failed');
    await this.#helper.run(job);
  }

  async turn(): Promise<void> {
    await this.#helper.turn();
  }

  async stop(): Promise<void> {
    await this.#helper.stop();
  }
}

const bytesOf = (kind: 'coupon' | 'raffle'): Buffer =>
  Buffer.concat([...new LargeBook({ kind, entries: ENTRIES, sliceItems: 400 }).bytes()]);

/** With one byte changed in a `who` in the middle, and one in the pool's root. */
function damaged(book: Buffer): Buffer {
  const wrong = Buffer.from(book);
  for (const [mark, from] of [
    ['"who":"', wrong.length / 2],
    ['"pool_root":"', 0],
  ] as const) {
    const at = wrong.indexOf(mark, from) + mark.length;
    wrong[at] = wrong[at] === 0x41 ? 0x42 : 0x41;
  }
  return wrong;
}

async function reportOn(book: Buffer, startHelper: Primitives['startHelper']): Promise<Report> {
  const { startHelper: _own, ...alone } = nodePrimitives;
  const primitives = startHelper === undefined ? alone : { ...alone, startHelper };
  const PIECE_BYTES = 100_000;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < book.length; from += PIECE_BYTES) yield book.subarray(from, from + PIECE_BYTES);
  };
  return await verify({ primitives, book: pieces() });
}

test('gives the same report with a helper thread, without one, and with a failing one', async () => {
  for (const kind of ['coupon', 'raffle'] as const) {
    const right = bytesOf(kind);
    for (const book of [right, damaged(right)]) {
      const alone = await reportOn(book, undefined);
      assert.equal(alone.ok, book === right);
      if (book !== right) {
        const codes = alone.findings.map(({ code }) => code);
        for (const code of ['slice-root', 'pool-root', 'book-signature'] as const)
          assert.ok(codes.includes(code), code);
      }
      for (const most of kind === 'coupon' ? [Number.POSITIVE_INFINITY] : [Number.POSITIVE_INFINITY, 0, 3]) {
        const helper = new CountingHelper(most);
        try {
          assert.deepEqual(await reportOn(book, () => helper), alone);
          assert.ok(helper.jobs > 0, `${helper.jobs} jobs`);
        } finally {
          await helper.stop();
        }
      }
      assert.deepEqual(await reportOn(book, () => undefined), alone);
    }
  }
});

test('an ended thread rejects its jobs', async () => {
  const helper = new ThreadHelper();
  await helper.stop();
  const job = { kind: 'leaves', campaign: 1, ...emptyLeaves() } as const;
  await assert.rejects(helper.run(job), /has ended/);
});

function emptyLeaves() {
  return {
    stamps: new Float64Array(0),
    sources: new Uint8Array(0),
    whos: new Uint32Array(0),
    leaves: new Uint32Array(0),
  };
}
