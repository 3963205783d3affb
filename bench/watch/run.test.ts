import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WatchRequest } from './job.ts';
import { readWatchRecord } from './record.ts';
import { runWatch, type WatchHooks } from './run.ts';
import {
  ACCEPTED,
  answered,
  CAMPAIGN,
  chunk,
  GONE,
  outcome,
  position,
  type ReceivedRequest,
  startWatchServer,
  streamHead,
  type WatchServer,
  watchJob,
} from './testing/job.ts';

const NOT_OPEN = answered('409 Conflict', { type: 'urn:fairline:problem:not-open-yet' }, ['Retry-After: 1']);
const SOLD_OUT = answered('409 Conflict', { type: 'urn:fairline:problem:sold-out' }, ['Retry-After: 3600']);
const NO_ENTRY = answered('404 Not Found', { type: 'urn:fairline:problem:no-entry' });
const WON = { outcome: 'won', serial: 4, code: 'abc' };

interface Ran extends Awaited<ReturnType<typeof runWatch>> {
  readonly requests: readonly (ReceivedRequest & { readonly gateway: number })[];
}

/** Runs watchers against one or two servers that answer as the test says; also returns the requests. */
async function watch(
  answer: (request: ReceivedRequest) => void | Promise<void>,
  { servers = 1, watchers = 1, enter = 'post' as 'post' | 'wait', job = {} as Partial<WatchRequest> } = {},
  hooks: WatchHooks = {},
): Promise<Ran> {
  const requests: (ReceivedRequest & { readonly gateway: number })[] = [];
  const counts = new Map<string, number>();
  const gateways: WatchServer[] = [];
  for (let number = 0; number < servers; number++) {
    gateways.push(
      await startWatchServer(one => {
        requests.push({ ...one, gateway: number });
        return answer(one);
      }, counts),
    );
  }
  try {
    const bases = gateways.map(({ base }) => base);
    return { ...(await runWatch(watchJob(bases, watchers, enter, job), hooks)), requests };
  } finally {
    for (const gateway of gateways) await gateway.close();
  }
}

test('enters early and again, watches, gets the outcome, reconnects once and gets 204', async () => {
  const { result, record, requests } = await watch(({ method, times, socket, lastEventId }) => {
    if (method === 'POST') socket.write(times === 1 ? NOT_OPEN : ACCEPTED);
    else if (lastEventId === undefined) {
      socket.write(streamHead() + position(3, 2) + chunk(':\n\n') + position(3, 0) + outcome(3, WON));
    } else socket.write(GONE);
  });
  assert.deepEqual(
    requests.map(({ method, lastEventId }) => [method, lastEventId]),
    [
      ['POST', undefined],
      ['POST', undefined],
      ['GET', undefined],
      ['GET', '7:4096:over'],
    ],
  );
  const [user] = record.users;
  assert.ok(user !== undefined);
  assert.deepEqual(
    user.posts.map(({ status, stamp }) => [status, stamp]),
    [
      [409, null],
      [202, 4_096],
    ],
  );
  assert.deepEqual([user.end, user.streams, user.heartbeats], ['told', 1, 1]);
  assert.equal(user.outcomes.length, 1);
  assert.deepEqual(
    [...record.shown.rows()].map(row => [row.watcher, row.position, row.ahead]),
    [
      [0, 3, 2],
      [0, 3, 0],
    ],
  );
  assert.deepEqual(result.ends, { told: 1, refused: 0, 'no-entry': 0, failed: 0, limit: 0 });
  assert.deepEqual([result.positionsBackward, result.missingOutcomes, result.heartbeats], [0, 0, 1]);
});

