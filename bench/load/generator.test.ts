import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Child, startPeer } from '../peers/process.ts';
import { runLoad } from './generator.ts';
import type { LoadError, LoadJob } from './job.ts';
import type { LoadRecord } from './record.ts';
import type { LoadResult } from './result.ts';
import {
  ACCEPTED,
  answerText,
  jobFor,
  nextTurn,
  type ReceivedRequest,
  startNastyServer,
} from './testing/job.ts';

const USERS = 300;

/** Runs against a misbehaving server; also returns what the server saw. */
async function runAgainst(
  answer: (request: ReceivedRequest) => void | Promise<void>,
  more: Partial<LoadJob> = {},
): Promise<{ result: LoadResult; record: LoadRecord; requestCounts: ReadonlyMap<string, number> }> {
  const server = await startNastyServer(answer);
  try {
    const { result, record } = await runLoad(jobFor(server.base, USERS, more));
    assertAddsUp(result, record);
    return { result, record, requestCounts: server.requestCounts };
  } finally {
    await server.close();
  }
}

/** What must hold between the counts of any run, whatever happened in it. */
function assertAddsUp(result: LoadResult, record: LoadRecord): void {
  const rows = [...record.rows()];
  const answered = Object.values(result.byStatus).reduce((sum, count) => sum + count, 0);
  const sumOf = (column: 'attempts' | 'lost'): number => rows.reduce((sum, row) => sum + row[column], 0);
  assert.equal(answered + result.unknown + result.timeouts, result.sent);
  assert.equal(sumOf('attempts'), result.sent);
  assert.equal(sumOf('lost'), result.unknown + result.timeouts);
  assert.equal(result.sent - result.retries, rows.length);
  assert.equal(rows.filter(row => row.status === 202).length, result.byStatus['202'] ?? 0);
}

const numberOf = (user: string): number => Number(user.slice(1));
const totalOf = (requestCounts: ReadonlyMap<string, number>): number =>
  [...requestCounts.values()].reduce((a, b) => a + b, 0);

suite('the generator against the echo', () => {
  let echo: Child & { readonly base: string };
  before(async () => {
    echo = await startPeer('echo');
  });
  after(() => echo.stop());

  test('sends one request per user and records each response', async () => {
    const { result, record } = await runLoad(
      jobFor([echo.base, echo.base.replace('127.0.0.1', 'localhost')], 2_000, { connections: 50 }),
    );
    assertAddsUp(result, record);
    assert.deepEqual(result.byStatus, { 202: 2_000 });
    assert.deepEqual(result.errors, {});
    assert.equal(result.ended, 'done');
    assert.equal(result.sent, 2_000);
    const rows = [...record.rows()];
    assert.equal(rows.length, 2_000);
    assert.equal(rows[1_999]?.user, 'u0001999');
    for (const row of rows) {
      assert.equal(row.stamp, 1_234_567_890_123);
      assert.equal(row.position, 12_345);
      assert.ok((row.sentUs ?? Infinity) <= (row.answeredUs ?? 0));
    }
    assert.ok(result.p50Ms > 0 && result.p50Ms <= result.p99Ms && result.p99Ms <= result.maxMs);
  });

  test('by time: stops when the time is over', async () => {
    const { result, record } = await runLoad(jobFor(echo.base, 100_000, { seconds: 0.3, expect: {} }));
    assertAddsUp(result, record);
    assert.equal(result.ended, 'time');
    assert.equal(result.byStatus['202'], result.sent);
    assert.ok(result.sent > 0 && result.sent < 100_000);
  });

  test('by time: reports that the users ran out first', async () => {
    const { result } = await runLoad(jobFor(echo.base, 50, { seconds: 60 }));
    assert.equal(result.ended, 'users');
    assert.deepEqual(result.byStatus, { 202: 50 });
  });

  test('counts a 202 with unexpected content', async () => {
    const { result } = await runLoad(jobFor(echo.base, 100, { expect: { campaign: 8 } }));
    assert.deepEqual(result.errors, { bad_answer: 100 });
  });
});

