import uws, { type HttpResponse, type TemplatedApp } from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { Watcher } from './watcher.ts';

/** More than the kernel buffers for a connection whose client does not read. */
const FILL_BYTES = 16 * 1024 * 1024;

let app: TemplatedApp;
let port = 0;
const opened: HttpResponse[] = [];
let aborted = 0;

before(async () => {
  app = uws.App().get('/stream', res => {
    res.onAborted(() => {
      aborted += 1;
    });
    opened.push(res);
  });
  port = await new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, socket => {
      if (socket === false) reject(new Error('cannot listen'));
      else resolve(uws.us_socket_local_port(socket));
    });
  });
});
after(() => {
  app.close();
});

/** A real client that does not read, and its response on the server, with full buffers. */
async function slowClient() {
  const socket = connect(port, '127.0.0.1');
  let received = 0;
  socket.on('data', chunk => {
    received += chunk.length;
  });
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /stream HTTP/1.1\r\nhost: x\r\n\r\n');
  const res = await eventually(() => opened.pop());
  res.cork(() => {
    res.write('x'.repeat(FILL_BYTES));
  });
  return { socket, res, received: () => received };
}

const terms = { commentDueUs: 0, bufferAtMost: 100, ended: (): void => undefined };
const who = {
  userId: 'alice',
  campaignId: 1,
  shownAhead: Number.POSITIVE_INFINITY,
  shownWaitlistPosition: Number.POSITIVE_INFINITY,
};

test('writes once to a watcher who does not read, then queues, then disconnects at the byte cap', async () => {
  const { socket, res } = await slowClient();
  const watcher = new Watcher(res, who, terms);
  assert.equal(watcher.write('0123456789'), 'written', 'false from write() means buffered, not refused');
  for (let owed = 10; owed <= 100; owed += 10)
    assert.equal(watcher.write('0123456789'), 'owed', `${owed} bytes`);
  assert.equal(watcher.write('x'), 'too slow', '101 bytes');
  const before = aborted;
  watcher.drop();
  await eventually(() => aborted === before + 1);
  socket.destroy();
});

test('resumes writing when the watcher reads again, and drops what is outdated', async () => {
  const { socket, res, received } = await slowClient();
  const watcher = new Watcher(res, who, terms);
  watcher.write('a');
  assert.equal(watcher.write('b'), 'owed');
  socket.resume();
  await eventually(() => received() >= FILL_BYTES || assert.fail(`received ${received()}`));
  await eventually(() => watcher.write('c') === 'written');
  socket.destroy();
});

test('delivers the last event to a watcher who fell behind', async () => {
  const { socket, res } = await slowClient();
  let tail = '';
  socket.on('data', chunk => {
    tail = (tail + String(chunk)).slice(-200);
  });
  socket.pause();
  const watcher = new Watcher(res, who, terms);
  watcher.write('a');
  watcher.end('event: outcome\n\n');
  socket.resume();
  await eventually(() => tail.includes('event: outcome'));
  socket.destroy();
});
