import { hash } from 'node:crypto';

/** Milliseconds of `count` calls of `crypto.hash('sha256')`, each of other `bytes` bytes, at least 4. */
export function hashesMs(count: number, bytes: number): number {
  const data = Buffer.alloc(bytes);
  const beganMs = performance.now();
  let characters = 0;
  for (let index = 0; index < count; index++) {
    data.writeUInt32BE(index, 0);
    characters += hash('sha256', data).length;
  }
  if (characters !== 64 * count) throw new Error('a hash is not 64 characters of hex');
  return performance.now() - beganMs;
}
