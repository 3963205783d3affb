/** Allocates large arrays: in memory of this thread, or shared with a helper on another thread. */
export type Memory = (bytes: number) => ArrayBuffer | SharedArrayBuffer;

export const ownMemory: Memory = bytes => new ArrayBuffer(bytes);
/** A page may lack SharedArrayBuffer; it has no helper then either. */
export const sharedMemory: Memory = bytes => new SharedArrayBuffer(bytes);
