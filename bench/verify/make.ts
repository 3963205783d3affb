/**
 * Makes the book to verify, in a process of its own, because its memory must not count. Arguments: path, entries, slice.
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { LargeBook } from '../../engine/verify/testing/large.ts';

const [path = '', entries = '', sliceItems = ''] = process.argv.slice(2);
const book = new LargeBook({ kind: 'raffle', entries: Number(entries), sliceItems: Number(sliceItems) });
const zipped = createWriteStream(path);
await pipeline(Readable.from(book.bytes(), { objectMode: false }), createGzip(), zipped);
process.stdout.write(`${JSON.stringify({ bytes: zipped.bytesWritten })}\n`);
