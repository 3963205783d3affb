/** Reads files for the verifier, piece by piece. */
import { open } from 'node:fs/promises';

const PIECE_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** Each piece stays as it is: decompression, which runs at the same time, still reads the previous one. */
export async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(PIECE_BYTES), 0, PIECE_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Several files of lines, one after the other. */
export async function* joinedPiecesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    yield* piecesOf(path);
    yield Uint8Array.of(NEWLINE);
  }
}

/**
 * A piece is valid until the next one is asked for, which is read meanwhile: in the same two buffers all the time, because new ones
 * made the collector work. An operator log took a fifth less CPU.
 */
export async function* reusedPiecesOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  const read = (buffer: Buffer): ReturnType<typeof file.read<Buffer>> => {
    const reading = file.read(buffer, 0, PIECE_BYTES);
    // It may fail before it is awaited.
    reading.catch(() => undefined);
    return reading;
  };
  let [next, other] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  let reading = read(next);
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return;
      [next, other] = [other, next];
      reading = read(next);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await reading.catch(() => undefined);
    await file.close();
  }
}
