/** The helper's thread: does each job that it receives, and reports it. */
import { parentPort } from 'node:worker_threads';
import { nodePrimitives } from '../node.ts';
import { JobHasher } from './hash-jobs.ts';
import type { Order } from './node-helper.ts';

const hasher = new JobHasher(nodePrimitives);
parentPort?.on('message', ({ number, job }: Order) => {
  hasher.run(job);
  parentPort?.postMessage(number);
});