suite('the generator against a misbehaving server', () => {
  test('responses byte by byte', async () => {
    const { result, requestCounts } = await runAgainst(async ({ socket }) => {
      for (const byte of ACCEPTED) {
        socket.write(byte);
        await nextTurn();
      }
    });
    assert.deepEqual(result.byStatus, { 202: USERS });
    assert.deepEqual(result.errors, {});
    assert.equal(totalOf(requestCounts), USERS);
  });

  test('an interim response before the final one', async () => {
    const { result } = await runAgainst(({ socket }) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ACCEPTED}`);
    });
    assert.deepEqual(result.byStatus, { 202: USERS });
    assert.deepEqual(result.errors, {});
  });

  test('two responses in a packet: ignores the second', async () => {
    const isDouble = (user: string): boolean => numberOf(user) % 10 === 0;
    const { result, requestCounts } = await runAgainst(({ user, socket }) => {
      socket.write(isDouble(user) ? ACCEPTED + ACCEPTED : ACCEPTED);
    });
    assert.deepEqual(result.byStatus, { 202: USERS });
    assert.deepEqual(result.errors, { unsolicited: USERS / 10 });
    assert.equal(totalOf(requestCounts), USERS);
  });

  test('a close within a response counts as unknown, and retry repeats the request', async () => {
    const cutOff = ({ user, times, socket }: ReceivedRequest): void => {
      if (numberOf(user) % 10 === 0 && times === 1) socket.end(ACCEPTED.slice(0, 30));
      else socket.write(ACCEPTED);
    };
    const once = await runAgainst(cutOff);
    assert.equal(once.result.unknown, USERS / 10);
    assert.deepEqual(once.result.byStatus, { 202: USERS - USERS / 10 });
    assert.equal(once.result.retries, 0);
    assert.equal(totalOf(once.requestCounts), USERS);

    const again = await runAgainst(cutOff, { retry: true });
    assert.equal(again.result.unknown, USERS / 10);
    assert.deepEqual(again.result.byStatus, { 202: USERS });
    assert.equal(again.result.retries, USERS / 10);
    assert.equal(totalOf(again.requestCounts), USERS + USERS / 10);
  });

  test('a connection reset without a response', async () => {
    const { result } = await runAgainst(
      ({ user, times, socket }) => {
        if (numberOf(user) % 10 === 0 && times <= 2) socket.resetAndDestroy();
        else socket.write(ACCEPTED);
      },
      { retry: true },
    );
    assert.equal(result.unknown, (USERS / 10) * 2);
    assert.deepEqual(result.byStatus, { 202: USERS });
    assert.deepEqual(result.errors, { ECONNRESET: (USERS / 10) * 2 });
  });

  test('Connection: close after a response loses nothing', async () => {
    const { result } = await runAgainst(({ socket }) => {
      socket.end(answerText('202 Accepted', ['Connection: close']));
    });
    assert.deepEqual(result.byStatus, { 202: USERS });
    assert.equal(result.unknown, 0);
    assert.deepEqual(result.errors, {});
  });

  test('503 with Retry-After, then 202', async () => {
    const busy = answerText('503 Service Unavailable', ['Retry-After: 0'], '{"type":"busy"}');
    const answer = ({ user, times, socket }: ReceivedRequest): void => {
      socket.write(numberOf(user) % 30 === 0 && times <= 2 ? busy : ACCEPTED);
    };
    const once = await runAgainst(answer);
    assert.deepEqual(once.result.byStatus, { 202: USERS - USERS / 30, 503: USERS / 30 });
    assert.equal(once.result.retries, 0);

    const again = await runAgainst(answer, { retry: true });
    assert.deepEqual(again.result.byStatus, { 202: USERS, 503: (USERS / 30) * 2 });
    assert.equal(again.result.retries, (USERS / 30) * 2);
    assert.equal(again.requestCounts.get('u0000030'), 3);

    const limited = await runAgainst(answer, { retry: true, maxAttempts: 2 });
    assert.deepEqual(limited.result.byStatus, { 202: USERS - USERS / 30, 503: (USERS / 30) * 2 });
  });

  test('a server that is gone for good: its connections move to another', async () => {
    const gone = await startNastyServer(({ socket }) => {
      socket.destroy();
    });
    const good = await startNastyServer(({ socket }) => {
      socket.write(ACCEPTED);
    });
    try {
      const { result, record } = await runLoad(jobFor([gone.base, good.base], USERS, { retry: true }));
      assertAddsUp(result, record);
      assert.deepEqual(result.byStatus, { 202: USERS });
      assert.equal(totalOf(gone.requestCounts), result.unknown);
      assert.equal(totalOf(good.requestCounts), USERS);
    } finally {
      await gone.close();
      await good.close();
    }
  });

  test('no response: a time-out, and retry repeats the request', async () => {
    const { result } = await runAgainst(
      ({ user, times, socket }) => {
        if (numberOf(user) % 100 !== 0 || times > 1) socket.write(ACCEPTED);
      },
      { retry: true, timeoutMs: 1_000 },
    );
    assert.equal(result.timeouts, USERS / 100);
    assert.equal(result.retries, USERS / 100);
    assert.deepEqual(result.byStatus, { 202: USERS });
  });

  test('no response at all: the run stops at its limit', async () => {
    const { result } = await runAgainst(() => {}, { limitSeconds: 0.2 });
    assert.equal(result.ended, 'limit');
    assert.equal(result.sent, 10);
    assert.equal(result.unknown, 10);
    assert.equal(result.entriesPerSecond, 0);
  });

  test('Retry-After beyond the limit does not delay the run', async () => {
    const busy = answerText('503 Service Unavailable', ['Retry-After: 3600']);
    const { result } = await runAgainst(({ socket }) => void socket.write(busy), {
      retry: true,
      limitSeconds: 0.2,
    });
    assert.equal(result.ended, 'limit');
    assert.deepEqual(result.byStatus, { 503: 10 });
  });

  const notUnderstood = {
    'a chunked answer': 'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    'an answer without a length': 'HTTP/1.1 202 Accepted\r\n\r\n{}',
    'a non-HTTP response': '220 mail.example.org ESMTP\r\n',
    'two lengths': 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    'a non-numeric length': 'HTTP/1.1 202 Accepted\r\nContent-Length: 2x\r\n\r\n{}',
  };
  for (const [name, text] of Object.entries(notUnderstood)) {
    test(`${name} aborts the run`, async () => {
      const run = runAgainst(({ socket }) => void socket.write(text));
      await assert.rejects(run, (error: LoadError) => error.code === 'protocol');
    });
  }

  test('no server listens', async () => {
    const server = await startNastyServer(() => {});
    await server.close();
    await assert.rejects(runLoad(jobFor(server.base, 1)), (error: LoadError) => error.code === 'connect');
  });

  test('a run aborted by its signal', async () => {
    const server = await startNastyServer(() => {});
    const aborter = new AbortController();
    try {
      const run = runLoad(jobFor(server.base, 100), { signal: aborter.signal });
      setTimeout(() => aborter.abort(), 100);
      await assert.rejects(run, (error: LoadError) => error.code === 'aborted');
    } finally {
      await server.close();
    }
  });
});
