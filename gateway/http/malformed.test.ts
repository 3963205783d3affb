/**
 * Malformed HTTP, on real sockets. uWebSockets.js reads heads in C++, out of reach of our code: a head that it refuses is
 * answered and the connection closed at once; what it takes for an unfinished head it holds, without notifying us, until
 * its compiled-in idle time-out (10 s, in steps of 4: 8 to 12 s after the connection was opened).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

const HOST = 'host: x\r\n';

/** Answered with an error; the connection is closed. */
const REFUSED: Readonly<Record<string, string>> = {
  'no version': `GET /livez\r\n${HOST}\r\n`,
  'an unknown version': `GET /livez HTTP/1.9\r\n${HOST}\r\n`,
  'no path': `GET HTTP/1.1\r\n${HOST}\r\n`,
  'a path without a slash': `GET livez HTTP/1.1\r\n${HOST}\r\n`,
  'two spaces': `GET  /livez HTTP/1.1\r\n${HOST}\r\n`,
  'a control character in the method': `G\x01T /livez HTTP/1.1\r\n${HOST}\r\n`,
  'bare line feeds': 'GET /livez HTTP/1.1\nhost: x\n\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  words: 'hello there\r\n\r\n',
  'a non-numeric length': `POST /livez HTTP/1.1\r\n${HOST}content-length: x\r\n\r\n`,
  'a negative length': `POST /livez HTTP/1.1\r\n${HOST}content-length: -1\r\n\r\n`,
  'a length and chunks': `POST /livez HTTP/1.1\r\n${HOST}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
};

/** Held until the time-out, then closed without an answer. */
const HELD: Readonly<Record<string, string>> = {
  'a dot and a space for a name': `GET /livez HTTP/1.1\r\n${HOST}. : x\r\n\r\n`,
  'a space before the colon': `GET /livez HTTP/1.1\r\n${HOST}a : x\r\n\r\n`,
  'brackets in a name': `GET /livez HTTP/1.1\r\n${HOST}(a): x\r\n\r\n`,
  'a non-ASCII name': `GET /livez HTTP/1.1\r\n${HOST}\xe9: x\r\n\r\n`,
  'no colon': `GET /livez HTTP/1.1\r\n${HOST}a\r\n\r\n`,
  'a folded line': `GET /livez HTTP/1.1\r\n${HOST}a: x\r\n b\r\n\r\n`,
  'a NUL in a value': `GET /livez HTTP/1.1\r\n${HOST}a: x\0y\r\n\r\n`,
  'no host': 'GET /livez HTTP/1.1\r\n\r\n',
  'too many headers': `GET /livez HTTP/1.1\r\n${HOST}${'a: b\r\n'.repeat(110)}\r\n`,
  'an unfinished head': `GET /livez HTTP/1.1\r\n${HOST}`,
  'an unfinished line': 'GE',
  nothing: '',
};

interface Ended {
  /** The answer before the gateway closed the connection. */
  readonly text: string;
}

describe('malformed HTTP', () => {
  let system: System;
  before(async () => {
    system = await startSystem({ log: 'redis', gateways: 1, gatewayEnv: { MAX_CONNECTIONS: '30' } });
  });
  after(() => system.close());

  const sockets = new Set<Socket>();
  const open = (): Socket => {
    const socket = connect(system.gateways[0]?.port ?? 0, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    return socket;
  };
  after(() => {
    for (const socket of sockets) socket.destroy();
  });
  /** Sends the text; resolves when the gateway has closed the connection. */
  const send = async (text: string): Promise<Ended> => {
    const socket = open();
    let answered = '';
    socket.on('data', chunk => {
      answered += chunk;
    });
    socket.write(Buffer.from(text, 'latin1'));
    await once(socket, 'close');
    return { text: answered };
  };
  const connections = async (): Promise<number> => {
    const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
    return Number(/^fairline_connections (\d+)/m.exec(text)?.[1]);
  };

  test('answers an invalid request line or framing, and closes the connection', async () => {
    for (const [what, text] of Object.entries(REFUSED)) {
      assert.match((await send(text)).text, /^HTTP\/1\.1 (400|505) .*connection: close/is, what);
    }
  });

  test('holds and closes a connection with a malformed header beside the others; more bytes gain no time', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const held = Object.entries(HELD).map(async ([what, text]) => ({ what, ...(await send(text)) }));
    const dripped = drip(open());
    await eventually(async () => (await connections()) > held.length);
    assert.equal((await system.enter('alice', id)).status, 202, 'other connections are served');
    for (const { what, text } of await Promise.all(held)) assert.equal(text, '', what);
    await dripped;
  });

  test('malformed connections never exceed MAX_CONNECTIONS, nor the memory that heads may use', async () => {
    const waiting = Array.from({ length: 60 }, () => open());
    for (const socket of waiting) socket.write(`GET /livez HTTP/1.1\r\n${HOST}. : x\r\n\r\n`);
    // Connections beyond the limit are closed; the others occupy it until the time-out.
    await eventually(() => sockets.size <= 30);
    await eventually(async () => (await connections().catch(() => Number.NaN)) <= 30);
    const answer = await send(`GET /livez HTTP/1.1\r\n${HOST}. : ${'x'.repeat(600_000)}\r\n\r\n`);
    assert.match(answer.text, /^(HTTP\/1\.1 431 |$)/);
    await eventually(() => sockets.size === 0);
  });
});

/** Sends a head that never ends, line by line; resolves when the gateway has closed the connection. */
async function drip(socket: Socket): Promise<void> {
  socket.write('GET /livez HTTP/1.1\r\n');
  const timer = setInterval(() => socket.write('a: b\r\n'), 500);
  await once(socket, 'close');
  clearInterval(timer);
}
