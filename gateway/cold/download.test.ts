/** Downloads over real sockets, with reads that fail and wait when a test says so. */
import uws from 'uWebSockets.js';
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../engine/test/support.ts';
import { listen } from '../http/listen.ts';
import { Reply } from '../http/reply.ts';
import { Download, type DownloadParts, DownloadSlots } from './download.ts';
import { LedgerUnavailable } from './ledger.ts';

const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

interface Served {
  readonly port: number;
  readonly url: string;
  /** Resolves when `run` of the only download has. */
  readonly run: Promise<void>;
  /** What `failed` was called with. */
  readonly failures: Error[];
  /** Open connections, as the server knows. */
  connections(): number;
}

type Source = Pick<DownloadParts, 'read' | 'extent'> & { readonly retryForMs?: number };

/** A server with one download for one request. */
async function serve({ read, extent, retryForMs = 60_000 }: Source): Promise<Served> {
  const failures: Error[] = [];
  let started: (run: Promise<void>) => void = () => undefined;
  const run = new Promise<void>(resolve => {
    started = resolve;
  });
  let connections = 0;
  const opensOrCloses = (change: number): void => {
    connections += change;
  };
  const app = uws.App().filter((_, change) => opensOrCloses(Number(change)));
  app.get('/*', res => {
    const reply = new Reply(res);
    const out = reply.file(200, {});
    if (out === undefined) return;
    const failed = (error: Error) => void failures.push(error);
    started(new Download({ name: 'it', reply, res: out, extent, read, retryForMs, failed }).run());
  });
  const port = await listen(app, { host: '127.0.0.1', port: 0, prefix: 'GATEWAY' });
  closing.push(() => app.close());
  return { port, url: `http://127.0.0.1:${port}/`, run, failures, connections: () => connections };
}

async function bytesOf(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

const unavailable = () => new LedgerUnavailable('it is away');

test('sends an extent from the middle of a part to the middle of another', async () => {
  const parts = [50, 70, 30, 90].map(size => randomBytes(size));
  const whole = Buffer.concat(parts);
  for (const [firstPart, skipped, bytes] of [
    [0, 0, 240],
    [0, 49, 1],
    [0, 49, 2],
    [1, 0, 70],
    [1, 69, 32],
    [3, 89, 1],
  ] as const) {
    const read: number[] = [];
    const served = await serve({
      extent: { firstPart, skipped, bytes },
      read: async part => {
        read.push(part);
        return parts[part];
      },
    });
    const from = [0, 50, 120, 150][firstPart] ?? 0;
    deepEqual(await bytesOf(served.url), whole.subarray(from + skipped, from + skipped + bytes));
    deepEqual(read, [0, 1, 2, 3].slice(firstPart, firstPart + read.length), 'each once, in order');
    deepEqual(served.failures, []);
  }
});

test('reads a part again that could not be read, and sends nothing twice', async () => {
  const parts = [1, 2, 3].map(() => randomBytes(1_000));
  const attempts: number[] = [];
  const { url, failures } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: 3_000 },
    read: async part => {
      attempts.push(part);
      // The first one twice, the others once.
      if (attempts.filter(each => each === part).length <= (part === 0 ? 2 : 1)) throw unavailable();
      return parts[part];
    },
  });
  deepEqual(await bytesOf(url), Buffer.concat(parts));
  deepEqual(attempts, [0, 0, 0, 1, 1, 2, 2]);
  deepEqual(failures, []);
});