test('reconnects to the next gateway with its last id after a cut, and counts what goes backward', async () => {
  const { result, requests } = await watch(
    async ({ method, times, socket }) => {
      if (method === 'POST') socket.write(ACCEPTED);
      else if (times === 1) socket.end(streamHead() + position(3, 5));
      else if (times === 2) socket.end(streamHead() + position(4, 6));
      else if (times === 3) socket.write(streamHead() + outcome(2, WON));
      else socket.write(GONE);
    },
    { servers: 2 },
  );
  const ids = requests.filter(({ method }) => method === 'GET').map(({ lastEventId }) => lastEventId);
  assert.deepEqual(ids, [undefined, '7:4096:5', '7:4096:6', '7:4096:over']);
  assert.deepEqual(
    requests.map(({ gateway }) => gateway),
    [0, 0, 1, 0, 1],
  );
  // Ahead from 5 to 6, position from 3 to 4 (backward); then to 2, which is wrong as well for a final position.
  assert.deepEqual([result.positionsBackward, result.positionsMoved], [2, 1]);
  assert.deepEqual(result.errors, { closed: 2 });
  assert.equal(result.ends.told, 1);
});

test('waits for an entry that another client makes, but not forever', async () => {
  const finishing = new Promise(resolve => setTimeout(resolve, 1_500));
  const { result } = await watch(
    ({ user, times, socket, lastEventId }) => {
      const isMade = user.endsWith('0') && times > 2;
      socket.write(!isMade ? NO_ENTRY : lastEventId === undefined ? streamHead() + outcome(1, WON) : GONE);
    },
    { watchers: 2, enter: 'wait' },
    { finishing },
  );
  assert.deepEqual([result.ends.told, result.ends['no-entry']], [1, 1]);
});

test('a share reloads: with the last id like a lost connection, without it like a page, also after the outcome', async () => {
  const first = new Set<string>();
  const { result, record, requests } = await watch(
    ({ method, user, times, socket, lastEventId }) => {
      if (method === 'POST') socket.write(ACCEPTED);
      else if (lastEventId === '7:4096:over') socket.write(GONE);
      else if (times === 1) {
        first.add(user);
        socket.write(streamHead() + position(3, 2));
        // Watchers that do not reload are told while they wait.
        setTimeout(() => socket.write(outcome(3, WON)), 600);
      } else socket.write(streamHead() + position(3, 2) + outcome(3, WON));
    },
    {
      watchers: 8,
      job: { reloads: { share: 0.5, withoutIdShare: 0.5, times: 1, afterMs: { from: 1, to: 20 } } },
    },
  );
  assert.equal(first.size, 8);
  assert.equal(result.ends.told, 8);
  assert.deepEqual([result.positionsBackward, result.outcomesChanged], [0, 0]);
  const reloaders = record.users.filter(({ reloads }) => reloads > 0);
  assert.equal(reloaders.length, 4);
  const second = requests.filter(({ method, times }) => method === 'GET' && times === 2);
  const byId = (id: string | undefined): number =>
    second.filter(({ lastEventId }) => lastEventId === id).length;
  assert.deepEqual([byId('7:4096:2'), byId(undefined), byId('7:4096:over')], [2, 2, 4]);
  // A page that is reloaded after the outcome shows it again.
  assert.deepEqual(reloaders.map(({ outcomes }) => outcomes.length).sort(), [1, 1, 2, 2]);
});

test('counts a different outcome', async () => {
  const { result } = await watch(
    ({ method, times, socket, lastEventId }) => {
      if (method === 'POST') socket.write(ACCEPTED);
      else if (lastEventId !== undefined) socket.write(GONE);
      else socket.write(streamHead() + outcome(3, times === 1 ? WON : { outcome: 'not_drawn' }));
    },
    { job: { reloads: { share: 1, withoutIdShare: 1 } } },
  );
  assert.equal(result.outcomesChanged, 1);
});

