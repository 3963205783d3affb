import { ClosedLoop, type LoopEnd } from './closed-loop.ts';
import { type LoadJob, loopback } from './job.ts';
import { type LoadRecord, writeRecord } from './record.ts';
import { entryRequest } from './request.ts';
import type { LoadResult } from './result.ts';
import { Tally } from './tally.ts';
import { TicketBook } from './tickets.ts';

/**
 * Runs a job in this process: signs the tickets, awaits `signed`, connects, awaits `ready`, sends, and stops by itself.
 * Rejects with `LoadError`: `connect`, `protocol` (an answer that is not HTTP/1.1 framed by Content-Length), `aborted`.
 */
export async function runLoad(
  job: LoadJob,
  hooks: { signed?: () => Promise<void>; ready?: () => Promise<void>; signal?: AbortSignal } = {},
): Promise<{ result: LoadResult; record: LoadRecord }> {
  const tickets = new TicketBook(job.users, job.ticket);
  const tally = new Tally(job);
  const requests = job.bases.map(base => entryRequest(job, loopback(base), tickets));
  const loop = new ClosedLoop(job, requests, tally);
  let end: LoopEnd;
  try {
    await hooks.signed?.();
    await loop.connect();
    await hooks.ready?.();
    end = await loop.send(hooks.signal);
  } finally {
    loop.stop();
  }
  if (job.recordPath !== undefined) await writeRecord(job.recordPath, tally.record);
  return { result: tally.result(end.ended, end.cpuUs), record: tally.record };
}
