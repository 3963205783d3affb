/**
 * The verifier in a browser: the same source, with WebCrypto for signatures (or @noble/curves if it lacks Ed25519),
 * @noble/hashes for SHA-256, which WebCrypto offers only asynchronously, and DecompressionStream for gzip.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { Unreadable } from './findings.ts';
import type { Primitives } from './primitives.ts';

export { defaultLimits } from './limits.ts';
export { type Report, verify } from './verify.ts';

type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** WebCrypto's key from its raw bytes; undefined if this browser lacks Ed25519 (before 2025) or the bytes are not a key. */
async function webKey(publicKey: Uint8Array): Promise<WebKey | undefined> {
  try {
    return await crypto.subtle.importKey('raw', Uint8Array.from(publicKey), 'Ed25519', false, ['verify']);
  } catch {
    return undefined;
  }
}

async function verifyPlainly(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { ed25519 } = await import('@noble/curves/ed25519.js');
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    // Key or signature is not a point of the curve.
    return false;
  }
}

export const browserPrimitives: Primitives = {
  sha256: message => sha256(message),
  sha256Stream: () => {
    const hash = sha256.create();
    return {
      update: piece => {
        hash.update(piece);
      },
      digest: () => hash.digest(),
    };
  },
  verifyEd25519: async (publicKey, message, signature) => {
    const key = await webKey(publicKey);
    if (key === undefined) return await verifyPlainly(publicKey, message, signature);
    return await crypto.subtle.verify('Ed25519', key, Uint8Array.from(signature), Uint8Array.from(message));
  },
  gunzip: async function* (compressed) {
    const inflating = new DecompressionStream('gzip');
    const reader = inflating.readable.getReader();
    // An error here also reaches the reader.
    const feeding = feed(inflating.writable.getWriter(), compressed).catch(() => undefined);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        yield value;
      }
      await feeding;
    } catch (error) {
      if (error instanceof Unreadable) throw error;
      throw new Unreadable(
        'unreadable',
        `the book is not gzip, or is damaged or truncated: ${String(error)}`,
      );
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  },
};

async function feed(
  writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    for await (const piece of pieces) await writer.write(Uint8Array.from(piece));
    await writer.close();
  } catch (error) {
    await writer.abort(error);
    throw error;
  }
}

/** The bytes of a file chosen by a visitor, or of a response's body. */
export async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array> {
  const PIECE_BYTES = 1 << 20;
  for (let from = 0; from < blob.size; from += PIECE_BYTES) {
    yield new Uint8Array(await blob.slice(from, from + PIECE_BYTES).arrayBuffer());
  }
}
