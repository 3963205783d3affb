import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerText } from '../load/testing/job.ts';
import { startRawServer } from '../load/testing/raw-server.ts';
import { LostRun } from '../system/books.ts';
import { type CouponJob, NUMBER_DIGITS } from './job.ts';
import { runJob } from './run.ts';

const BODY = '{"remaining":5}';

function jobFor(base: string, more: Partial<CouponJob> = {}): CouponJob {
  const job = {
    base,
    method: 'GET',
    path: '/v1/coupons/A',
    headers: { 'x-number': 'n-{n}' },
    body: '',
  } as const;
  return { ...job, connections: 5, seconds: 0.3, from: 1_000, status: 200, ...more };
}

const nothing = async () => async () => undefined;

test('counts each answer once, and numbers the requests in a row', async () => {
  const numbers: string[] = [];
  const server = await startRawServer(async (socket, head) => {
    numbers.push(/^x-number: n-(\S+)$/m.exec(head)?.[1] ?? '');
    socket.write(answerText('200 OK', [], BODY));
  });
  try {
    const { run } = await runJob(jobFor(server.base), nothing);
    assert.equal(run.answered, numbers.length);
    assert.ok(run.answered >= 5);
    assert.ok(run.p50Ms > 0 && run.p50Ms <= run.p99Ms);
    assert.ok(run.seconds >= 0.29);
    const expected = numbers.map((_, index) => String(1_000 + index).padStart(NUMBER_DIGITS, '0'));
    assert.deepEqual(numbers.sort(), expected);
  } finally {
    await server.close();
  }
});

test('an unexpected answer, and a lost connection, end the run with an error that names it', async () => {
  const sold = await startRawServer(async socket => {
    socket.write(answerText('409 Conflict', [], '{"type":"exhausted"}'));
  });
  const gone = await startRawServer(async socket => {
    socket.destroy();
  });
  try {
    const isLost = (message: RegExp) => (error: unknown) =>
      error instanceof LostRun && message.test(error.message);
    await assert.rejects(runJob(jobFor(sold.base), nothing), isLost(/an answer was 409: .*exhausted/));
    await assert.rejects(runJob(jobFor(gone.base), nothing), isLost(/a connection failed: /));
  } finally {
    await sold.close();
    await gone.close();
  }
});
