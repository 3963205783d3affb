import type { Answer } from './answer.ts';
import type { LoopTally } from './closed-loop.ts';
import { EntryBody, readEntryBody } from './entry-body.ts';
import { Histogram } from './histogram.ts';
import type { LoadJob } from './job.ts';
import { LoadRecord } from './record.ts';
import { type LoadResult, toResult } from './result.ts';

/** The record of a run: each user's row, and the counts, which must agree with the rows. */
export class Tally implements LoopTally {
  readonly record: LoadRecord;
  private readonly job: LoadJob;
  private readonly latencies = new Histogram();
  private readonly answers = new Float64Array(600);
  private readonly errors = new Map<string, number>();
  private readonly body = new EntryBody();
  private sent = 0;
  private retries = 0;
  private unknown = 0;
  private timeouts = 0;
  private startedUs = 0;
  private endedUs = 0;

  constructor(job: LoadJob) {
    this.job = job;
    this.record = new LoadRecord(job.users);
  }

  get users(): number {
    return this.record.length;
  }

  started(atUs: number): void {
    this.startedUs = atUs;
    this.endedUs = atUs;
  }

  noteSent(user: number, atUs: number): void {
    const attempts = this.record.attempts[user] ?? 0;
    this.record.attempts[user] = attempts + 1;
    this.sent++;
    if (attempts === 0) this.record.sentUs[user] = atUs;
    else this.retries++;
  }

  answered(user: number, answer: Answer, bytes: Buffer, sentUs: number, atUs: number): void {
    this.endedUs = atUs;
    this.latencies.add(atUs - sentUs);
    this.answers[answer.status] = (this.answers[answer.status] ?? 0) + 1;
    this.record.answeredUs[user] = atUs;
    this.record.status[user] = answer.status;
    if (answer.status === 202) this.accepted(user, answer, bytes);
  }

  /** A request of this user will not be answered any more. */
  lost(user: number, how: 'unknown' | 'timeouts'): void {
    this[how]++;
    this.record.lost[user] = (this.record.lost[user] ?? 0) + 1;
  }

  failed(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** Whether the job allows another request for this user. */
  mayAskAgain(user: number): boolean {
    return this.job.retry && (this.record.attempts[user] ?? 0) < this.job.maxAttempts;
  }

  result(ended: LoadResult['ended'], cpuUs: number): LoadResult {
    const byStatus: Record<string, number> = {};
    this.answers.forEach((count, status) => {
      if (count > 0) byStatus[status] = count;
    });
    const { sent, retries, unknown, timeouts, startedUs, endedUs } = this;
    const recordPaths = this.job.recordPath === undefined ? [] : [this.job.recordPath];
    const errors = Object.fromEntries(this.errors);
    const counts = { sent, byStatus, retries, unknown, timeouts, errors, cpuUs, startedUs, endedUs, ended };
    return toResult({ ...counts, recordPaths }, this.latencies);
  }

  private accepted(user: number, answer: Answer, bytes: Buffer): void {
    const { body } = this;
    const { expect } = this.job;
    const isObject = readEntryBody(bytes, answer.bodyStart, answer.bodyEnd, body);
    this.record.stamp[user] = body.stamp;
    const position = Number.isNaN(body.position) ? body.estimatedPosition : body.position;
    this.record.position[user] = position;
    const isGood =
      isObject &&
      (expect.campaign === undefined || body.campaign === expect.campaign) &&
      (!expect.stamp || !Number.isNaN(body.stamp)) &&
      (!expect.position || !Number.isNaN(position));
    if (!isGood) this.failed('bad_answer');
  }
}
