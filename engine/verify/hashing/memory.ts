/** Where large arrays lie: memory of one's own, or such that a helper on another thread sees as well. */
export type Memory = (bytes: number) => ArrayBuffer | SharedArrayBuffer;

export const ownMemory: Memory = bytes => new ArrayBuffer(bytes);
/** A page may have no SharedArrayBuffer; it has no helper either. */
export const sharedMemory: Memory = bytes => new SharedArrayBuffer(bytes);