test('counts refused, busy, lost and silent watchers', async () => {
  const busy = answered('503 Service Unavailable', {}, ['Retry-After: 0']);
  const { result, record } = await watch(
    ({ method, user, times, socket, lastEventId }) => {
      if (user.endsWith('0')) socket.write(SOLD_OUT);
      else if (method === 'POST') {
        if (times === 1) socket.write(busy);
        else if (times === 2) socket.destroy();
        else socket.write(ACCEPTED);
      } else if (lastEventId !== undefined) socket.write(GONE);
      else if (times === 1) socket.write(streamHead());
      else socket.write(streamHead() + outcome(1, WON));
    },
    { watchers: 2, job: { silenceMs: 300 } },
  );
  assert.deepEqual([result.ends.refused, result.ends.told], [1, 1]);
  const { closed = 0, ECONNRESET: reset = 0, silent = 0 } = result.errors;
  assert.deepEqual([closed + reset, silent], [1, 1]);
  const watcher = record.users.find(({ end }) => end === 'told');
  assert.deepEqual(
    watcher?.posts.map(({ status }) => status),
    [503, 0, 202],
  );
  assert.equal(record.users.find(({ end }) => end === 'refused')?.why, 'urn:fairline:problem:sold-out');
});

test('an unexpected answer ends a watcher, with the reason', async () => {
  const answers: readonly (readonly [string, RegExp])[] = [
    [answered('500 Internal Server Error', {}), /answered with 500/],
    [GONE, /over before an outcome/],
    ['HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi', /text\/html/],
    [streamHead() + chunk('event: position\ndata: {"ahead":1}\n\n'), /without a position/],
    [streamHead() + chunk('event: surprise\ndata: {"position":1,"ahead":1}\n\n'), /unknown event/],
    ['garbage\r\n', /status line/],
  ];
  const { record } = await watch(
    ({ method, user, socket }) => {
      socket.write(method === 'POST' ? ACCEPTED : (answers[Number(user.slice(1))]?.[0] ?? ''));
    },
    { watchers: answers.length },
  );
  for (const [index, { end, why }] of record.users.entries()) {
    assert.equal(end, 'failed', `watcher ${index}: ${why}`);
    assert.match(why, answers[index]?.[1] ?? /never/);
  }
});

test('runs thousands in one process, and reads back the record as written', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fairline-watch-'));
  try {
    const recordPath = join(directory, 'record');
    const { result, record } = await watch(
      ({ method, socket, lastEventId }) => {
        if (method === 'POST') socket.write(ACCEPTED);
        else if (lastEventId !== undefined) socket.write(GONE);
        else socket.write(streamHead() + position(2, 1) + position(2, 0) + outcome(2, WON));
      },
      { watchers: 1_500, job: { recordPath } },
    );
    assert.equal(result.ends.told, 1_500);
    assert.equal(result.positions, 3_000);
    const read = await readWatchRecord(recordPath);
    assert.deepEqual(read.users, record.users);
    assert.deepEqual([...read.shown.rows()], [...record.shown.rows()]);
    await truncate(recordPath, 100_000);
    await assert.rejects(readWatchRecord(recordPath));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a cut-off leaves every watcher in its current state', async () => {
  const { result } = await watch(
    ({ method, socket }) => {
      socket.write(method === 'POST' ? ACCEPTED : streamHead() + position(2, 1));
    },
    { watchers: 3, job: { limitSeconds: 0.5 } },
  );
  assert.deepEqual([result.ends.limit, result.missingOutcomes], [3, 3]);
});

test('spreads starts from the beginning of the run when no start is given', async () => {
  const spreadMs = 1_000;
  const groups = [{ campaign: CAMPAIGN, users: { from: 0, to: 2 }, enter: 'post' as const, spreadMs }];
  const beganMs = performance.now();
  const firstAskedMs = new Map<string, number>();
  const { result } = await watch(
    ({ method, user, socket }) => {
      if (!firstAskedMs.has(user)) firstAskedMs.set(user, performance.now() - beganMs);
      if (method === 'POST') socket.write(ACCEPTED);
      else if (!firstAskedMs.has(`${user} over`)) {
        firstAskedMs.set(`${user} over`, 0);
        socket.write(streamHead() + outcome(1, WON));
      } else socket.write(GONE);
    },
    { job: { groups } },
  );
  assert.equal(result.ends.told, 2);
  // A timer may be a little early, and on a busy machine it is late.
  const [, second = 0] = [...firstAskedMs].flatMap(([user, ms]) => (user.endsWith('over') ? [] : [ms]));
  assert.ok(second >= 0.9 * (spreadMs / 2), `the second one came after ${second} ms`);
});
