import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openEvents } from '../../engine/test/events.ts';
import { eventually } from '../../engine/test/support.ts';
import { type System, startSystem } from '../../engine/test/system.ts';

async function refusals(system: System, reason: string, gateway = 0): Promise<number> {
  const text = await (await fetch(`${system.gateways[gateway]?.url}/metrics`)).text();
  return Number(new RegExp(`fairline_refused_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

describe('each limit, at the limit', () => {
  let system: System;
  before(async () => {
    system = await startSystem({
      log: 'redis',
      gateways: 1,
      gatewayEnv: { MAX_SLICE_ENTRIES: '3', MAX_WAITING_ENTRIES: '1000', MAX_WATCHERS: '3' },
    });
    system.gateways.push(await system.startGateway({ MAX_WAITING_ENTRIES: '5' }));
    system.gateways.push(await system.startGateway({ MAX_CONNECTIONS: '4' }));
  });
  after(() => system.close());

  test('slices of at most three lose and reorder nobody', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => system.enter(`s${index}`, id)),
    );
    for (const answer of answers) assert.equal(answer.status, 202, answer.text);
    await eventually(async () => {
      const { rows } = await system.pool.query('select count(*) from entries where campaign_id = $1', [id]);
      return rows[0].count === 200;
    });
    const text = await (await fetch(`${system.gateways[0]?.url}/metrics`)).text();
    assert.match(text, /fairline_slice_entries_bucket\{le="4"\} (\d+)\n/);
    const [, small] = /fairline_slice_entries_bucket\{le="4"\} (\d+)/.exec(text) ?? [];
    const [, all] = /fairline_slice_entries_count (\d+)/.exec(text) ?? [];
    assert.equal(small, all, 'every slice is within the limit');
    assert.ok(Number(all) >= 200 / 3);
  });

  test('answers 503 with Retry-After and counts it when the log queue is full, and keeps every 202', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const port = system.gateways[1]?.port ?? 0;
    const tickets = await Promise.all(Array.from({ length: 300 }, (_, index) => system.ticket(`q${index}`)));
    const answers = await Promise.all(tickets.map(ticket => postAlone(port, id, ticket)));
    const refused = answers.filter(answer => answer.startsWith('HTTP/1.1 503'));
    const accepted = answers.filter(answer => answer.startsWith('HTTP/1.1 202'));
    assert.equal(refused.length + accepted.length, 300);
    assert.ok(refused.length > 0, 'a burst of 300 does not fit a queue of 5');
    for (const answer of refused) assert.match(answer, /retry-after: 1\r\n.*overloaded/s);
    assert.equal(await refusals(system, 'waiting', 1), refused.length);
    await eventually(async () => {
      const { rows } = await system.pool.query('select count(*) from entries where campaign_id = $1', [id]);
      return rows[0].count === accepted.length;
    });
  });

  test('limits the streams of one process', async () => {
    const id = await system.offer({ kind: 'raffle', winners: 1 });
    const users = ['a', 'b', 'c', 'd'];
    for (const user of users) await system.enter(user, id);
    const open = async (user: string) =>
      await openEvents(`${system.gateways[0]?.url}/v1/campaigns/${id}/queue`, {
        authorization: `Bearer ${await system.ticket(user)}`,
      });
    const [a, b, c] = [await open('a'), await open('b'), await open('c')];
    assert.deepEqual([a.status, b.status, c.status], [200, 200, 200]);
    assert.equal((await open('d')).status, 429);
    assert.equal(await refusals(system, 'watchers'), 1);
    a.close();
    await eventually(async () => {
      const stream = await open('d');
      stream.close();
      return stream.status === 200;
    });
    for (const stream of [b, c]) stream.close();
  });

  test('closes a connection beyond the limit, and keeps the others', async () => {
    const port = system.gateways[2]?.port ?? 0;
    const sockets: Socket[] = [];
    const open = (): Socket => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      return socket;
    };
    try {
      // The test's own keep-alive connections count as well.
      await eventually(async () => {
        const socket = open();
        return await new Promise<boolean>(resolve => {
          socket.once('close', () => resolve(true));
          setTimeout(() => resolve(false), 200);
        });
      });
      assert.ok(sockets.length <= 5);
      const alive = sockets.find(socket => !socket.destroyed);
      assert.ok(alive !== undefined);
      const answered = new Promise<string>(resolve => alive.once('data', data => resolve(String(data))));
      alive.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
      assert.match(await answered, /^HTTP\/1.1 200/);
      for (const socket of sockets) socket.destroy();
      await eventually(async () => (await refusals(system, 'connections', 2)) >= 1);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});

/** A POST on a new connection; resolves to the whole answer. */
async function postAlone(port: number, id: number, ticket: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const answer = new Promise<string>((resolve, reject) => {
    let text = '';
    socket.on('data', chunk => {
      text += chunk;
      if (text.endsWith('}')) resolve(text);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
  socket.write(
    `POST /v1/campaigns/${id}/entries HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ticket}\r\n\r\n`,
  );
  try {
    return await answer;
  } finally {
    socket.destroy();
  }
}