test('goes on after a failure with a client that had stopped reading', async () => {
  // More than the kernel buffers for a connection whose client does not read.
  const [count, size] = [128, 262_144];
  const part = randomBytes(size);
  let failing = false;
  let failed = 0;
  let last = -1;
  const { url, failures } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: count * size },
    read: async index => {
      if (failing) {
        failed += 1;
        throw unavailable();
      }
      equal(index, last + 1, 'in order, each once');
      last = index;
      return part;
    },
  });
  const [response]: IncomingMessage[] = await once(get(url), 'response');
  // Nothing reads the response yet, so buffers fill up, and no more parts are read.
  for (let seen = -1; seen < last || last < 0; ) {
    seen = last;
    await sleep(300);
  }
  ok(last < count - 1, `buffers took all ${count} parts`);
  failing = true;
  const receiving = response?.toArray();
  await eventually(() => failed >= 2);
  failing = false;
  const body = Buffer.concat((await receiving) ?? []);
  equal(body.length, count * size);
  for (let index = 0; index < count; index++)
    ok(body.subarray(index * size, (index + 1) * size).equals(part), `part ${index}`);
  deepEqual(failures, []);
});

test('cuts the connection when a part could not be read within the bound', async () => {
  let attempts = 0;
  const { url, failures } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: 2_000 },
    retryForMs: 2_000,
    read: async part => {
      if (part === 0) return randomBytes(1_000);
      attempts += 1;
      throw unavailable();
    },
  });
  await rejects(bytesOf(url), TypeError);
  ok(attempts >= 2, `${attempts} attempts`);
  equal(failures.length, 1);
  match(String(failures[0]?.message), /^it was not sent whole: part 1 cannot be read: it is away$/);
});

for (const [why, error] of [
  ['the ledger refuses the statement', new LedgerUnavailable('no such table', { isTransient: false })],
  ['the read has a defect', new TypeError('a defect')],
  ['the part is missing', undefined],
] as const) {
  test(`cuts the connection at once when ${why}`, async () => {
    let attempts = 0;
    const { url, failures } = await serve({
      extent: { firstPart: 0, skipped: 0, bytes: 2_000 },
      read: async part => {
        if (part === 0) return randomBytes(1_000);
        attempts += 1;
        if (error !== undefined) throw error;
        return undefined;
      },
    });
    await rejects(bytesOf(url), TypeError);
    equal(attempts, 1);
    equal(failures.length, 1);
  });
}

test('stops reading again when the client is gone', { timeout: 30_000 }, async () => {
  let attempts = 0;
  const { port, run, failures, connections } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: 1_000 },
    read: async () => {
      attempts += 1;
      throw unavailable();
    },
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => attempts >= 2);
  socket.destroy();
  await eventually(() => connections() === 0);
  const before = attempts;
  // Otherwise it would read again for a minute, and then report a failure.
  await run;
  equal(attempts, before);
  deepEqual(failures, []);
});

test('drops a part that arrives when the client is gone', async () => {
  let give: ((bytes: Buffer) => void) | undefined;
  const { port, run, failures, connections } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: 1_000 },
    read: () =>
      new Promise(resolve => {
        give = resolve;
      }),
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => give !== undefined);
  socket.destroy();
  await eventually(() => connections() === 0);
  // uWebSockets.js ends a process that writes to a response that is gone.
  give?.(randomBytes(1_000));
  await run;
  deepEqual(failures, []);
});

test('is under way until the client has all of it or is gone, however long that takes', async () => {
  const [count, size] = [128, 262_144];
  const part = randomBytes(size);
  let last = -1;
  const { url, run } = await serve({
    extent: { firstPart: 0, skipped: 0, bytes: count * size },
    read: async index => {
      last = index;
      return part;
    },
  });
  let isOver = false;
  void run.then(() => {
    isOver = true;
  });
  const request = get(url);
  await once(request, 'response');
  for (let seen = -1; seen < last || last < 0; ) {
    seen = last;
    await sleep(300);
  }
  ok(last < count - 1, `buffers took all ${count} parts`);
  equal(isOver, false);
  request.destroy();
  await run;
});

test('slots are as many as allowed, and free again', () => {
  const slots = new DownloadSlots(2);
  deepEqual([slots.take(), slots.take(), slots.take()], [true, true, false]);
  slots.give();
  deepEqual([slots.take(), slots.take()], [true, false]);
});
