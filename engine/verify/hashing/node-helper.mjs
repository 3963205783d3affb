/** Starts the helper's thread from its TypeScript source, like ../bin.mjs starts the verifier. */
import { register } from 'tsx/esm/api';

register();
await import('./node-helper-thread.ts');
