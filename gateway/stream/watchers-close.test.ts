/** A stopping gateway with many streams: its own loop and sockets, no log and no stores. */
import uws, { type TemplatedApp } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { Metrics, OF_NOBODY } from '../metrics.ts';
import { Watcher } from './watcher.ts';
import { TOLD_A_TURN, Watchers, type WatchersParts } from './watchers.ts';

/** Needs several turns, and its last one is not full. */
const STREAMS = 3 * TOLD_A_TURN + 50;

const metrics = new Metrics(OF_NOBODY);
const closed: string[] = [];
const clients: Socket[] = [];
let ended = 0;
let app: TemplatedApp;
let port = 0;

/** A board without campaigns: watchers are shown nothing until the close. */
const parts: WatchersParts = {
  board: { campaign: () => undefined, epoch: '', listen: () => undefined, rankedUs: 0, readAtUs: 0 },
  lookups: { find: () => Promise.resolve(undefined) },
  aheadCounts: { ahead: () => 0, left: () => false, returned: () => false },
  claimants: {
    moves: { listen: () => undefined, waiting: () => 0 },
    deadlines: { nowUs: () => 0, shownUs: () => undefined },
  },
  presence: { opened: () => undefined, closed: (_campaign, userId) => closed.push(userId) },
  etas: { of: () => null },
  metrics,
  eventsPerSecond: 1,
  commentMs: 60_000,
};

const watchers = new Watchers(parts);

before(async () => {
  app = uws.App().get('/:user', (res, req) => {
    const who = { userId: req.getParameter(0) ?? '', campaignId: 1, shownAhead: 0, shownWaitlistPosition: 0 };
    let watcher: Watcher | undefined;
    const over = (): void => {
      ended += 1;
      if (watcher !== undefined) watchers.remove(watcher);
    };
    res.onAborted(over);
    res.write(':\n\n');
    watcher = new Watcher(res, who, { commentDueUs: Number.MAX_VALUE, bufferAtMost: 100, ended: over });
    watchers.add(watcher, undefined);
  });
  port = await new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, socket => {
      if (socket === false) reject(new Error('cannot listen'));
      else resolve(uws.us_socket_local_port(socket));
    });
  });
});
after(() => {
  for (const client of clients) client.destroy();
  app.close();
});

async function watch(user: string): Promise<{ readonly isCut: () => boolean }> {
  let isCut = false;
  const client = connect(port, '127.0.0.1', () => client.write(`GET /${user} HTTP/1.1\r\nhost: x\r\n\r\n`));
  clients.push(client);
  client.resume();
  client.on('error', () => undefined);
  client.on('close', () => {
    isCut = true;
  });
  return { isCut: () => isCut };
}

/** A figure of the histogram that operators watch. */
async function toldATurn(figure: 'sum' | 'count' | 'bucket', le?: number): Promise<number | undefined> {
  const { values } = await metrics.toldATurn.get();
  return values.find(({ metricName = '', labels }) => metricName.endsWith(`_${figure}`) && labels.le === le)
    ?.value;
}

test('a stopping gateway closes its streams in turns of a hundred, each one, with other work in between', async () => {
  const users = Array.from({ length: STREAMS }, (_, index) => `user-${index}`);
  const watched = await Promise.all(users.map(watch));
  await eventually(() => watchers.count === STREAMS);

  const endedByTurn: number[] = [];
  let isClosing = true;
  const look = (): void => {
    endedByTurn.push(ended);
    if (isClosing) setImmediate(look);
  };
  setImmediate(look);
  await watchers.close();
  isClosing = false;

  assert.equal(watchers.count, 0);
  assert.deepEqual(closed.toSorted(), users.toSorted(), 'each once');
  await eventually(() => watched.every(({ isCut }) => isCut()));
  const most = Math.max(...endedByTurn.map((count, turn) => count - (endedByTurn[turn - 1] ?? 0)));
  assert.ok(most <= TOLD_A_TURN, `ended so far, turn by turn: ${endedByTurn}`);
  assert.ok(endedByTurn.length >= STREAMS / TOLD_A_TURN, `${endedByTurn}`);
  await eventually(async () => (await toldATurn('sum')) === STREAMS);
  assert.equal(
    await toldATurn('bucket', TOLD_A_TURN),
    await toldATurn('count'),
    'no turn exceeded the limit',
  );
});

test('a stream that opens while the gateway stops is closed at once', async () => {
  const before = ended;
  const late = await watch('late');
  await eventually(() => late.isCut());
  assert.equal(ended, before + 1);
  assert.equal(watchers.count, 0);
});
