import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { joinedPiecesOf, piecesOf, reusedPiecesOf } from './files.ts';

const content = randomBytes(3_500_000);
let directory = '';
let path = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairline-files-'));
  path = join(directory, 'file');
  await writeFile(path, content);
});
after(() => rm(directory, { recursive: true, force: true }));

async function copied(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const piece of pieces) {
    // While this waits, the next piece is read.
    await new Promise(resolve => setTimeout(resolve, 5));
    copies.push(Buffer.from(piece));
  }
  return Buffer.concat(copies);
}

test('a file is read whole, in pieces that stay or are reused', async () => {
  assert.ok((await copied(piecesOf(path))).equals(content));
  assert.ok((await copied(reusedPiecesOf(path))).equals(content));
  const twice = Buffer.concat([content, Buffer.from('\n'), content, Buffer.from('\n')]);
  assert.ok((await copied(joinedPiecesOf([path, path]))).equals(twice));
});

test('reused pieces take the memory of two', async () => {
  const buffers = new Set<ArrayBufferLike>();
  for await (const piece of reusedPiecesOf(path)) buffers.add(piece.buffer);
  assert.equal(buffers.size, 2);
});

test('a reader may stop early, and a file that is missing is an error', async () => {
  for await (const piece of reusedPiecesOf(path)) {
    assert.ok(piece.length > 0);
    break;
  }
  for (const pieces of [piecesOf, reusedPiecesOf]) {
    await assert.rejects(copied(pieces(join(directory, 'missing'))), { code: 'ENOENT' });
    await assert.rejects(copied(pieces(directory)), { code: 'EISDIR' });
  }
});
